"""Thermal pictures have no colour: the three channels of a fake thermal image are equal."""

import torch


def monochrome_loss(fake_thermal: torch.Tensor) -> torch.Tensor:
    """Return max over pixels of (max_c − min_c), averaged over the batch.

    Args:
        fake_thermal: G_AB(x_a), [N, 3, H, W] in [-1, 1].

    Returns:
        Scalar in [0, 2].
    """
    return (fake_thermal.amax(1) - fake_thermal.amin(1)).amax((1, 2)).mean()
