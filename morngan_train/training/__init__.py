"""The training itself: the command `fit`, the run, its steps."""
