"""What of a source goes into which folder of a data folder, and what is wrong with the source."""

from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from itertools import pairwise
from pathlib import Path
from typing import Literal
from typing import TypeAlias

import numpy as np

Folder: TypeAlias = Literal[
    'trainA', 'trainA_thermal', 'trainB', 'testB', 'testB_visible', 'thermal'
]


@dataclass(frozen=True, slots=True)
class SourcePicture:
    """One picture of a source, and its name in the data folder (without suffix)."""

    source: Path
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Boxes:
    """The road users of one picture.

    Attributes:
        source: File that they were read from.
        rows: Class, x1, y1, x2, y2 in pixels, float [N, 5].
        size: Width and height of the picture.
    """

    source: Path
    rows: np.ndarray
    size: tuple[int, int]


@dataclass(slots=True)
class Selection:
    """Pictures by folder, and what is known about them.

    Attributes:
        source: What the pictures come from, for people.
        split: What decided about the folders: 'lists', 'attributes', 'rule', 'folders' or, if it
            was the data set itself, 'parts'.
        pictures: By folder of the data folder.
        boxes: By folder of the pictures and name; written to `FOLDER_boxes`.
        ignore: Regions that nobody judges, likewise; written to `FOLDER_ignore`, class 0.
        masks: Label maps, likewise; written to `FOLDER_masks`.
        trainids: What becomes of the numbers in these label maps, uint8 [256].
        crop_test_only: Test frames are cropped without being resized first.
        problems: What is missing; nothing is prepared while there are any.
        notes: What a person should know about the selection.
    """

    source: str
    split: Literal['lists', 'attributes', 'rule', 'folders', 'parts']
    pictures: dict[Folder, list[SourcePicture]] = field(default_factory=dict)
    boxes: dict[Folder, dict[str, Boxes]] = field(default_factory=dict)
    ignore: dict[Folder, dict[str, Boxes]] = field(default_factory=dict)
    masks: dict[Folder, dict[str, Path]] = field(default_factory=dict)
    trainids: np.ndarray = field(default_factory=lambda: np.arange(256, dtype=np.uint8))
    crop_test_only: bool = False
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, folder: Folder, pictures: Iterable[SourcePicture]) -> None:
        """Put pictures into a folder; note a problem if there are none, or names occur twice."""
        chosen = sorted(pictures, key=lambda picture: picture.name)
        names = [picture.name for picture in chosen]
        twice = sorted({a for a, b in pairwise(names) if a == b})
        if not chosen:
            self.problems.append(f'no pictures for {folder}')
        if twice:
            self.problems.append(f'{len(twice)} names of {folder} occur twice: {few(twice)}')
        self.pictures[folder] = chosen

    def leave_out(self, folder: Folder, faults: Sequence[str], total: int) -> None:
        """Note the frames of a folder that are of no use, and why; a problem if all are."""
        if faults:
            report = self.problems if len(faults) == total else self.notes
            report.append(f'{folder} leaves out {len(faults)} of {total} frames: {few(faults)}')


def few(names: Sequence[str]) -> str:
    """Name the first three: 'a, b, c, ...'."""
    return ', '.join(names[:3]) + (', ...' if len(names) > 3 else '')
