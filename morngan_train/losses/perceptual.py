"""Perceptual loss: two pictures are alike if a network that has seen the world says so.

After Johnson, Alahi and Fei-Fei (2016), with channel-normalised features as in LPIPS (Zhang et al.,
2018). What it sees is coarser than a pixel, so small errors of registration cost little.
"""

from collections.abc import Sequence

import torch
from torch.nn import functional as F


def perceptual_loss(fake: Sequence[torch.Tensor], target: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the mean over levels and places of |f/‖f‖ − t/‖t‖|², norms taken over channels.

    Args:
        fake: Features of the translated picture by level, [N, C_l, h_l, w_l] each.
        target: Features of the real one, the same shapes; no gradient goes there.

    Returns:
        Scalar in [0, 4].
    """
    return torch.stack(
        [
            (F.normalize(f, dim=1) - F.normalize(t.detach(), dim=1)).square().sum(1).mean()
            for f, t in zip(fake, target, strict=True)
        ]
    ).mean()
