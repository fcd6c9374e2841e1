"""What of a past run to execute again, and from where."""
