"""Supervision by registered day pairs: thermal by day -> the colour picture beside it.

This is no part of the paper, whose method is unpaired. On little data an unpaired translator stays
at the polarity of the thermal picture (black sky, white people); some registered day pairs, which
FLIR and KAIST have, pull it out. Registration is imperfect, so both sides are blurred.
"""

import torch
from torch.nn import functional as F

from morngan_train.colorspace import to_unit
from morngan_train.losses.ssim import ssim


def gaussian_blur(x: torch.Tensor, sigma: float) -> torch.Tensor:
    """Blur [N, C, H, W] with a Gaussian of `sigma` pixels and reflecting borders; 0 is identity."""
    if sigma <= 0:
        return x
    radius = int(3 * sigma + 0.5)
    t = torch.arange(-radius, radius + 1, dtype=x.dtype, device=x.device)
    g = torch.exp(-t.square() / (2 * sigma**2))
    kernel = (g / g.sum()).expand(x.shape[1], 1, -1)
    x = F.pad(x, (radius,) * 4, mode='reflect')
    x = F.conv2d(x, kernel[:, :, None, :], groups=x.shape[1])
    return F.conv2d(x, kernel[:, :, :, None], groups=x.shape[1])


def aligned_loss(
    fake: torch.Tensor, target: torch.Tensor, *, sigma: float = 1.0, ssim_weight: float = 1.0
) -> torch.Tensor:
    """Return |b(fake) − b(target)| + ssim_weight · (1 − SSIM), b a blur that forgives shifts.

    Args:
        fake: G_BA(day thermal), [N, 3, H, W] in [-1, 1].
        target: The registered day colour picture, same shape and range.
        sigma: Blur in pixels.
        ssim_weight: Of the SSIM part (window 11, on [0, 1]).

    Returns:
        Scalar, at least 0.
    """
    x, y = gaussian_blur(fake, sigma), gaussian_blur(target, sigma)
    loss = F.l1_loss(x, y)
    if ssim_weight:
        loss = loss + ssim_weight * (1 - ssim(to_unit(x), to_unit(y), 11))
    return loss
