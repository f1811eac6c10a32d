"""One picture of a source to one picture of a data folder: size, grey levels, file format."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from typing import TypeAlias

import cv2
import numpy as np

from morngan_train.data.reading import DataError
from morngan_train.data.reading import read_rgb
from morngan_train.data.reading import read_thermal
from morngan_train.prepare.workers import Done
from morngan_train.prepare.workers import kept
from morngan_train.prepare.workers import size_of
from morngan_train.prepare.workers import write_bytes
from morngan_train.prepare.workers import write_png

RESIZED = (500, 400)
"""Width and height of the whole frame, in the paper."""

CROPPED = (360, 288)
"""Width and height of its centre, on which the paper trains and tests."""

Geometry: TypeAlias = Literal['resize+crop', 'crop', 'native']


@dataclass(frozen=True, slots=True)
class PictureTask:
    """A picture to prepare.

    Attributes:
        source: File of the data set.
        target: File in the data folder.
        color: Day colour; else thermal.
        geometry: What to do with its size.
        keep_16_bit: Do not map 16-bit thermal to 8 bits.
    """

    source: Path
    target: Path
    color: bool
    geometry: Geometry
    keep_16_bit: bool = False


def prepare_picture(task: PictureTask) -> Done:
    """Prepare a picture unless it is there already; a failure is told, not raised."""
    try:
        if done := kept(task.target, task.source):
            return done
        return _prepare(task)
    except (DataError, OSError) as error:
        return Done(None, error=str(error))


def _prepare(task: PictureTask) -> Done:
    if task.color:
        image = read_rgb(task.source)
    elif task.keep_16_bit:
        image = _read_counts(task.source)
    else:
        image = read_thermal(task.source)
    if task.color and task.geometry == 'native':
        # A PNG of a large JPEG is ten times its size and not a bit better.
        write_bytes(task.target, task.source.read_bytes())
        return Done(size_of(image))
    try:
        shaped = reshape(image, task.geometry)
    except DataError as error:
        raise DataError(f'{task.source}: {error}') from error
    write_png(task.target, shaped)
    return Done(size_of(shaped))


def _read_counts(path: Path) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH)
    if image is None:
        raise DataError(f'{path} cannot be decoded; remove it or copy it again')
    return image


def reshape(image: np.ndarray, geometry: Geometry, *, labels: bool = False) -> np.ndarray:
    """Bring a picture to the size of the paper, or leave it.

    'resize+crop' resizes to 500x400, whatever the proportions, and cuts 360x288 from the centre;
    'crop' only cuts. Shrinking averages areas, enlarging is bilinear.

    Args:
        image: [H, W] or [H, W, C].
        geometry: What to do.
        labels: The values are numbers of classes, so take the nearest one.

    Returns:
        The same dtype and channels.

    Raises:
        DataError: The picture is too small to cut from.
    """
    if geometry == 'native':
        return image
    if geometry == 'resize+crop':
        shrinks = image.shape[1] >= RESIZED[0] and image.shape[0] >= RESIZED[1]
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        image = cv2.resize(image, RESIZED, interpolation=cv2.INTER_NEAREST if labels else how)
    left, top = _corner(size_of(image))
    width, height = CROPPED
    if top < 0 or left < 0:
        raise DataError(
            f'{image.shape[1]}x{image.shape[0]} is too small to cut {width}x{height} from'
        )
    return np.ascontiguousarray(image[top : top + height, left : left + width])


def reshape_boxes(
    boxes: np.ndarray, size: tuple[int, int], geometry: Geometry
) -> tuple[np.ndarray, tuple[int, int]]:
    """Move boxes as `reshape` moves their picture; those whose centre is cut off are left out.

    Args:
        boxes: Rows of class, x1, y1, x2, y2 in pixels, float [N, 5].
        size: Width and height of the picture.
        geometry: What happens to the picture.

    Returns:
        The boxes, cut at the border of the new picture, and its width and height.
    """
    moved = boxes.copy()
    if geometry == 'resize+crop':
        moved[:, 1:] *= np.tile(np.divide(RESIZED, size), 2)
        size = RESIZED
    if geometry != 'native':
        moved[:, 1:] -= np.tile(_corner(size), 2)
        size = CROPPED
    centers = (moved[:, 1:3] + moved[:, 3:5]) / 2
    moved = moved[((centers > 0) & (centers < size)).all(axis=1)]
    moved[:, 1:] = moved[:, 1:].clip(0, np.tile(size, 2))
    return moved, size


def _corner(size: tuple[int, int]) -> tuple[int, int]:
    """Left and top of the part that is cut from a picture of a width and height."""
    return (size[0] - CROPPED[0]) // 2, (size[1] - CROPPED[1]) // 2
