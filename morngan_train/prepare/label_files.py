"""The labels of one picture to one file of a data folder: YOLO text, or a map of trainIds."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from morngan_train.data.boxes import yolo_text
from morngan_train.data.reading import DataError
from morngan_train.data.reading import read_map
from morngan_train.prepare.pictures import Geometry
from morngan_train.prepare.pictures import reshape
from morngan_train.prepare.pictures import reshape_boxes
from morngan_train.prepare.selection import Boxes
from morngan_train.prepare.workers import Done
from morngan_train.prepare.workers import kept
from morngan_train.prepare.workers import size_of
from morngan_train.prepare.workers import write_bytes
from morngan_train.prepare.workers import write_png


@dataclass(frozen=True, slots=True, eq=False)
class BoxesTask:
    """Boxes to write, and what happens to the size of their picture."""

    boxes: Boxes
    target: Path
    geometry: Geometry

    @property
    def source(self) -> Path:
        """File that the boxes were read from."""
        return self.boxes.source


@dataclass(frozen=True, slots=True, eq=False)
class MaskTask:
    """A label map to write.

    Attributes:
        source: File of the data set.
        target: File in the data folder.
        trainids: By the numbers in the source, uint8 [256].
        geometry: What happens to the size of its picture.
    """

    source: Path
    target: Path
    trainids: np.ndarray
    geometry: Geometry


def write_boxes(task: BoxesTask) -> Done:
    """Write boxes unless they are there already; a failure is told, not raised."""
    rows, size = reshape_boxes(task.boxes.rows, task.boxes.size, task.geometry)
    content = yolo_text(rows, *size).encode()
    try:
        if task.target.is_file() and task.target.read_bytes() == content:
            return Done(size, fresh=True)
        write_bytes(task.target, content)
        return Done(size)
    except (DataError, OSError) as error:
        return Done(None, error=str(error))


def write_mask(task: MaskTask) -> Done:
    """Write a label map unless it is there already; a failure is told, not raised."""
    try:
        if done := kept(task.target, task.source):
            return done
        mask = reshape(read_map(task.source), task.geometry, labels=True)
        write_png(task.target, cv2.LUT(mask, task.trainids))
        return Done(size_of(mask))
    except (DataError, OSError) as error:
        return Done(None, error=str(error))
