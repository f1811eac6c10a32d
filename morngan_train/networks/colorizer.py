"""The deployable form of a translator: bytes in, bytes out, so that nothing can be done wrong."""

import copy

import torch
from torch import nn
from torch.nn import functional as F

from morngan_train.networks.context_generator import ContextDecoder
from morngan_train.networks.context_generator import ContextEncoder
from morngan_train.networks.generator import CHANNELS
from morngan_train.networks.generator import Translator
from morngan_train.networks.object_head import decode


class Colorizer(nn.Module):
    """Thermal uint8 [N, 1, H, W] -> colour uint8 [N, H, W, 3] RGB, any H and W of at least `least`.

    Scaling to [-1, 1], replication to three channels, reflection padding to a multiple of what the
    network asks for, cropping back and rounding happen inside, so that the exported file is all a
    vehicle needs.

    Args:
        translator: G_BA; copied, so the original can be trained on.
    """

    def __init__(self, translator: Translator) -> None:
        super().__init__()
        self.translator = copy.deepcopy(translator)
        _use_leaky_relu(self.translator)
        # Without gradients, so that a trace holds nothing that only backward passes need.
        self.translator.eval().requires_grad_(False)
        self.multiple = translator.encoder.multiple

    @property
    def least(self) -> int:
        """Smallest height and width: a reflection reaches no further than the frame."""
        return max(8, self.multiple // 2 + 1)

    @property
    def finds(self) -> bool:
        """Whether it has a head for objects."""
        decoder = self.translator.decoder
        return isinstance(decoder, ContextDecoder) and decoder.head is not None

    def forward(self, thermal: torch.Tensor) -> torch.Tensor:
        """Colorize a batch of frames."""
        decoder = self.translator.decoder
        features = self.translator.encoder(self._prepared(thermal))
        if not isinstance(decoder, ContextDecoder):
            return _cut(_to_levels(decoder(features)).permute(0, 2, 3, 1), thermal)
        _, at_4 = decoder.merged(features)
        return _joined(decoder.planes(at_4, features[-1]), thermal)

    def with_objects(
        self, thermal: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Colorize a batch of frames and find road users in them; for a decoder with a head.

        Returns:
            Colour, boxes [N, M, 4] and scores [N, M, C] as `object_head.decode` gives them.
        """
        decoder = self.translator.decoder
        assert isinstance(decoder, ContextDecoder)
        assert decoder.head is not None
        features = self.translator.encoder(self._prepared(thermal))
        at_8, at_4 = decoder.merged(features)
        centres, sides = decoder.head(at_8, at_4)
        color = _joined(decoder.planes(at_4, features[-1]), thermal)
        return color, *decode(centres, sides, *thermal.shape[-2:])

    def _prepared(self, thermal: torch.Tensor) -> torch.Tensor:
        """Scale to [-1, 1], pad, and repeat to as many channels as the encoder looks at."""
        height, width = thermal.shape[-2:]
        x = thermal.to(torch.float32) * (1 / 127.5) - 1
        x = F.pad(x, (0, -width % self.multiple, 0, -height % self.multiple), mode='reflect')
        encoder = self.translator.encoder
        channels = encoder.channels if isinstance(encoder, ContextEncoder) else CHANNELS
        return x.expand(-1, channels, -1, -1)


def _to_levels(color: torch.Tensor) -> torch.Tensor:
    """Bring [-1, 1] to whole numbers from 0 to 255."""
    return ((color + 1) * 127.5).round().clamp(0, 255)


def _joined(planes: torch.Tensor, thermal: torch.Tensor) -> torch.Tensor:
    """Round and join planes [N, 12, h, w]: the pixel shuffle and the move of channels at once.

    It moves every pixel once, and rounding right behind the last convolution is fused with it.
    """
    n, _, h, w = planes.shape
    parts = _to_levels(planes).reshape(n, CHANNELS, 2, 2, h, w)
    return _cut(parts.permute(0, 4, 2, 5, 3, 1).reshape(n, 2 * h, 2 * w, CHANNELS), thermal)


def _cut(levels: torch.Tensor, thermal: torch.Tensor) -> torch.Tensor:
    """Cut the padding off: [N, h, w, 3] -> uint8 [N, H, W, 3]."""
    height, width = thermal.shape[-2:]
    return levels[:, :height, :width].to(torch.uint8)


def _use_leaky_relu(module: nn.Module) -> None:
    """Replace each PReLU, which has one slope here, by the LeakyReLU that it is: exact, faster."""
    for name, child in module.named_children():
        if isinstance(child, nn.PReLU):
            setattr(module, name, nn.LeakyReLU(float(child.weight.detach())))
        else:
            _use_leaky_relu(child)
