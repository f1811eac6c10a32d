"""Data sets: unpaired day and night frames, cut into crops that belong together."""
