"""Edges of the source must be edges of the translation, each picture by its own scale.

APCE counts, at many thresholds, which edge pixels of the source are edges in the translation too.
Its Canny divides gradients by the largest of the picture. This loss is that count made smooth: what
matters is not how strong a gradient is, but how strong among those of its picture.
"""

import torch
from torch.nn import functional as F

from morngan_train.colorspace import luminance
from morngan_train.colorspace import to_unit

SIGMA = 2**0.5
"""Of the smoothing, as in the Canny of APCE."""

RADIUS = 4

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)

STRONGEST = 16
"""The scale of a picture is the mean of so many of its largest gradients, not a single pixel's."""

FLOOR = 0.02
"""Smallest scale, of [0, 1]: an empty road must not become a picture of its noise."""


def smooth_gradients(image: torch.Tensor) -> torch.Tensor:
    """Return (gx, gy) of the luminance, smoothed by a Gaussian of √2 pixels.

    Args:
        image: [N, 3, H, W] in [-1, 1].

    Returns:
        [N, 2, H, W], a change of [0, 1] a pixel.
    """
    t = torch.arange(-RADIUS, RADIUS + 1, dtype=image.dtype, device=image.device)
    smooth = torch.exp(-t.square() / (2 * SIGMA**2))
    smooth = smooth / smooth.sum()
    slope = t * smooth / (t.square() * smooth).sum()  # 1 on a ramp of 1 a pixel
    gray = F.pad(to_unit(luminance(image)), (RADIUS,) * 4, mode='replicate')
    gx = F.conv2d(F.conv2d(gray, smooth[None, None, :, None]), slope[None, None, None, :])
    gy = F.conv2d(F.conv2d(gray, smooth[None, None, None, :]), slope[None, None, :, None])
    return torch.cat([gx, gy], 1)


def _scale(magnitude: torch.Tensor) -> torch.Tensor:
    """Return the scale of each picture, [N, 1, H, W] -> [N, 1, 1, 1]."""
    strongest = magnitude.flatten(1).topk(STRONGEST).values.mean(1)
    return strongest.clamp_min(FLOOR)[:, None, None, None]


def edge_recall_loss(fake: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
    """Return the mean over thresholds t of Σ_{r > t} relu(t − f) / (t · |r > t|).

    r = |∇source| and f = |∇fake · ∇source| / |∇source|, each divided by the scale of its picture:
    only the part of a gradient counts that points along the source's, whatever its sign. An edge
    that turns dark into light is as good as one that turns light into dark.

    Args:
        fake: Translation G_BA(source), [N, 3, H, W] in [-1, 1].
        source: Thermal, same shape and range.

    Returns:
        Scalar in [0, 1]: the share of edges that is missing.
    """
    with torch.no_grad():
        wanted = smooth_gradients(source)
        strength = wanted.square().sum(1, keepdim=True).sqrt()
        direction = wanted / strength.clamp_min(1e-6)
        r = strength / _scale(strength)
    found = smooth_gradients(fake)
    magnitude = (found.square().sum(1, keepdim=True) + 1e-8).sqrt()
    f = (found * direction).sum(1, keepdim=True).abs() / _scale(magnitude)
    losses = []
    for t in THRESHOLDS:
        edges = (r > t).to(f.dtype)
        losses.append((edges * F.relu(t - f)).sum() / (t * edges.sum()).clamp_min(1e-6))
    return torch.stack(losses).mean()
