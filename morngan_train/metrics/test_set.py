"""The test part of a data folder: night frames, boxes, ignore regions, label maps."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from morngan_train.data.reading import check_size
from morngan_train.data.reading import DataError
from morngan_train.data.reading import find_companions
from morngan_train.data.reading import list_images
from morngan_train.data.reading import read_map
from morngan_train.metrics.segmentation import check_trainids

OBJECTS = ('person', 'bicycle', 'car')
"""Names of the classes 0, 1, 2 in files of boxes; names and numbers that COCO's detectors have."""

BOX = ('class', 'cx', 'cy', 'width', 'height')
"""Columns of YOLO text: a whole number, then shares of the picture."""


@dataclass(frozen=True, slots=True)
class TestSet:
    """Files of `DATA/testB` and what belongs to them, in the same order."""

    __test__ = False  # pytest takes what begins with Test for its own

    frames: list[Path]
    """Thermal frames."""
    boxes: list[Path] | None
    """YOLO text; None if there is no `testB_boxes`."""
    ignore: list[Path] | None
    """Likewise, `testB_ignore`."""
    masks: list[Path] | None
    """PNG of trainIds, `testB_masks`."""


def open_test_set(data: Path) -> TestSet:
    """List a test set.

    Raises:
        DataError: There are no frames, or a folder lacks the files of some frames.
    """
    frames = list_images(data / 'testB')
    text, png = frozenset({'.txt'}), frozenset({'.png'})
    return TestSet(
        frames,
        _partners(data / 'testB_boxes', frames, text),
        _partners(data / 'testB_ignore', frames, text),
        _partners(data / 'testB_masks', frames, png),
    )


def _partners(folder: Path, frames: list[Path], suffixes: frozenset[str]) -> list[Path] | None:
    if not folder.is_dir():
        return None
    cure = 'add them (a file of boxes may be empty), or remove the folder'
    return find_companions(folder, frames, cure, suffixes)


def read_boxes(path: Path, width: int, height: int) -> np.ndarray:
    """Read YOLO boxes: class, then centre and size as shares of the picture.

    Args:
        path: Text file, a line for each box; may be empty.
        width: Of the picture in pixels.
        height: Likewise.

    Returns:
        Rows of class, x1, y1, x2, y2 in pixels, float [N, 5].

    Raises:
        DataError: A line is no box.
    """
    return _read(path, width, height, BOX)


def read_found(path: Path, width: int, height: int) -> np.ndarray:
    """Read YOLO boxes that a detector found, as `read_boxes`, with a confidence at the end.

    Returns:
        Rows of class, x1, y1, x2, y2 in pixels, confidence, float [N, 6].

    Raises:
        DataError: A line is no such box.
    """
    return _read(path, width, height, (*BOX, 'confidence'))


def _read(path: Path, width: int, height: int, columns: tuple[str, ...]) -> np.ndarray:
    try:
        lines = path.read_text(encoding='utf-8').splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f'{path} is no text: {error}') from error
    rows = [_numbers(path, n, line, columns) for n, line in enumerate(lines, 1) if line.strip()]
    boxes = np.array(rows, np.float64).reshape(-1, len(columns))
    center, half = boxes[:, 1:3] * [width, height], boxes[:, 3:5] * [width, height] / 2
    return np.hstack([boxes[:, :1], center - half, center + half, boxes[:, 5:]])


def _numbers(path: Path, number: int, line: str, columns: tuple[str, ...]) -> list[float]:
    try:
        values = [float(word) for word in line.split()]
    except ValueError:
        values = []
    shares = [value for value in values[1:] if 0 <= value <= 1]
    if len(values) != len(columns) or values[0] % 1 or len(shares) != len(columns) - 1:
        raise DataError(
            f'{path}, line {number}: a box is `{" ".join(columns)}`, a whole number and '
            f'{len(columns) - 1} shares in 0..1'
        )
    return values


def read_mask(path: Path, frame: np.ndarray) -> np.ndarray:
    """Read the label map of a frame as trainIds or 255, uint8 [H, W].

    Raises:
        DataError: It cannot be read, has another size than the frame, or holds other numbers.
    """
    mask = read_map(path)
    check_size(path, mask, frame)
    try:
        check_trainids(mask)
    except ValueError as error:
        raise DataError(f'{path}: {error}') from error
    return mask
