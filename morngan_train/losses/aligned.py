"""Supervision by registered day pairs: thermal by day -> the colour picture beside it.

This is no part of the paper, whose method is unpaired. On little data an unpaired translator stays
at the polarity of the thermal picture (black sky, white people); some registered day pairs, as
KAIST has them, pull it out. Registration is imperfect, so structure is compared blurred.
"""

import torch
from torch.nn import functional as F

from morngan_train.colorspace import luminance
from morngan_train.colorspace import to_unit
from morngan_train.losses.ssim import ssim

CHROMA_BLUR = 4.0
COLOR_FLOOR = 0.02


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


def chroma(image: torch.Tensor) -> torch.Tensor:
    """Return what is left of a picture without its luminance: x − gray(x), same shape."""
    return image - luminance(image)


def aligned_loss(
    fake: torch.Tensor,
    target: torch.Tensor,
    *,
    sigma: float = 1.0,
    ssim_weight: float = 1.0,
    blurred_weight: float = 0.0,
    chroma_weight: float = 0.0,
) -> torch.Tensor:
    """Return |f − t| + w_s · (1 − SSIM(b(f), b(t))) + w_b · |b(f − t)| + w_c · ω |b'(c(f) − c(t))|.

    b is a blur that forgives small shifts; c is `chroma` and b' a blur four times as wide: colour
    needs no sharp borders, and without a term of its own it drowns in the structure of the picture.
    ω weighs colourful pixels of the target more than grey ones, with mean 1.
    The first term is not blurred: a blur cannot see the checkerboards of pixel shuffling.

    Args:
        fake: f = G_BA(day thermal), [N, 3, H, W] in [-1, 1].
        target: t, the registered day colour picture, same shape and range.
        sigma: Blur b in pixels.
        ssim_weight: w_s of the SSIM part (window 11, on [0, 1]).
        blurred_weight: w_b of the blurred difference.
        chroma_weight: w_c of the colour part.

    Returns:
        Scalar, at least 0.
    """
    loss = F.l1_loss(fake, target)
    if ssim_weight:
        x, y = gaussian_blur(fake, sigma), gaussian_blur(target, sigma)
        loss = loss + ssim_weight * (1 - ssim(to_unit(x), to_unit(y), 11))
    if blurred_weight:
        loss = loss + blurred_weight * gaussian_blur(fake - target, sigma).abs().mean()
    if chroma_weight:
        wanted = chroma(target)
        wide = gaussian_blur(chroma(fake) - wanted, CHROMA_BLUR * sigma)
        loss = loss + chroma_weight * (_colorfulness(wanted) * wide.abs()).mean()
    return loss


def _colorfulness(wanted: torch.Tensor) -> torch.Tensor:
    """Weigh pixels by how colourful the target is there, mean 1 in every picture: [N, 1, H, W].

    Most pixels of a street are grey, and grey is what their median would paint everywhere.
    """
    strength = wanted.abs().mean(1, keepdim=True) + COLOR_FLOOR
    return strength / strength.mean((2, 3), keepdim=True)
