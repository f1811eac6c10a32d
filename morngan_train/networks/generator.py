"""The generator of ToDayGAN, PearlGAN and MornGAN, and its compact sibling, as one code.

One encoder and one decoder belong to each domain: a translation is the encoder of the source
followed by the decoder of the target, G_BA = D'_A ∘ E_B. With `ngf=64`, `blocks=9` and the `conv7`
stem, one direction has the paper's 11,665,297 parameters. The `shuffle` stem trades the two
full-resolution 7x7 convolutions for pixel (un)shuffling: that is what reaches real time on a CPU.
"""

from typing import Literal

import torch
from torch import nn

from morngan_train.networks.attention import GuidedAttention
from morngan_train.networks.context_generator import ContextDecoder
from morngan_train.networks.context_generator import ContextEncoder
from morngan_train.networks.float32 import Float32Conv2d
from morngan_train.networks.initialization import initialize
from morngan_train.networks.instance_norm import InstanceNorm2d

Stem = Literal['conv7', 'shuffle']
DecoderNorm = Literal['group', 'instance']
CHANNELS = 3
NORM_GROUPS = 32


class ResidualBlock(nn.Module):
    """Two reflect-padded 3x3 convolutions with instance norm; the sum has no activation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            InstanceNorm2d(channels),
            nn.PReLU(),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            InstanceNorm2d(channels),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return x + body(x), same shape."""
        result: torch.Tensor = x + self.body(x)
        return result


def _downsample(c_in: int, c_out: int) -> list[nn.Module]:
    return [
        nn.Conv2d(c_in, c_out, 3, stride=2, padding=1),
        InstanceNorm2d(c_out),
        nn.PReLU(),
    ]


def _residual_blocks(width: int, blocks: int, attention: bool) -> list[nn.Module]:
    guide = [GuidedAttention(width)] if attention else []
    return [*guide, *(ResidualBlock(width) for _ in range(blocks))]


def _decoder_norm(channels: int, norm: DecoderNorm) -> nn.Module:
    """Return GroupNorm with the paper's 32 groups; a compact width keeps two channels a group."""
    if norm == 'instance':
        return InstanceNorm2d(channels)
    most = max(1, min(NORM_GROUPS, channels // 2))
    groups = next(g for g in range(most, 0, -1) if channels % g == 0)
    return nn.GroupNorm(groups, channels)


class Encoder(nn.Module):
    """Image [N, 3, H, W] in [-1, 1] -> features [N, 4·ngf, H/4, W/4]; H and W multiples of 4.

    Args:
        ngf: Base width; the residual blocks have 4·ngf channels.
        blocks: Residual blocks of this half.
        stem: `conv7` as in the paper, or `shuffle` (PixelUnshuffle by 2, one strided convolution).
        attention: Whether guided attention precedes the residual blocks, as in PearlGAN.
    """

    multiple = 4

    def __init__(
        self, ngf: int = 64, blocks: int = 4, stem: Stem = 'conv7', attention: bool = False
    ) -> None:
        super().__init__()
        width = 4 * ngf
        if stem == 'conv7':
            head: list[nn.Module] = [
                nn.ReflectionPad2d(3),
                nn.Conv2d(CHANNELS, ngf, 7),
                InstanceNorm2d(ngf),
                nn.PReLU(),
                *_downsample(ngf, 2 * ngf),
                *_downsample(2 * ngf, width),
            ]
        else:
            head = [nn.PixelUnshuffle(2), *_downsample(4 * CHANNELS, width)]
        self.layers = nn.Sequential(*head, *_residual_blocks(width, blocks, attention))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Encode an image."""
        result: torch.Tensor = self.layers(image)
        return result

    def compared(self, features: torch.Tensor) -> torch.Tensor:
        """Return what ACA compares: [N, C, H/4, W/4]."""
        return features

    def with_maps(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Encode an image, and return the maps of the attention, None where there is none."""
        features, maps = image, None
        for layer in self.layers:
            if isinstance(layer, GuidedAttention):
                features, maps = layer.attend(features)
            else:
                features = layer(features)
        return features, maps


class Decoder(nn.Module):
    """Features [N, 4·ngf, H/4, W/4] -> image [N, 3, H, W] in (-1, 1).

    Args:
        ngf: Base width, as in the encoder.
        blocks: Residual blocks of this half.
        stem: `conv7` as in the paper (transposed convolutions), or `shuffle` (PixelShuffle twice).
        norm: Of the upsampling half: `group` as in the paper, or `instance` as in ToDayGAN.
        attention: As in the encoder.
    """

    def __init__(
        self,
        ngf: int = 64,
        blocks: int = 5,
        stem: Stem = 'conv7',
        norm: DecoderNorm = 'group',
        attention: bool = False,
    ) -> None:
        super().__init__()
        width = 4 * ngf
        if stem == 'conv7':
            tail: list[nn.Module] = [
                nn.ConvTranspose2d(width, 2 * ngf, 4, stride=2, padding=1),
                _decoder_norm(2 * ngf, norm),
                nn.PReLU(),
                nn.ConvTranspose2d(2 * ngf, ngf, 4, stride=2, padding=1),
                _decoder_norm(ngf, norm),
                nn.PReLU(),
                nn.ReflectionPad2d(3),
                Float32Conv2d(ngf, CHANNELS, 7),
            ]
        else:
            tail = [
                nn.ReflectionPad2d(1),
                nn.Conv2d(width, 8 * ngf, 3),
                nn.PixelShuffle(2),
                _decoder_norm(2 * ngf, norm),
                nn.PReLU(),
                nn.ReflectionPad2d(1),
                Float32Conv2d(2 * ngf, 4 * CHANNELS, 3),
                nn.PixelShuffle(2),
            ]
        self.layers = nn.Sequential(*_residual_blocks(width, blocks, attention), *tail)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Decode features to an image."""
        return torch.tanh(self.layers(features))


class Translator(nn.Module):
    """One direction, for example G_BA = D'_A ∘ E_B: the part of the system that is deployed.

    Args:
        encoder: Of the source; `multiple` says of what height and width must be multiples.
        decoder: Of the target, of the same kind.
    """

    def __init__(
        self, encoder: Encoder | ContextEncoder, decoder: Decoder | ContextDecoder
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Translate [N, 3, H, W] in [-1, 1] to the same shape and range."""
        result: torch.Tensor = self.decoder(self.encoder(image))
        return result


def build_translator(
    ngf: int = 64,
    blocks: int = 9,
    stem: Stem = 'conv7',
    norm: DecoderNorm = 'group',
    attention: bool = False,
) -> Translator:
    """Build one direction with initialised weights.

    Args:
        ngf: Base width (64 in the paper).
        blocks: Residual blocks in all; the encoder has the smaller half (4 of 9 in the paper).
        stem: See `Encoder`.
        norm: See `Decoder`.
        attention: Of both halves; PearlGAN's generator then has 11,801,499 parameters.

    Returns:
        The translator, on the CPU, in training mode.
    """
    translator = Translator(
        Encoder(ngf, blocks // 2, stem, attention),
        Decoder(ngf, blocks - blocks // 2, stem, norm, attention),
    )
    initialize(translator)
    return translator
