"""The smallest script that records something."""

import flor

flor.log("msg", "Hello world!")
