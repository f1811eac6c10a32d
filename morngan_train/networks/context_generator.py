"""The context generator: a pretrained encoder that sees the whole picture, and a light decoder.

The encoder looks at the frame at half resolution, so that its features lie at strides 4 to 64 and
know what a tree is. A detail path runs beside it at full resolution. Before the last convolution,
features gate it, channel by channel: what is learnt is where the detail of a thermal frame belongs
into a day picture, with which sign and how strongly, not how to paint it.

There are no norms: a picture gives the same in training and in use, alone and in any batch.
"""

import torch
from torch import nn
from torch.nn import functional as F

from morngan_train.networks.efficientnet_lite import CHANNELS
from morngan_train.networks.efficientnet_lite import EfficientNetLite0
from morngan_train.networks.efficientnet_lite import IMAGENET
from morngan_train.networks.efficientnet_lite import SPREAD
from morngan_train.networks.float32 import Float32Conv2d
from morngan_train.networks.object_head import ObjectHead

FINE, COARSE = 24, 32
"""Channels of the detail at strides 2 and 4."""

WIDTHS = (96, 64, 64, 48)
"""Channels of the decoder at strides 32, 16, 8 and 4."""

SLOPE = 0.2  # of every leaky ReLU

BINOMIAL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
"""Taps of the filter in front, near a Gaussian of one pixel."""

Features = tuple[torch.Tensor, ...]
"""At strides 4, 8, 16, 32 and 64, then the coarse and the fine detail at strides 4 and 2."""


def _convolution(c_in: int, c_out: int, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    layer = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2)
    nn.init.kaiming_normal_(layer.weight, SLOPE)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


def _active(x: torch.Tensor) -> torch.Tensor:
    return F.leaky_relu(x, SLOPE)


def _enlarge(x: torch.Tensor) -> torch.Tensor:
    return F.interpolate(x, scale_factor=2.0)


def _smooth(image: torch.Tensor) -> torch.Tensor:
    """Filter [N, 1, H, W] along rows and columns; the border is mirrored."""
    taps = image.new_tensor(BINOMIAL)
    rows = F.conv2d(F.pad(image, (2, 2, 2, 2), mode='reflect'), taps[None, None, :, None])
    return F.conv2d(rows, taps[None, None, None, :])


class ContextEncoder(nn.Module):
    """Image [N, 3, H, W] in [-1, 1] -> features; H and W multiples of 64.

    Args:
        weights: Of the pretrained network: `imagenet`, `none`, or a file.
        channels: Of the image that the detail path looks at: 1 where all three are equal.
        prefilter: Smooth the image first, for one channel only. What is finer than a pixel or two
            in a thermal frame is the sensor's noise, which no day picture shows.

    Raises:
        CheckpointError: There are no such weights.
    """

    multiple = 64
    """Of height and width: the stride of the deepest features."""

    def __init__(self, weights: str = IMAGENET, channels: int = 1, prefilter: bool = False) -> None:
        super().__init__()
        self.channels = channels
        self.prefilter = prefilter and channels == 1
        self.pretrained = EfficientNetLite0(weights)
        self.fine = _convolution(4 * channels, FINE)
        self.coarse = _convolution(FINE, COARSE, stride=2)

    def forward(self, image: torch.Tensor) -> Features:
        """Encode an image."""
        if self.prefilter:
            image = _smooth(image[:, :1]).expand_as(image)
        levels = self.pretrained(F.avg_pool2d(image, 2))
        fine = _active(self.fine(F.pixel_unshuffle(image[:, : self.channels], 2)))
        coarse = _active(self.coarse(fine))
        scaled = (level / spread for level, spread in zip(levels, SPREAD, strict=True))
        return (*scaled, coarse, fine)

    def compared(self, features: Features) -> torch.Tensor:
        """Return what ACA compares, [N, 80, H/4, W/4]: features at strides 4, 8 and 16."""
        size = features[0].shape[-2:]
        return torch.cat([F.interpolate(level, size=size) for level in features[:3]], 1)


class ContextDecoder(nn.Module):
    """Features -> image [N, 3, H, W] in (-1, 1), and objects where it has a head for them.

    Args:
        objects: Kinds of objects to find; 0 builds no head.
    """

    def __init__(self, objects: int = 0) -> None:
        super().__init__()
        joined = (CHANNELS[3], CHANNELS[2], CHANNELS[1], CHANNELS[0] + COARSE)
        c_in = CHANNELS[4]
        merges = []
        for skip, width in zip(joined, WIDTHS, strict=True):
            merges.append(_convolution(c_in + skip, width))
            c_in = width
        self.merges = nn.ModuleList(merges)
        self.narrow = _convolution(c_in, FINE, 1)
        self.gate = nn.Conv2d(c_in, FINE, 1)
        self.join = _convolution(2 * FINE, FINE)
        self.paint = Float32Conv2d(FINE, 12, 3, padding=1)
        self._initialize_ends()
        self.head = ObjectHead(WIDTHS[2], WIDTHS[3], objects) if objects else None

    def _initialize_ends(self) -> None:
        """Start with open gates, and with four equal pixels from each last feature."""
        for layer in (self.gate, self.paint):
            nn.init.normal_(layer.weight, 0.0, 0.02)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
        nn.init.ones_(self.gate.bias)  # type: ignore[arg-type]
        with torch.no_grad():
            self.paint.weight.copy_(self.paint.weight[::4].repeat_interleave(4, 0))

    def forward(self, features: Features) -> torch.Tensor:
        """Decode features to an image."""
        _, at_4 = self.merged(features)
        return self._paint(at_4, features[-1])

    def with_objects(
        self, features: Features
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        """Decode features to an image, and to what `ObjectHead` tells; for decoders with a head."""
        assert self.head is not None
        at_8, at_4 = self.merged(features)
        return self._paint(at_4, features[-1]), self.head(at_8, at_4)

    def merged(self, features: Features) -> tuple[torch.Tensor, torch.Tensor]:
        """Take features up to strides 8 and 4."""
        *levels, coarse, _ = features
        skips = (levels[3], levels[2], levels[1], torch.cat([levels[0], coarse], 1))
        steps = [levels[4]]
        for merge, skip in zip(self.merges, skips, strict=True):
            steps.append(_active(merge(torch.cat([_enlarge(steps[-1]), skip], 1))))
        return steps[-2], steps[-1]

    def _paint(self, at_4: torch.Tensor, fine: torch.Tensor) -> torch.Tensor:
        detail = fine * _enlarge(self.gate(at_4))
        known = _enlarge(_active(self.narrow(at_4)))
        y = _active(self.join(torch.cat([known, detail], 1)))
        return torch.tanh(F.pixel_shuffle(self.paint(y + detail), 2))
