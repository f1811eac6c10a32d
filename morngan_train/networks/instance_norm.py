"""Instance norm whose gradient is right in every memory layout."""

from typing import Any

import torch
from torch import nn


class InstanceNorm2d(nn.InstanceNorm2d):
    """Torch's layer of this name, with a backward that is right for a single picture on a CPU too.

    Losses that list the features of each pixel, as ACA does, send gradients in channels-last
    strides. Torch 2.13 reads such a gradient of a single picture as if it were contiguous, and
    says nothing. Here every gradient is made contiguous before torch's backward sees it.

    Where nothing needs a gradient, this is torch's layer and nothing else: so is an exported file.
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Normalise each channel of each picture, [N, C, H, W] -> the same shape."""
        y = super().forward(input)
        if not y.requires_grad:
            return y
        contiguous: torch.Tensor = _ContiguousGradient.apply(y)  # type: ignore[no-untyped-call]
        return contiguous


class _ContiguousGradient(torch.autograd.Function):
    """The identity, but for its gradient."""

    @staticmethod
    def forward(_ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return x

    @staticmethod
    def backward(_ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        (gradient,) = gradients
        return gradient.contiguous()
