"""Thermal frames with boxes of categories that a user chose: what the head learns from them.

A frame that cannot be read, or does not fit its annotations, is left out, named and counted. What
stops the preparation is that no frame, or no box of a person, bicycle or car, is left.
"""

from collections import Counter
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from typing import Protocol

import numpy as np

from morngan_train.data.boxes import BOX
from morngan_train.data.boxes import OBJECTS
from morngan_train.data.reading import DataError
from morngan_train.data.reading import read_thermal
from morngan_train.prepare.categories import IGNORE
from morngan_train.prepare.categories import LEFT_OUT
from morngan_train.prepare.categories import Meaning
from morngan_train.prepare.categories import meaning_of
from morngan_train.prepare.selection import Boxes
from morngan_train.prepare.selection import few
from morngan_train.prepare.selection import Folder
from morngan_train.prepare.selection import Selection
from morngan_train.prepare.selection import SourcePicture
from morngan_train.prepare.workers import collect
from morngan_train.prepare.workers import size_of


class Marked(NamedTuple):
    """One annotation of a frame.

    Attributes:
        category: Its name in the data set.
        corners: x1, y1, x2, y2 in pixels; may exceed the frame.
        crowd: The box holds several objects, or one that nobody judges.
    """

    category: str
    corners: tuple[float, float, float, float]
    crowd: bool = False


class AnnotatedFrame(Protocol):
    """A frame and its annotations, in any format; must be picklable."""

    @property
    def picture(self) -> Path:
        """The thermal frame."""

    @property
    def labels(self) -> Path | None:
        """File of its annotations; None if nobody has labelled the frame."""

    def marked(self, width: int, height: int) -> Sequence[Marked]:
        """List what is annotated in a frame of this size; raise DataError if it does not fit."""


class _Sorted(NamedTuple):
    """The annotations of a frame: boxes and regions as rows, and their numbers by category."""

    boxes: np.ndarray
    regions: np.ndarray
    taken: Counter[str]
    left_out: Counter[str]


class _Look(NamedTuple):
    """What a look at a frame gave.

    Attributes:
        size: Width and height.
        labels: None if nobody has labelled the frame.
        fault: Why the frame is of no use; empty if it is.
    """

    size: tuple[int, int] = (0, 0)
    labels: _Sorted | None = None
    fault: str = ''


def place(
    selection: Selection,
    folder: Folder,
    frames: Sequence[AnnotatedFrame],
    own: Mapping[str, Meaning],
    jobs: int,
) -> None:
    """Look at annotated frames, and put those that are sound into a folder.

    Args:
        selection: Gets pictures, boxes, regions, and notes about what is left out.
        folder: Where the frames go.
        frames: Candidates.
        own: Meanings that the user gives to categories.
        jobs: Processes.
    """
    tasks = [(frame, own) for frame in frames]
    looks = collect(_look, tasks, f'{folder}: looking', jobs)
    selection.leave_out(folder, [look.fault for look in looks if look.fault], len(looks))
    sound = [pair for pair in zip(frames, looks, strict=True) if not pair[1].fault]
    selection.add(folder, (SourcePicture(frame.picture, frame.picture.stem) for frame, _ in sound))
    selection.boxes[folder], selection.ignore[folder] = {}, {}
    for frame, (size, labels, _) in sound:
        if frame.labels is not None and labels is not None:
            name = frame.picture.stem
            selection.boxes[folder][name] = Boxes(frame.labels, labels.boxes, size)
            selection.ignore[folder][name] = Boxes(frame.labels, labels.regions, size)
    if sound:
        _report(selection, folder, [look.labels for _, look in sound])


def _look(task: tuple[AnnotatedFrame, Mapping[str, Meaning]]) -> _Look:
    frame, own = task
    try:
        size = size_of(read_thermal(frame.picture))
        marked = None if frame.labels is None else frame.marked(*size)
    except (DataError, OSError) as error:
        return _Look(fault=str(error))
    return _Look(size, None if marked is None else _sort(marked, size, own))


def _sort(marked: Sequence[Marked], size: tuple[int, int], own: Mapping[str, Meaning]) -> _Sorted:
    """Divide annotations into boxes, regions to ignore, and what is left out."""
    boxes, regions = [], []
    taken: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    for each, times in Counter(marked).items():
        meaning = meaning_of(each.category, own)
        box = np.clip(each.corners, 0, np.tile(size, 2))
        if meaning == LEFT_OUT:
            left_out[each.category] += times
            continue
        if times > 1:
            left_out[f'{each.category} (duplicate)'] += times - 1
        if (box[2:] <= box[:2]).any():
            left_out[f'{each.category} (outside the frame, or without area)'] += 1
        elif each.crowd or meaning == IGNORE:
            regions.append([0, *box])
            taken[f'{"crowd of " if each.crowd else ""}{each.category} as {IGNORE}'] += 1
        else:
            boxes.append([OBJECTS.index(meaning), *box])
            taken[meaning if each.category == meaning else f'{each.category} as {meaning}'] += 1
    return _Sorted(_rows(boxes), _rows(regions), taken, left_out)


def _rows(boxes: list[list[float]]) -> np.ndarray:
    return np.array(boxes, np.float64).reshape(-1, len(BOX))


def _report(selection: Selection, folder: Folder, labels: Sequence[_Sorted | None]) -> None:
    labelled = [each for each in labels if each is not None]
    bare = len(labels) - len(labelled)
    empty = sum(not len(each.boxes) for each in labelled)
    if empty == len(labelled):
        selection.problems.append(
            f'no box is a {" or ".join(OBJECTS)}; map the categories to classes with --class '
            'NAME=CLASS'
        )
    if bare:
        selection.notes.append(
            f'{folder}: {bare} of {len(labels)} frames are unlabelled and do not train the '
            'head; add an empty label file for each frame without objects'
        )
    if empty:
        selection.notes.append(
            f'{folder}: {empty} of {len(labels)} frames have labels but no box: the head learns '
            'that they show no objects'
        )
    taken: Counter[str] = sum((each.taken for each in labelled), Counter())
    left_out: Counter[str] = sum((each.left_out for each in labelled), Counter())
    if taken:
        selection.notes.append(f'{folder}: boxes taken: {_counts(taken)}')
    if left_out:
        selection.notes.append(
            f'{folder}: boxes left out: {_counts(left_out)}; map a category to a class with '
            '--class NAME=CLASS'
        )


def _counts(counter: Counter[str]) -> str:
    return ', '.join(f'{count} {name}' for name, count in sorted(counter.items()))


def check_own(selection: Selection, own: Mapping[str, Meaning], known: Iterable[str]) -> None:
    """Note a problem if the user gives a meaning to a category that the data set does not have."""
    known = sorted(known)
    if unknown := [name for name in own if name not in known]:
        selection.problems.append(
            f'--class {few(unknown)}: no such category; choose from {", ".join(known)}'
        )
