"""Colour that is known only at low resolution: the translation is compared after shrinking."""

import torch
from torch.nn import functional as F


def low_resolution_loss(fake: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return the mean of |pool(fake) − target|, pool averaging the pixels under one of the target.

    It teaches colour and says nothing of detail.

    Args:
        fake: G_BA(thermal), [N, 3, k·h, k·w] in [-1, 1].
        target: The picture, shrunk: [N, 3, h, w] in [-1, 1].

    Returns:
        Scalar, at least 0.
    """
    return F.l1_loss(F.adaptive_avg_pool2d(fake, (target.shape[-2], target.shape[-1])), target)
