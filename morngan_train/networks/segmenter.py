"""The segmentation network S of MornGAN, one for each domain (S_A, S_B)."""

import torch
from torch import nn
from torch.nn import functional as F

from morngan_train.classes import CLASSES
from morngan_train.networks.float32 import Float32Conv2d
from morngan_train.networks.initialization import initialize
from morngan_train.networks.instance_norm import InstanceNorm2d

CHANNELS = 3
DILATIONS = (6, 12, 18)
DROPOUT = 0.5


def coordinates(image: torch.Tensor) -> torch.Tensor:
    """Return the position of each pixel in the picture, x then y: [N, C, H, W] -> [N, 2, H, W].

    Both run from -1 at the top left to 1 at the bottom right, at whatever size the picture has.
    """
    n, _, height, width = image.shape
    y = torch.linspace(-1, 1, height, dtype=image.dtype, device=image.device)
    x = torch.linspace(-1, 1, width, dtype=image.dtype, device=image.device)
    grid = torch.stack([x.expand(height, width), y[:, None].expand(height, width)])
    return grid.expand(n, 2, height, width)


def _activated(convolution: nn.Conv2d | nn.ConvTranspose2d) -> nn.Sequential:
    return nn.Sequential(convolution, InstanceNorm2d(convolution.out_channels), nn.PReLU())


def _conv3(c_in: int, c_out: int, *, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    return nn.Conv2d(c_in, c_out, 3, stride=stride, padding=dilation, dilation=dilation, bias=False)


def _double(c_in: int, c_out: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(c_in, c_out, 4, stride=2, padding=1, bias=False)


class ZeroPaddedBlock(nn.Module):
    """Residual block like the generator's, but padded with zeros and without biases."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _activated(_conv3(channels, channels)),
            _conv3(channels, channels),
            InstanceNorm2d(channels),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return x + body(x), same shape."""
        result: torch.Tensor = x + self.body(x)
        return result


class SpatialPyramid(nn.Module):
    """Atrous spatial pyramid pooling: [N, C, H, W] -> [N, 4·C, H, W].

    The pooled branch is part of the authors' network and of its size, but the instance norm behind
    the projection takes away every constant of a channel: what it adds is cancelled.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            [
                _activated(nn.Conv2d(channels, channels, 1, bias=False)),
                *(_activated(_conv3(channels, channels, dilation=d)) for d in DILATIONS),
            ]
        )
        self.pooled = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, channels, 1, bias=False), nn.PReLU()
        )
        joined = (len(self.branches) + 1) * channels
        self.project = _activated(nn.Conv2d(joined, 4 * channels, 1, bias=False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Look at every pixel's surroundings at several distances."""
        pooled = self.pooled(x).expand_as(x)
        result: torch.Tensor = self.project(
            torch.cat([*(branch(x) for branch in self.branches), pooled], dim=1)
        )
        return result


class Segmenter(nn.Module):
    """Encoder-decoder with a spatial pyramid at full resolution; 5,963,874 parameters by default.

    Besides the picture it sees where in the picture (a training crop, so not the frame) each pixel
    lies. Instance norm keeps no running statistics: training and evaluation differ by the dropout
    alone, and that is why it stands apart, in `classify`. One pass of `features` serves the mining
    of labels without it and the training with it.

    Args:
        nsf: Base width.
        blocks: Residual blocks at a quarter of the resolution.
    """

    def __init__(self, nsf: int = 64, blocks: int = 4) -> None:
        super().__init__()
        width = 4 * nsf
        self.front = nn.Sequential(
            nn.ReflectionPad2d(3),
            _activated(nn.Conv2d(CHANNELS + 2, nsf, 7, bias=False)),
            _activated(_conv3(nsf, 2 * nsf, stride=2)),
            _activated(_conv3(2 * nsf, width, stride=2)),
            *(ZeroPaddedBlock(width) for _ in range(blocks)),
        )
        self.up = nn.Sequential(
            _activated(_double(width, 2 * nsf)), _activated(_double(2 * nsf, nsf))
        )
        self.pyramid = SpatialPyramid(nsf)
        self.head = Float32Conv2d(width, CLASSES, 1)
        initialize(self)

    def features(self, image: torch.Tensor) -> torch.Tensor:
        """Return what the dropout and the classifier look at.

        Args:
            image: [N, 3, H, W] in [-1, 1]; H and W multiples of 4, at least 8.

        Returns:
            [N, 4·nsf, H, W].
        """
        x = torch.cat([image, coordinates(image)], dim=1)
        result: torch.Tensor = self.pyramid(self.up(self.front(x)))
        return result

    def classify(self, features: torch.Tensor, *, dropout: bool) -> torch.Tensor:
        """Score the classes.

        Args:
            features: Of `features`, [N, 4·nsf, H, W].
            dropout: Whether half of the features are dropped at random, as in training.

        Returns:
            Logits [N, 19, H, W].
        """
        result: torch.Tensor = self.head(F.dropout(features, DROPOUT, training=dropout))
        return result

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Segment [N, 3, H, W] in [-1, 1]: logits [N, 19, H, W], with dropout in training mode."""
        return self.classify(self.features(image), dropout=self.training)
