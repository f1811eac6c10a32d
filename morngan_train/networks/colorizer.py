"""The deployable form of a translator: bytes in, bytes out, so that nothing can be done wrong."""

import copy

import torch
from torch import nn
from torch.nn import functional as F

from morngan_train.networks.generator import CHANNELS
from morngan_train.networks.generator import Translator


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
        # Without gradients, so that a trace holds nothing that only backward passes need.
        self.translator = _with_leaky_relu(copy.deepcopy(translator)).eval().requires_grad_(False)
        self.multiple = translator.encoder.multiple

    @property
    def least(self) -> int:
        """Smallest height and width: a reflection reaches no further than the frame."""
        return max(8, self.multiple // 2 + 1)

    def forward(self, thermal: torch.Tensor) -> torch.Tensor:
        """Colorize a batch of frames."""
        height, width = thermal.shape[-2:]
        x = thermal.to(torch.float32) * (1 / 127.5) - 1
        x = F.pad(x, (0, -width % self.multiple, 0, -height % self.multiple), mode='reflect')
        x = x.expand(-1, CHANNELS, -1, -1)
        y = self.translator(x)[..., :height, :width]
        y = ((y + 1) * 127.5).round().clamp(0, 255)
        return y.permute(0, 2, 3, 1).to(torch.uint8)


def _with_leaky_relu(module: nn.Module) -> nn.Module:
    """Replace each PReLU, which has one slope here, by the LeakyReLU that it is: exact, faster."""
    for name, child in module.named_children():
        if isinstance(child, nn.PReLU):
            setattr(module, name, nn.LeakyReLU(float(child.weight.detach())))
        else:
            _with_leaky_relu(child)
    return module
