"""The gradient operator that structure losses share."""

import torch
from torch.nn import functional as F

from morngan_train.colorspace import luminance
from morngan_train.colorspace import to_unit

EPSILON = 1e-6


def gradient_magnitude(image: torch.Tensor, *, padding: str = 'replicate') -> torch.Tensor:
    """Return G = √(gx² + gy² + 1e-6) of the luminance, with central differences x[i+1] − x[i−1].

    Args:
        image: [N, 3, H, W] in [-1, 1].
        padding: `replicate`, or `zeros` as in the released code. Zeros make a false edge as strong
            as the border is bright, which then dominates the maximum of the patch.

    Returns:
        [N, 1, H, W], at least 1e-3.
    """
    mode = 'constant' if padding == 'zeros' else padding
    gray = F.pad(to_unit(luminance(image)), (1, 1, 1, 1), mode=mode)
    gx = gray[..., 1:-1, 2:] - gray[..., 1:-1, :-2]
    gy = gray[..., 2:, 1:-1] - gray[..., :-2, 1:-1]
    return (gx.square() + gy.square() + EPSILON).sqrt()
