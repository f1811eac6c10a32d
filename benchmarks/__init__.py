"""Measurements of speed; not installed with the package."""
