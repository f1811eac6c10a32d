"""What a frozen network sees in a picture: for the perceptual loss and for a discriminator."""

import torch
from torch import nn
from torch.nn import functional as F

from morngan_train.networks.efficientnet_lite import CHANNELS
from morngan_train.networks.efficientnet_lite import EfficientNetLite0
from morngan_train.networks.efficientnet_lite import IMAGENET
from morngan_train.networks.efficientnet_lite import SPREAD

LEVELS = 4
"""Features that are used: at strides 4, 8, 16 and 32 of the picture."""

SEEN_CHANNELS = CHANNELS[:LEVELS]


class Perception(nn.Module):
    """Features of pictures at half resolution, by a network that never learns.

    Half the resolution costs a quarter, and is enough for what things are.

    Args:
        weights: Of the network: `imagenet`, `none`, or a file.

    Raises:
        CheckpointError: There are no such weights.
    """

    def __init__(self, weights: str = IMAGENET) -> None:
        super().__init__()
        self.network = EfficientNetLite0(weights).requires_grad_(False)

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Look at [N, 3, H, W] in [-1, 1], sides multiples of 64: a tensor a level, spread of 1."""
        levels = self.network(F.avg_pool2d(image, 2), LEVELS)
        return [level / spread for level, spread in zip(levels, SPREAD[:LEVELS], strict=True)]
