"""The losses of the paper, one file each; all take images in [-1, 1] and return a scalar.

Losses are computed in float32 whatever the precision of the networks: the trainer calls them
outside of autocast on float32 tensors.
"""
