"""Scale robustness (SR, Eq. 20-22): a picture of another size is translated to the same colours."""

import torch
from torch.nn import functional as F

from morngan_train.losses.cycle import cycle_loss

ALPHA = 0.5
BETA = 1.5
WEIGHT = 10.0
SSIM_WEIGHT = 1.0
"""Unlike λ_ssim of the cycle, this weight has no schedule."""


def draw_scale(psi: float) -> float:
    """Turn ψ, drawn uniformly from [0, 1], into the scale of a step, the same for both domains.

    The authors' code has the halves of ψ the other way round, which is the same in distribution.

    Args:
        psi: ψ of Eq. 22.

    Returns:
        α = 0.5 where ψ < 0.5, else β = 1.5.
    """
    return ALPHA if psi < 0.5 else BETA


def rescale(x: torch.Tensor, factor: float) -> torch.Tensor:
    """Resize bilinearly to sides that the networks can take.

    Args:
        x: [N, C, H, W].
        factor: Of each side; the result is rounded to a multiple of 4.

    Returns:
        [N, C, 4·round(factor·H/4), 4·round(factor·W/4)].
    """
    height, width = (4 * round(factor * side / 4) for side in x.shape[-2:])
    return _resize(x, (height, width))


def sr_loss(scaled_output: torch.Tensor, output: torch.Tensor, *, window: int = 3) -> torch.Tensor:
    """Return 10 · SmoothL1 + (1 − SSIM) between both outputs, at the smaller one's size.

    Args:
        scaled_output: O^α or O^β = G(rescale(x, factor)), [N, 3, h, w] in [-1, 1].
        output: O = G(x), [N, 3, H, W] in [-1, 1]; the target, detached here.
        window: Side of the SSIM window in pixels.

    Returns:
        Scalar, at least 0.
    """
    # Resizing to the size that a picture has already leaves it as it is.
    height = min(scaled_output.shape[-2], output.shape[-2])
    width = min(scaled_output.shape[-1], output.shape[-1])
    made = _resize(scaled_output, (height, width))
    target = _resize(output.detach(), (height, width))
    return cycle_loss(made, target, weight=WEIGHT, ssim_weight=SSIM_WEIGHT, window=window)


def _resize(x: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    return F.interpolate(x, size=size, mode='bilinear', align_corners=False)
