"""Top-down guided attention of PearlGAN: what is seen coarsely says where to look finely."""

import torch
from torch import nn
from torch.nn import functional as F

from morngan_train.networks.instance_norm import InstanceNorm2d

STRIDES = (16, 8, 4, 2)
"""Of the pooling in front of each map, coarsest first."""
WINDOW = 3
SMALLEST = STRIDES[0] + WINDOW


class GuidedAttention(nn.Module):
    """Features [N, C, h, w] -> the same shape; 68,101 parameters with C = 256.

    A 1x1 convolution prepares four groups of channels, one for each scale. Each group is pooled,
    strengthened where the coarser map is high, and squeezed to a map of its own. The maps, back at
    full size, weigh their groups, which are added to the input.

    Args:
        channels: C, a multiple of 4.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.prepare = nn.Sequential(
            nn.Conv2d(channels, channels, 1), InstanceNorm2d(channels), nn.PReLU()
        )
        self.squeeze = nn.ModuleList(_squeeze(channels // len(STRIDES)) for _ in STRIDES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the weighed features alone."""
        return self.attend(x)[0]

    def attend(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the features and the maps [N, 4, h, w] in (0, 1), coarsest first."""
        height, width = x.shape[-2:]
        features = _enlarge(self.prepare(x))
        size = features.shape[-2:]
        # The first group is the finest, and the maps are found from the coarsest on.
        groups = features.chunk(len(STRIDES), 1)[::-1]
        weighed, maps = [], []
        guide: torch.Tensor | None = None
        for group, stride, squeeze in zip(groups, STRIDES, self.squeeze, strict=True):
            seen = F.avg_pool2d(group, WINDOW, stride)
            if guide is not None:
                seen = seen * (1 + _resize(guide, seen.shape[-2:]))
            guide = squeeze(seen)
            maps.append(_resize(guide, size))
            weighed.append(maps[-1] * group)
        result = torch.cat(weighed[::-1], 1)[..., :height, :width]
        return x + result, torch.cat(maps, 1)[..., :height, :width]


def _squeeze(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ReflectionPad2d(1), nn.Conv2d(channels, 1, 3), InstanceNorm2d(1), nn.Sigmoid()
    )


def _enlarge(x: torch.Tensor) -> torch.Tensor:
    """Continue small features by their border until the coarsest map has two pixels a side.

    One alone could not be normalised. `sym_max` leaves height and width of an exported file free.
    """
    below, right = (torch.sym_max(0, SMALLEST - side) for side in x.shape[-2:])
    return F.pad(x, (0, right, 0, below), mode='replicate')


def _resize(x: torch.Tensor, size: torch.Size) -> torch.Tensor:
    return F.interpolate(x, size=size, mode='bilinear', align_corners=False)
