"""Attentional diversity of PearlGAN: every place belongs to one scale."""

import torch


def attention_diversity(maps: torch.Tensor) -> torch.Tensor:
    """Return the mean over pixels of ((Σ maps − 1) / 2)²: together the scales look once at all.

    Args:
        maps: Attention of each scale, [N, K, h, w] in [0, 1].
    """
    return ((maps.sum(1) - 1) / 2).square().mean()


def attention_integration(maps: torch.Tensor) -> torch.Tensor:
    """Return 1 − the mean over pixels of the strongest of the maps: some scale is sure.

    Args:
        maps: Attention of each scale, [N, K, h, w] in [0, 1].
    """
    return 1 - maps.amax(1).mean()
