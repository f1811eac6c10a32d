"""A segmentation network S that learns from few pictures, in the place of the paper's."""

import torch
from torch import nn
from torch.nn import functional as F

from morngan_train.networks.scene_parser import SceneParserNetwork

SCALE = 4
"""Classes are told at a quarter of the size."""

GROUP = 8
"""Channels that are normalised together."""


def _group_norm(channels: int) -> nn.GroupNorm:
    # A step sees one crop, of either kind of picture: too little for the statistics of a batch.
    return nn.GroupNorm(channels // GROUP, channels)


class BottleneckSegmenter(nn.Module):
    """The network of `parser`, with group norm, as S_A or S_B; 1,015,779 parameters.

    The paper's S has no path from shallow to deep layers and takes the mean of every channel away
    before it classifies. That asks for tens of thousands of steps; this one is useful after two
    thousand (docs/experiments.md).
    """

    def __init__(self) -> None:
        super().__init__()
        self.network = SceneParserNetwork(_group_norm)

    def features(self, image: torch.Tensor) -> torch.Tensor:
        """Return what the classifier looks at: [N, 3, H, W] in [-1, 1] -> [N, 64, H/4, W/4].

        H and W must be multiples of 4.
        """
        return self.network.features(image)

    def classify(self, features: torch.Tensor, *, dropout: bool) -> torch.Tensor:
        """Score the classes: [N, 64, H/4, W/4] -> logits [N, 19, H, W].

        Args:
            features: Of `features`.
            dropout: Whether some channels are dropped at random, as in training.
        """
        logits = self.network.classify(features, dropout=dropout)
        return F.interpolate(logits, scale_factor=SCALE, mode='bilinear', align_corners=False)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Segment [N, 3, H, W] in [-1, 1]: logits [N, 19, H, W], with dropout in training mode."""
        return self.classify(self.features(image), dropout=self.training)
