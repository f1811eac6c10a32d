"""What detectors and parsers made of the pictures elsewhere: a file for each frame."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from morngan_train.data.boxes import OBJECTS
from morngan_train.data.boxes import read_found
from morngan_train.data.reading import find_companions
from morngan_train.evaluation.dataset import read_mask
from morngan_train.evaluation.exhaustive_detector import BoxesByClass
from morngan_train.evaluation.exhaustive_detector import WHOLE
from morngan_train.files import content_digest

HINT = 'every frame of testB needs a file (a file of boxes may be empty)'


class FoundBoxes:
    """Boxes that a detector found: `STEM.txt`, see `read_found`. They are taken as they are.

    How it looked at the pictures is not known, so they count as found in whole pictures.

    Args:
        folder: With a file for each frame.
        frames: Of the test set.

    Raises:
        DataError: Files are missing.
    """

    classes: Sequence[str] = OBJECTS
    views: Sequence[str] = (WHOLE,)

    def __init__(self, folder: Path, frames: Sequence[Path]) -> None:
        self.files = find_companions(folder, [*frames], HINT, frozenset({'.txt'}))
        self.sha256 = content_digest(self.files)

    def find(self, index: int, rgb: np.ndarray, view: str) -> BoxesByClass:
        """Read what was found in a picture, see `scorers.Finder`; DataError if a line is no box."""
        height, width = rgb.shape[:2]
        rows = read_found(self.files[index], width, height)
        each = [rows[rows[:, 0] == number] for number in range(len(OBJECTS))]
        return {name: (r[:, 1:5], r[:, 5]) for name, r in zip(OBJECTS, each, strict=True)}


class SeenScenes:
    """Label maps that a parser gave: `STEM.png` of trainIds in the size of the frame, 255 none.

    Args:
        folder: With a file for each frame.
        frames: Of the test set.

    Raises:
        DataError: Files are missing.
    """

    def __init__(self, folder: Path, frames: Sequence[Path]) -> None:
        self.files = find_companions(folder, [*frames], HINT, frozenset({'.png'}))
        self.sha256 = content_digest(self.files)

    def parse(self, index: int, rgb: np.ndarray) -> np.ndarray:
        """Read what was seen, see `scorers.SceneParser`; DataError as of `read_mask`."""
        return read_mask(self.files[index], rgb)
