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
    masks: list[Path | None] | None
    """PNG of trainIds, `testB_masks`; None for frames without."""


def open_test_set(data: Path) -> TestSet:
    """List a test set.

    Raises:
        DataError: There are no frames, or a folder of boxes lacks the files of some of them, or a
            folder of masks those of all.
    """
    frames = list_images(data / 'testB')
    return TestSet(
        frames,
        _boxes(data / 'testB_boxes', frames),
        _boxes(data / 'testB_ignore', frames),
        _masks(data / 'testB_masks', frames),
    )


def _boxes(folder: Path, frames: list[Path]) -> list[Path] | None:
    """Find the boxes of all frames: without a file nobody knows whether there are objects."""
    if not folder.is_dir():
        return None
    hint = 'add them (a file of boxes may be empty), or remove the folder'
    return find_companions(folder, frames, hint, frozenset({'.txt'}))


def _masks(folder: Path, frames: list[Path]) -> list[Path | None] | None:
    """Find the masks of some frames: to draw them is so much work that few may have one."""
    if not folder.is_dir():
        return None
    masks = {path.stem: path for path in folder.iterdir() if path.suffix.lower() == '.png'}
    found = [masks.get(frame.stem) for frame in frames]
    if not any(found):
        raise DataError(
            f'{folder} has no mask of any frame in {frames[0].parent}, such as '
            f'{frames[0].stem}.png; add some, or remove the folder'
        )
    return found


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
