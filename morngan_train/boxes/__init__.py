"""Boxes of road users that a detector finds in the frames of a data folder."""
