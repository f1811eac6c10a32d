"""Colour may change where the thermal frame has an edge, and hardly elsewhere: against haloes."""

import torch
from torch.nn import functional as F

from morngan_train.colorspace import luminance
from morngan_train.losses.gradient import gradient_magnitude

SHARPNESS = 25.0
"""How fast the weight falls with the gradient of the thermal frame, in units of [0, 1]."""

WINDOW = 5
"""An edge excuses a change of colour within two pixels: registration is no better."""


def chroma_smoothness(fake: torch.Tensor, thermal: torch.Tensor) -> torch.Tensor:
    """Return mean[w · (|Δ_x c| + |Δ_y c|)], c = (fake − gray(fake)) / 2, w = exp(−25 · max₅ₓ₅ G).

    Args:
        fake: G_BA(thermal), [N, 3, H, W] in [-1, 1].
        thermal: Same shape and range; G is its gradient magnitude, without gradient.

    Returns:
        Scalar, at least 0.
    """
    with torch.no_grad():
        gradient = gradient_magnitude(thermal)
        edges = F.max_pool2d(gradient, WINDOW, stride=1, padding=WINDOW // 2)
        weight = torch.exp(-SHARPNESS * edges)
    chroma = (fake - luminance(fake)) / 2
    dx = (chroma[..., :, 1:] - chroma[..., :, :-1]).abs()
    dy = (chroma[..., 1:, :] - chroma[..., :-1, :]).abs()
    return (weight[..., :, 1:] * dx).mean() + (weight[..., 1:, :] * dy).mean()
