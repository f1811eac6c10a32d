"""Reading pictures and label maps from folders; what is wrong is named with its cure."""

import math
from pathlib import Path

import cv2
import numpy as np

from morngan_ros.exposure import Exposure
from morngan_train.errors import TrainError

SUFFIXES = frozenset({'.png', '.jpg', '.jpeg', '.bmp', '.tif', '.tiff'})


class DataError(TrainError):
    """A data folder is incomplete, or a file in it cannot be read."""


def list_images(folder: Path) -> list[Path]:
    """List the pictures of a folder by name; raise DataError if there are none."""
    if not folder.is_dir():
        raise DataError(
            f'{folder} does not exist; see docs/data.md for the layout of a data folder'
        )
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)
    if not files:
        raise DataError(f'{folder} holds no pictures ({", ".join(sorted(SUFFIXES))})')
    return files


def spread(files: list[Path], most: int) -> list[Path]:
    """Choose up to `most` files, evenly over the list."""
    return files[:: max(1, math.ceil(len(files) / most))]


def find_companions(
    folder: Path, pictures: list[Path], hint: str, suffixes: frozenset[str] = SUFFIXES
) -> list[Path]:
    """Find what belongs to each picture: the file of the same stem in another folder.

    Args:
        folder: Where to look.
        pictures: All from one folder.
        hint: What to do about missing files, for the message.
        suffixes: Of the files, in lower case.

    Returns:
        A file for each picture, in their order.

    Raises:
        DataError: Some are missing; the message names their number, the first, and the cure.
    """
    files = folder.iterdir() if folder.is_dir() else ()
    by_stem = {path.stem: path for path in files if path.suffix.lower() in suffixes}
    missing = [path.name for path in pictures if path.stem not in by_stem]
    if missing:
        raise DataError(
            f'{folder} lacks the partners of {len(missing)} of the {len(pictures)} pictures in '
            f'{pictures[0].parent.name}, first {missing[0]}; {hint}'
        )
    return [by_stem[path.stem] for path in pictures]


def read_rgb(path: Path) -> np.ndarray:
    """Read a picture as uint8 [H, W, 3] RGB; raise DataError if it cannot be decoded."""
    return cv2.cvtColor(_decode(path, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def read_thermal(path: Path) -> np.ndarray:
    """Read a thermal frame as uint8 [H, W].

    Frames of 16 bits are stretched between their own 1st and 99th percentiles.

    Raises:
        DataError: The file cannot be decoded, or holds neither 8 nor 16 bits.
    """
    frame = _decode(path, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH)
    if frame.dtype not in (np.uint8, np.uint16):
        raise DataError(f'{path} holds {frame.dtype}; convert it to a PNG of 8 or 16 bits')
    return Exposure()(frame, 0.0)


def read_map(path: Path) -> np.ndarray:
    """Read a label map or an edge map as uint8 [H, W], value for value.

    Raises:
        DataError: The file cannot be decoded, or has a palette, colours or other than 8 bits.
    """
    values = _decode(path, cv2.IMREAD_UNCHANGED)
    if values.dtype != np.uint8 or values.ndim != 2:
        raise DataError(
            f'{path} is {values.dtype} {list(values.shape)}; it must be a single channel of 8 '
            'bits, without palette'
        )
    return values


def check_size(path: Path, companion: np.ndarray, picture: np.ndarray) -> None:
    """Raise DataError, naming `path`, unless a companion is as large as its picture."""
    (height, width), (expected_height, expected_width) = companion.shape[:2], picture.shape[:2]
    if (height, width) != (expected_height, expected_width):
        raise DataError(
            f'{path} is {width}x{height}, but its picture is '
            f'{expected_width}x{expected_height}; register them pixel by pixel'
        )


def _decode(path: Path, flags: int) -> np.ndarray:
    image = cv2.imread(str(path), flags)
    if image is None:
        raise DataError(f'{path} cannot be decoded; remove it or copy it again')
    return image
