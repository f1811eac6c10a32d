"""What stays in float32 whatever the autocast around it.

bf16 has eight bits: steps of 1/128 near white and black, as coarse as a picture of 8 bits itself.
So the last convolution of a network is computed in float32, and so is spectral normalisation, whose
vectors creep towards their goal by steps that bf16 would lose.
"""

import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import _SpectralNorm


class Float32Conv2d(nn.Conv2d):
    """The last convolution of a network."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Convolve [N, C, H, W], of any precision, in float32."""
        kind = input.device.type
        if not torch.is_autocast_enabled(kind):
            return super().forward(input)
        with torch.autocast(kind, enabled=False):
            return super().forward(input.float())


class _Float32SpectralNorm(_SpectralNorm):
    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        with torch.autocast(weight.device.type, enabled=False):
            return super().forward(weight)


def spectral_norm(layer: nn.Conv2d) -> None:
    """Divide the weight of a layer by its largest singular value, one power iteration a pass."""
    norm = _Float32SpectralNorm(layer.weight, n_power_iterations=1, eps=1e-12)
    parametrize.register_parametrization(layer, 'weight', norm)
