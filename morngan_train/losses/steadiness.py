"""A moment later the camera has moved a little and its noise is another: the colours must stay.

Not in the paper. A network that paints noise flickers on a standing scene, and one whose strides
show through shimmers on a moving one.
"""

import torch
from torch.nn import functional as F

MOST_SHIFT = 12
"""Pixels by which the second view has moved at most, along each axis."""

MOST_NOISE = 0.02
"""Largest standard deviation of the second view's noise, of [0, 1]."""

Shift = tuple[int, int]
"""Rows and columns by which a view has moved: its pixel (0, 0) was pixel `shift` before."""


def second_view(frame: torch.Tensor) -> tuple[torch.Tensor, Shift]:
    """Return a frame as it is seen a moment later, with how far it has moved.

    Args:
        frame: Thermal, [N, 3, H, W] in [-1, 1] with equal channels; sides above `MOST_SHIFT`.

    Returns:
        Same shape and range, mirrored at the borders that come in; the shift, each part within
        plus or minus `MOST_SHIFT`.
    """
    m = MOST_SHIFT
    dy, dx = (int(torch.randint(-m, m + 1, ())) for _ in range(2))
    height, width = frame.shape[-2:]
    moved = F.pad(frame, (m,) * 4, mode='reflect')
    moved = moved[..., m + dy : m + dy + height, m + dx : m + dx + width]
    strength = 2 * MOST_NOISE * torch.rand(len(frame), 1, 1, 1, device=frame.device)
    noise = strength * torch.randn_like(moved[:, :1])
    return (moved + noise).clamp(-1, 1), (dy, dx)


def steadiness_loss(later: torch.Tensor, earlier: torch.Tensor, shift: Shift) -> torch.Tensor:
    """Return the mean absolute difference of colours where both views show the same.

    Args:
        later: G(second view), [N, 3, H, W] in [-1, 1].
        earlier: G(first view), same shape and range; it is the target and gets no gradient, so
            that the clean view does not fade towards the noisy one.
        shift: Of the second view.

    Returns:
        Scalar in [0, 2].
    """
    dy, dx = shift
    height, width = later.shape[-2:]
    here = later[..., max(-dy, 0) : height - max(dy, 0), max(-dx, 0) : width - max(dx, 0)]
    there = earlier[..., max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)]
    return (here - there.detach()).abs().mean()
