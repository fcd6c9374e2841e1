"""One log call: PEER."""

import sys

import peers

peer = peers.named(sys.argv[1])
peer.log("message", 1.0, 0)
peer.close()
