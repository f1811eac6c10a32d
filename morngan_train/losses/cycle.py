"""Cycle consistency: a picture that went to the other domain and back is the picture."""

from typing import Literal

import torch
from torch.nn import functional as F

from morngan_train.colorspace import to_unit
from morngan_train.losses.ssim import ssim

Form = Literal['smooth_l1', 'l1']


def cycle_loss(
    reconstruction: torch.Tensor,
    image: torch.Tensor,
    *,
    weight: float = 10.0,
    ssim_weight: float = 1.0,
    window: int = 3,
    form: Form = 'smooth_l1',
) -> torch.Tensor:
    """Return weight · SmoothL1(x̂, x) + ssim_weight · (1 − SSIM(û, u)).

    Args:
        reconstruction: [N, 3, H, W] in [-1, 1].
        image: The same shape and range.
        weight: Of the smooth L1 term (beta 1, mean, on [-1, 1]).
        ssim_weight: λ_ssim; 0 leaves the SSIM uncomputed.
        window: Side of the SSIM window.
        form: `l1` takes the absolute difference instead, as CycleGAN does.

    Returns:
        Scalar, at least 0.
    """
    distance = F.smooth_l1_loss if form == 'smooth_l1' else F.l1_loss
    loss = weight * distance(reconstruction, image)
    if ssim_weight:
        loss = loss + ssim_weight * (1 - ssim(to_unit(reconstruction), to_unit(image), window))
    return loss
