"""The head for road users, trained alone: the picture stays as it is, to the bit."""
