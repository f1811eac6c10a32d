"""What a frozen network sees in pictures, and in real pictures of the day."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
import torch

from morngan_train.checkpoint import CheckpointError
from morngan_train.data.reading import list_images
from morngan_train.data.reading import read_rgb
from morngan_train.data.reading import spread
from morngan_train.files import content_digest
from morngan_train.metrics.realism import parts
from morngan_train.networks.efficientnet_lite import EfficientNetLite0
from morngan_train.networks.efficientnet_lite import NO_WEIGHTS
from morngan_train.networks.efficientnet_lite import weights_file

MOST_REAL = 1000
"""Real pictures that are looked at, spread over all: more take minutes, and tell nothing new."""


class DayFeatures:
    """Features of pictures and of real day pictures, by the same network.

    Args:
        weights: `imagenet`, or a file, see `EfficientNetLite0`.
        folders: Of real day pictures.

    Attributes:
        real: Features of the real pictures, float64 [M, 1280].
        name: Of the folders and weights.
        sha256: Digest of the weights and of the pictures, wherever they lie.

    Raises:
        CheckpointError: There are no such weights.
        DataError: A folder lacks pictures, or one of them cannot be read.
    """

    def __init__(self, weights: str, folders: Sequence[Path]) -> None:
        if weights == NO_WEIGHTS:
            raise CheckpointError('realism needs trained weights: give imagenet or a file')
        file = weights_file(weights)
        self._network = EfficientNetLite0(weights, head=True).eval()
        files = spread([path for f in folders for path in list_images(f)], MOST_REAL)
        names = [f'{folder.absolute().parent.name}/{folder.absolute().name}' for folder in folders]
        shown = track(files, 'real day pictures', console=Console(stderr=True))
        self.real = np.concatenate([self(read_rgb(path)) for path in shown])
        self.name = f'{" + ".join(names)} by {file.name}'
        self.sha256 = content_digest([file, *files])

    @torch.inference_mode()
    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        """Return the features of the parts of a picture: uint8 [H, W, 3] -> float64 [2, 1280]."""
        features: np.ndarray = self._network.pooled(torch.from_numpy(parts(rgb))).numpy()
        return features.astype(np.float64)
