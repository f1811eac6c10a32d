"""Random crops, the same for a picture and for everything registered to it."""

from dataclasses import dataclass
from dataclasses import replace

import cv2
import numpy as np

from morngan_train.classes import SMALL_SAMPLE
from morngan_train.errors import TrainError


class CropError(TrainError):
    """A picture is too small to cut a crop from."""


@dataclass(frozen=True, slots=True)
class Crop:
    """A square window of the source, the size it is scaled to, and whether it is mirrored."""

    top: int
    left: int
    side: int
    size: int
    flip: bool

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Cut uint8 [H, W] or [H, W, C] to [size, size] or [size, size, C]."""
        return self._cut(image, cv2.INTER_AREA if self.side > self.size else cv2.INTER_LINEAR)

    def labels(self, labels: np.ndarray) -> np.ndarray:
        """Cut a label map, uint8 [H, W], to [size, size], without inventing values."""
        # The exact form looks at the centres of pixels, like the interpolations of pictures.
        return self._cut(labels, cv2.INTER_NEAREST_EXACT)

    def boxes(self, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Move boxes along: rows of class, x1, y1, x2, y2, float [N, 5], in pixels of the picture.

        Returns:
            Those of which a part is left, cut at the borders, in pixels of the crop; and which of
            the rows they are, bool [N].
        """
        corners = (boxes[:, 1:] - np.tile([self.left, self.top], 2)) * (self.size / self.side)
        if self.flip:
            corners[:, [0, 2]] = self.size - corners[:, [2, 0]]
        corners = corners.clip(0, self.size)
        left: np.ndarray = (corners[:, 2:] > corners[:, :2]).all(1)
        return np.hstack([boxes[:, :1], corners])[left], left

    def _cut(self, image: np.ndarray, interpolation: int) -> np.ndarray:
        window = image[self.top : self.top + self.side, self.left : self.left + self.side]
        if self.side != self.size:
            window = cv2.resize(window, (self.size, self.size), interpolation=interpolation)
        return np.ascontiguousarray(window[:, ::-1]) if self.flip else window


def draw_crop(
    height: int, width: int, size: int, scale: tuple[float, float], rng: np.random.Generator
) -> Crop:
    """Draw a window that is `size` pixels wide after scaling by a factor from `scale`.

    A picture too small for the drawn scale is enlarged just enough.

    Args:
        height: Of the picture.
        width: Of the picture.
        size: Side of the crop.
        scale: Smallest and largest scale; (1, 1) cuts without resizing.
        rng: Source of randomness.

    Returns:
        The crop.

    Raises:
        CropError: The picture is smaller than 8 pixels on a side.
    """
    if min(height, width) < 8:
        raise CropError(f'a picture of {width}x{height} pixels is too small for training')
    side = min(round(size / rng.uniform(*scale)), height, width)
    top = int(rng.integers(height - side + 1))
    left = int(rng.integers(width - side + 1))
    return Crop(top, left, side, size, bool(rng.random() < 0.5))


def focus(crop: Crop, labels: np.ndarray, share: float, rng: np.random.Generator) -> Crop:
    """Move a share of crops so that they show something small, where the picture has it.

    The class is drawn first, so that rare ones are seen as often as others, then one of its pixels,
    then where in the crop that pixel lies.

    Args:
        crop: As it was drawn.
        labels: Of the picture, trainIds, uint8 [H, W].
        share: How many crops are moved, in [0, 1].
        rng: Source of randomness.

    Returns:
        A crop of the same side.
    """
    if rng.random() >= share:
        return crop
    there = [label for label in SMALL_SAMPLE if (labels == label).any()]
    if not there:
        return crop
    pixels = np.argwhere(labels == rng.choice(there))
    return _showing(crop, pixels[rng.integers(len(pixels))], labels.shape, rng)


def focus_on_boxes(
    crop: Crop, boxes: np.ndarray, shape: tuple[int, int], share: float, rng: np.random.Generator
) -> Crop:
    """Move a share of crops so that they show the middle of an object, where there is any.

    Args:
        crop: As it was drawn.
        boxes: Of the picture, rows of class, x1, y1, x2, y2 in pixels, float [N, 5].
        shape: Height and width of the picture.
        share: How many crops are moved, in [0, 1].
        rng: Source of randomness.

    Returns:
        A crop of the same side.
    """
    if rng.random() >= share or not len(boxes):
        return crop
    x1, y1, x2, y2 = boxes[rng.integers(len(boxes)), 1:]
    middle = np.array([(y1 + y2) / 2, (x1 + x2) / 2]).astype(int)
    return _showing(crop, middle, shape, rng)


def _showing(
    crop: Crop, pixel: np.ndarray, shape: tuple[int, ...], rng: np.random.Generator
) -> Crop:
    """Move a crop so that it shows a pixel, row and column, somewhere."""
    corner = pixel - rng.integers(crop.side, size=2)
    top, left = np.clip(corner, 0, np.subtract(shape, crop.side))
    return replace(crop, top=int(top), left=int(left))
