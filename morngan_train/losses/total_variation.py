"""Total variation in the squared form that the authors use."""

import torch


def total_variation(image: torch.Tensor) -> torch.Tensor:
    """Return 2 · (Σ(Δ_h x)² / (C(H−1)W) + Σ(Δ_w x)² / (CH(W−1))) / N on [-1, 1].

    These are squared differences, each averaged: not the absolute, summed variation that most
    libraries call by this name.

    Args:
        image: [N, C, H, W] with H, W at least 2.

    Returns:
        Scalar, at least 0.
    """
    dh = (image[..., 1:, :] - image[..., :-1, :]).square().mean()
    dw = (image[..., :, 1:] - image[..., :, :-1]).square().mean()
    return 2 * (dh + dw)
