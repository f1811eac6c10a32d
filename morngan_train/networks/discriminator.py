"""Sub-discriminators of a domain: blurred colour, luminance and luminance gradients.

Each branch is a chain of 4x4 convolutions without normalisation layers but with spectral
normalisation. From every stage but the first and the last, one extra channel is split off as a
score map, so that the branch judges at several scales (ToDayGAN, MornGAN).

A fourth branch, no part of the paper, looks at the features of a frozen network (as in Projected
GANs, Sauer et al., 2021): it knows from the start what a day looks like.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy.ndimage import gaussian_filter
import torch
from torch import nn
from torch.nn import functional as F

from morngan_train.colorspace import luminance
from morngan_train.networks.float32 import Float32Conv2d
from morngan_train.networks.float32 import spectral_norm
from morngan_train.networks.initialization import initialize
from morngan_train.networks.instance_norm import InstanceNorm2d
from morngan_train.networks.perception import SEEN_CHANNELS

BranchName = Literal['rgb', 'gray', 'gradient', 'features']
Normalization = Literal['spectral', 'instance']
BRANCHES: tuple[BranchName, ...] = ('rgb', 'gray', 'gradient')
"""Those of the paper."""

Scores = list[list[torch.Tensor]]
"""Score maps [N, 1, h, w] by branch, then by stage, finest first."""


def blur_kernel(size: int = 5, sigma: float = 3.0) -> torch.Tensor:
    """Return the blur in front of the colour branch, [size, size], sum 1.

    A Gaussian filter with reflecting borders is applied to an impulse on a grid of the kernel's own
    size: at sigma 3 this is nearly a box blur (centre 0.040133, corner 0.039892), not a truncated
    Gaussian. The numbers are the authors', so they are kept.
    """
    impulse = np.zeros((size, size))
    impulse[size // 2, size // 2] = 1.0
    return torch.from_numpy(gaussian_filter(impulse, sigma)).float()


class ScoreChain(nn.Module):
    """A chain of spectrally normalised 4x4 convolutions that scores at several scales.

    Args:
        channels: Input channels.
        ndf: Width of the first stage.
        strided: Stages with stride 2 (4 for images, 3 for gradient maps, which are half as large).
        norm: `instance` normalises after every convolution but the first and the last (ToDayGAN);
            `spectral` leaves that to the convolutions, which `Discriminator` wraps.
    """

    def __init__(
        self, channels: int, ndf: int, strided: int, norm: Normalization = 'spectral'
    ) -> None:
        super().__init__()
        widths = [ndf * 2**i for i in range(strided)]
        widths.append(min(ndf * 2**strided, 8 * ndf))
        stages: list[nn.Module] = []
        norms: list[nn.Module] = []
        c_in = channels
        for i, width in enumerate(widths):
            extra = 1 if 0 < i < strided else 0
            stride = 2 if i < strided else 1
            stages.append(nn.Conv2d(c_in, width + extra, 4, stride=stride, padding=2))
            normalised = norm == 'instance' and i > 0
            norms.append(InstanceNorm2d(width + extra) if normalised else nn.Identity())
            c_in = width
        stages.append(Float32Conv2d(c_in, 1, 4, stride=1, padding=2))
        self.convolutions = nn.ModuleList(stages)
        self.norms = nn.ModuleList(norms)
        self.activations = nn.ModuleList(nn.PReLU() for _ in widths)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Score [N, C, H, W]: maps [N, 1, h, w], finest first, the last one without activation."""
        scores = []
        last = len(self.convolutions) - 1
        for i, convolution in enumerate(self.convolutions):
            x = convolution(x)
            if i == last:
                scores.append(x)
                break
            x = self.activations[i](self.norms[i](x))
            if 0 < i < last - 1:
                x, score = x[:, :-1], x[:, -1:]
                scores.append(score)
        return scores


class FeatureChain(nn.Module):
    """A small head on each level of frozen features, two 3x3 convolutions wide in view.

    Args:
        width: Of each head.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(channels, width, 1),
                nn.PReLU(),
                nn.Conv2d(width, width, 3, padding=1),
                nn.PReLU(),
                Float32Conv2d(width, 1, 3, padding=1),
            )
            for channels in SEEN_CHANNELS
        )

    def forward(self, features: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Score features by level: maps [N, 1, h, w], finest first."""
        return [head(level) for head, level in zip(self.heads, features, strict=True)]


class Discriminator(nn.Module):
    """All sub-discriminators of one domain; 16,698,201 parameters with `ndf=64`.

    Args:
        ndf: Width of the first stage of each branch.
        branches: Which sub-discriminators to use, of `rgb`, `gray`, `gradient` and `features`.
        norm: Spectral normalisation of the weights, or instance normalisation of the features.
    """

    blur: torch.Tensor

    def __init__(
        self,
        ndf: int = 64,
        branches: Sequence[BranchName] = BRANCHES,
        norm: Normalization = 'spectral',
    ) -> None:
        super().__init__()
        layout = {'rgb': (3, 4), 'gray': (1, 4), 'gradient': (2, 3)}
        self.chains = nn.ModuleDict(
            {
                name: FeatureChain(2 * ndf)
                if name == 'features'
                else ScoreChain(layout[name][0], ndf, layout[name][1], norm)
                for name in branches
            }
        )
        self.register_buffer('blur', blur_kernel().expand(3, 1, 5, 5).clone(), persistent=False)
        initialize(self)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d) and norm == 'spectral':
                spectral_norm(layer)

    def forward(
        self, image: torch.Tensor, features: Sequence[torch.Tensor] | None = None
    ) -> Scores:
        """Score an image [N, 3, H, W] in [-1, 1].

        Args:
            image: What is judged.
            features: Of the image, by `Perception`; needed by the branch of that name.
        """
        return [
            chain(features if name == 'features' else self._view(name, image))
            for name, chain in self.chains.items()
        ]

    def _view(self, name: str, image: torch.Tensor) -> torch.Tensor:
        if name == 'rgb':
            return F.conv2d(image, self.blur, padding=2, groups=3)
        gray = luminance(image)
        return gray if name == 'gray' else _gradients(gray)


def _gradients(gray: torch.Tensor) -> torch.Tensor:
    """Central differences (dx, dy) of every second pixel: [N, 1, H, W] -> [N, 2, H/2-2, W/2-2]."""
    half = gray[..., ::2, ::2]
    dx = half[..., 1:-1, 2:] - half[..., 1:-1, :-2]
    dy = half[..., 2:, 1:-1] - half[..., :-2, 1:-1]
    return torch.cat([dx, dy], dim=1)
