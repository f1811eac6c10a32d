"""The local pattern of gradients must stay that of the thermal frame, weak edges too."""

import torch
from torch.nn import functional as F

from morngan_train.losses.gradient import gradient_magnitude

WINDOW = 15
"""Side of the neighbourhood in which gradients are compared, pixels."""

FLATNESS = 1e-4
"""Variance below which a neighbourhood counts as flat."""


def _mean(x: torch.Tensor) -> torch.Tensor:
    return F.avg_pool2d(x, WINDOW, stride=WINDOW // 2 + 1)


def edge_correlation_loss(fake: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
    """Return Σ w · (1 − corr(G(fake), G(source))) / Σ w over neighbourhoods of 15x15 pixels.

    The correlation knows no scale: a translation may weaken all edges of a place alike. w is the
    standard deviation of G(source), so that places with strong edges count more.

    Args:
        fake: Translation of the source, [N, 3, H, W] in [-1, 1], sides at least 15.
        source: Thermal, same shape and range; no gradient goes there.

    Returns:
        Scalar in [0, 2].
    """
    f, r = gradient_magnitude(fake), gradient_magnitude(source).detach()
    mean_f, mean_r = _mean(f), _mean(r)
    variance_f = (_mean(f * f) - mean_f.square()).clamp_min(0) + FLATNESS
    variance_r = (_mean(r * r) - mean_r.square()).clamp_min(0) + FLATNESS
    correlation = (_mean(f * r) - mean_f * mean_r) / (variance_f * variance_r).sqrt()
    weight = variance_r.sqrt()
    return (weight * (1 - correlation)).sum() / weight.sum()
