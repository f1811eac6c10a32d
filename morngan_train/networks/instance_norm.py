"""Instance norm whose gradient is right in every memory layout."""

from typing import Any

import torch
from torch import nn


class InstanceNorm2d(nn.InstanceNorm2d):
    """What torch has by this name, with a backward that is right on CPUs for one picture too.

    Torch (2.13 at least) takes the batch of pictures for the channels of one. When there is a
    single picture whose incoming gradient lies in channels-last strides, its backward reads that
    gradient as if it were contiguous, and says nothing. Losses that list the features of each
    pixel send such gradients. Here every gradient is contiguous before the norm sees it.
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Normalise each channel of each picture, [N, C, H, W] -> the same shape."""
        y = super().forward(input)
        return _ContiguousGradient.apply(y) if y.requires_grad else y


class _ContiguousGradient(torch.autograd.Function):
    """The identity, but for its gradient."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return x

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        (gradient,) = gradients
        return gradient.contiguous()
