"""What happens inside the user's process while it is recorded."""
