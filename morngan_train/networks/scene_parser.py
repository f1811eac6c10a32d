"""A small network for street scenes: quick enough to be trained on a processor."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from morngan_train.classes import CLASSES
from morngan_train.networks.float32 import Float32Conv2d

EXPANSION = 3
STEM = 16
STAGES = ((48, 0), (64, 2), (96, 3), (160, 3))
"""Channels and blocks at 1/4, 1/8, 1/16 and 1/32 of the resolution."""

WIDTH = 64
"""Of the way back up."""

DROPOUT = 0.1
"""Share of the channels that the classifier does not see in training."""

DILATIONS = (1, 2, 4)
"""At 1/32: the widest one reaches 256 pixels."""

Norm = Callable[[int], nn.Module]
"""Makes the normalisation of so many channels."""


def _convolution(
    c_in: int, c_out: int, size: int, *, stride: int = 1, groups: int = 1, dilation: int = 1
) -> nn.Conv2d:
    padding = dilation * (size // 2)
    return nn.Conv2d(c_in, c_out, size, stride, padding, dilation, groups, bias=False)


def _activated(convolution: nn.Conv2d, norm: Norm) -> nn.Sequential:
    return nn.Sequential(convolution, norm(convolution.out_channels), nn.ReLU())


class Bottleneck(nn.Module):
    """Widen, look around in each channel, narrow, and add to the input; shapes stay.

    Args:
        channels: Of input and output.
        dilation: Distance between the pixels looked at.
        norm: Behind each convolution.
    """

    def __init__(self, channels: int, dilation: int, norm: Norm) -> None:
        super().__init__()
        wide = EXPANSION * channels
        self.body = nn.Sequential(
            _activated(_convolution(channels, wide, 1), norm),
            _activated(_convolution(wide, wide, 3, groups=wide, dilation=dilation), norm),
            _convolution(wide, channels, 1),
            norm(channels),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return x + body(x), same shape."""
        result: torch.Tensor = x + self.body(x)
        return result


class Rise(nn.Module):
    """Bring deep features up to the resolution of shallow ones and join them."""

    def __init__(self, deep: int, shallow: int, norm: Norm) -> None:
        super().__init__()
        self.deep = _convolution(deep, WIDTH, 1)
        self.shallow = nn.Sequential(_convolution(shallow, WIDTH, 1), norm(WIDTH))
        self.join = nn.Sequential(
            nn.ReLU(),
            _activated(_convolution(WIDTH, WIDTH, 3, groups=WIDTH), norm),
            _activated(_convolution(WIDTH, WIDTH, 1), norm),
        )

    def forward(self, deep: torch.Tensor, shallow: torch.Tensor) -> torch.Tensor:
        """[N, deep, h, w] and [N, shallow, H, W] -> [N, WIDTH, H, W]."""
        up = F.interpolate(self.deep(deep), size=shallow.shape[-2:], mode='bilinear')
        result: torch.Tensor = self.join(up + self.shallow(shallow))
        return result


class ParserNetwork(nn.Module):
    """Encoder of inverted bottlenecks, a look at the whole picture, and a narrow way back up.

    Args:
        norm: Behind each convolution.
    """

    def __init__(self, norm: Norm = nn.BatchNorm2d) -> None:
        super().__init__()
        self.stem = _activated(_convolution(3, STEM, 3, stride=2), norm)
        stages, before = [], STEM
        for channels, blocks in STAGES:
            deepest = channels == STAGES[-1][0]
            stages.append(
                nn.Sequential(
                    # Plain: on a processor faster than a bottleneck, which would widen first.
                    _activated(_convolution(before, channels, 3, stride=2), norm),
                    *(
                        Bottleneck(channels, DILATIONS[i] if deepest else 1, norm)
                        for i in range(blocks)
                    ),
                )
            )
            before = channels
        self.stages = nn.ModuleList(stages)
        self.whole = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(before, before, 1), nn.ReLU())
        widths = [channels for channels, _ in STAGES]
        self.rises = nn.ModuleList(
            [
                Rise(deep, shallow, norm)
                for deep, shallow in zip(
                    (widths[-1], WIDTH, WIDTH), reversed(widths[:-1]), strict=True
                )
            ]
        )
        self.head = Float32Conv2d(WIDTH, CLASSES, 1)

    def features(self, image: torch.Tensor) -> torch.Tensor:
        """Return what the dropout and the classifier look at.

        Args:
            image: [N, 3, H, W], centred around 0.

        Returns:
            [N, WIDTH, H / 4, W / 4], rounded up.
        """
        levels = []
        x = self.stem(image)
        for stage in self.stages:
            x = stage(x)
            levels.append(x)
        x = x + self.whole(x)
        for rise, level in zip(self.rises, reversed(levels[:-1]), strict=True):
            x = rise(x, level)
        result: torch.Tensor = x
        return result

    def classify(self, features: torch.Tensor, *, dropout: bool) -> torch.Tensor:
        """Score the classes: [N, WIDTH, h, w] -> logits [N, 19, h, w].

        Args:
            features: Of `features`.
            dropout: Whether some channels are dropped at random, as in training.
        """
        result: torch.Tensor = self.head(F.dropout2d(features, DROPOUT, training=dropout))
        return result

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Score the classes at a quarter of the size, with dropout in training mode.

        Args:
            image: RGB normalised by ImageNet's mean and deviation, [N, 3, H, W].

        Returns:
            Logits [N, 19, H / 4, W / 4], rounded up.
        """
        return self.classify(self.features(image), dropout=self.training)
