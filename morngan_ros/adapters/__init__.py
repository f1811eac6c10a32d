"""Models that others made: their heads, their metadata, their ranges."""
