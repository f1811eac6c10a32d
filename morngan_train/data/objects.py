"""Boxes of the road users in crops, for the head that finds them.

Boxes of the frames in a folder F lie in `F_boxes`, YOLO text under the names of the frames. A frame
without a file has no labels; one with an empty file has no road users. `F_ignore` may hold regions
where nobody knows, in the same format; their class means nothing.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from morngan_train.data.boxes import OBJECTS
from morngan_train.data.boxes import read_boxes
from morngan_train.data.crops import Crop
from morngan_train.losses.objects import NONE
from morngan_train.losses.objects import REGION

MOST = 64
"""Rows of a crop; of more objects the largest are kept."""

LEAST_SIDE = 5.0
"""Pixels of the crop; smaller objects are regions to leave out."""

LEAST_SHOWN = 0.35
"""Share of a box inside of the crop; of what is cut off more nobody can tell the box."""


class ObjectBoxes:
    """Boxes by the index of the frame.

    Args:
        frames: Paths of the frames; their folders' neighbours hold the boxes.
        wanted: Names of the classes, out of `OBJECTS`, in the order of the head.
    """

    def __init__(self, frames: Sequence[Path], wanted: Sequence[str]) -> None:
        self._files = [_beside(frame, 'boxes') for frame in frames]
        self._regions = [_beside(frame, 'ignore') for frame in frames]
        self._numbers = {OBJECTS.index(name): i for i, name in enumerate(wanted)}

    @property
    def any(self) -> bool:
        """Whether any frame has labels."""
        return any(file.is_file() for file in self._files)

    def __call__(self, i: int, shape: tuple[int, int]) -> np.ndarray | None:
        """Read the boxes of a frame.

        Args:
            i: Its index.
            shape: Its height and width.

        Returns:
            Rows of class or `REGION`, x1, y1, x2, y2 in pixels, float [N, 5]; None if the frame
            has no labels.

        Raises:
            DataError: A line of the file is no box.
        """
        if not self._files[i].is_file():
            return None
        height, width = shape
        boxes = read_boxes(self._files[i], width, height)
        boxes = boxes[np.isin(boxes[:, 0], list(self._numbers))]
        boxes[:, 0] = [self._numbers[int(number)] for number in boxes[:, 0]]
        if not self._regions[i].is_file():
            return boxes
        regions = read_boxes(self._regions[i], width, height)
        regions[:, 0] = REGION
        return np.vstack([boxes, regions])


def in_crop(boxes: np.ndarray | None, crop: Crop) -> np.ndarray:
    """Cut boxes with a crop, and fill up with rows of `NONE`: float32 [MOST, 5]."""
    rows = np.zeros((MOST, 5), np.float32)
    rows[:, 0] = NONE
    if boxes is None or not len(boxes):
        return rows
    whole = _areas(boxes) * (crop.size / crop.side) ** 2
    inside, kept = crop.boxes(boxes)
    sides = inside[:, 3:] - inside[:, 1:3]
    unclear = (sides < LEAST_SIDE).any(1) | (_areas(inside) < LEAST_SHOWN * whole[kept])
    inside[unclear, 0] = REGION
    largest = np.argsort(-_areas(inside), kind='stable')[:MOST]
    rows[: len(largest)] = inside[largest]
    return rows


def _areas(boxes: np.ndarray) -> np.ndarray:
    areas: np.ndarray = (boxes[:, 3:] - boxes[:, 1:3]).prod(1)
    return areas


def _beside(frame: Path, kind: str) -> Path:
    return frame.parent.with_name(f'{frame.parent.name}_{kind}') / f'{frame.stem}.txt'
