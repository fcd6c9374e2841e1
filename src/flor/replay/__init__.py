"""Enter a past run again: to resume it, and to answer what was logged in hindsight."""
