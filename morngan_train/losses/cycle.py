"""Cycle consistency: a picture that went to the other domain and back is the picture."""

import torch
from torch.nn import functional as F

from morngan_train.colorspace import to_unit
from morngan_train.losses.ssim import ssim


def cycle_loss(
    reconstruction: torch.Tensor,
    image: torch.Tensor,
    *,
    weight: float = 10.0,
    ssim_weight: float = 1.0,
    window: int = 3,
) -> torch.Tensor:
    """Return weight · SmoothL1(x̂, x) + ssim_weight · (1 − SSIM(û, u)).

    Args:
        reconstruction: [N, 3, H, W] in [-1, 1].
        image: The same shape and range.
        weight: Of the smooth L1 term (beta 1, mean, on [-1, 1]).
        ssim_weight: λ_ssim; 0 leaves the SSIM uncomputed.
        window: Side of the SSIM window.

    Returns:
        Scalar, at least 0.
    """
    loss = weight * F.smooth_l1_loss(reconstruction, image)
    if ssim_weight:
        loss = loss + ssim_weight * (1 - ssim(to_unit(reconstruction), to_unit(image), window))
    return loss
