"""The command `evaluate`: score colorized pictures of a test set."""
