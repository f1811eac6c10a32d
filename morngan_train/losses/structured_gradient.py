"""Structured gradient alignment (SGA): edges of the source stay edges of the translation."""

from typing import Literal

import torch
from torch.nn import functional as F

from morngan_train.losses.gradient import gradient_magnitude

CELL = 32


def _pick_cells(edges: torch.Tensor) -> torch.Tensor:
    """Mask one random cell with edges in every image: [N, 1, H, W] of 0 and 1."""
    occupied = F.max_pool2d(edges, CELL, ceil_mode=True).flatten(1) > 0
    some = occupied.any(1, keepdim=True)
    odds = torch.where(some, occupied, torch.ones_like(occupied)).float()
    chosen = F.one_hot(torch.multinomial(odds, 1).squeeze(1), odds.shape[1]).float()
    rows = -(-edges.shape[-2] // CELL)
    grid = (chosen * some).view(len(edges), 1, rows, -1)
    mask = grid.repeat_interleave(CELL, -2).repeat_interleave(CELL, -1)
    return mask[..., : edges.shape[-2], : edges.shape[-1]]


def sga_loss(
    fake: torch.Tensor,
    edges: torch.Tensor,
    threshold: float = 0.8,
    *,
    padding: str = 'replicate',
    region: Literal['cell', 'image'] = 'cell',
) -> torch.Tensor:
    """Return L_sga^ori of Eq. 4, Σ relu(th·E − G/max G) / (ΣE + 1) in a region, mean over N.

    Args:
        fake: Translation [N, 3, H, W] in [-1, 1]; G is its gradient magnitude.
        edges: Edge map E of the source, [N, 1, H, W] in [0, 1]; soft values are allowed.
        threshold: th; 0.8 for FLIR, 0.44 for KAIST.
        padding: Of the gradient operator, see `gradient_magnitude`.
        region: One random non-empty `cell` of 32x32 pixels, as the authors ran it, or the whole
            `image`, as the paper has it.

    Returns:
        Scalar, at least 0; a graph-connected 0 for an empty edge map.
    """
    inside = _pick_cells(edges) if region == 'cell' else torch.ones_like(edges)
    e = edges * inside
    g = gradient_magnitude(fake, padding=padding)
    # The maximum is that of the region: outside of it G is masked to 0.
    relative = g / (g * inside).amax((-3, -2, -1), keepdim=True).clamp_min(1e-6)
    short = F.relu(threshold * e - relative) * inside
    return (short.sum((1, 2, 3)) / (e.sum((1, 2, 3)) + 1)).mean()
