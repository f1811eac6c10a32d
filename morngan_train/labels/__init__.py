"""Semantic labels of both domains: where they come from and how they are cleaned.

Label maps hold Cityscapes trainIds 0 to 18 and 255 for unlabelled pixels.
"""
