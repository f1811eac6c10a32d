"""Attentional cross-domain conditional similarity (ACCS) of PearlGAN.

What a scale looks at in one domain resembles what the same scale looks at in the other one.
"""

import torch
from torch.nn import functional as F

OVERLAP = 0.25
"""Weight of the similarity of scales within a picture."""


def accs_loss(
    features: torch.Tensor,
    maps: torch.Tensor,
    other_features: torch.Tensor,
    other_maps: torch.Tensor,
) -> torch.Tensor:
    """Return how much nearer some other scale is than the same one, and how alike scales are.

    Each map gives the mean of the features under it, normalised to length 1. A scale costs its
    largest cosine to any scale of the other picture, less that to its own scale; the strongest
    attention of a scale, in the picture that has less of it, is its weight. Mean over the batch.

    Args:
        features: Of one picture, [N, C, h, w]; detached here, so that the maps alone learn.
        maps: Its attention, [N, K, h, w] in (0, 1).
        other_features: Of the translation of a picture of the other domain, by the same encoder.
        other_maps: Attention of that picture before its translation.

    Returns:
        Scalar, at least 0.
    """
    ours, theirs = _means(features, maps), _means(other_features, other_maps)
    cosines = ours @ theirs.mT
    farther = cosines.amax(2) - cosines.diagonal(dim1=1, dim2=2)
    weights = torch.minimum(maps.amax((2, 3)), other_maps.amax((2, 3)))
    apart = (weights * farther).sum(1) / (weights.sum(1) + 1e-6)
    return (apart + OVERLAP * (_overlap(ours) + _overlap(theirs))).mean()


def _means(features: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    """Return the direction of the weighted mean feature of each scale, [N, K, C] of length 1."""
    return F.normalize(torch.einsum('nkhw,nchw->nkc', maps, features.detach()), dim=2)


def _overlap(means: torch.Tensor) -> torch.Tensor:
    """Return the mean of all cosines between scales, those of a scale to itself counted as 0."""
    scales = means.shape[1]
    others = 1 - torch.eye(scales, device=means.device)
    return F.relu((means @ means.mT * others).mean((1, 2)))
