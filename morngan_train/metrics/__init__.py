"""Scores of colorized pictures: edges, segmentation, detection, likeness."""
