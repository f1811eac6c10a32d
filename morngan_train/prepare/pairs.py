"""Data sets of registered pairs: colour and thermal under the same names, with labels beside them.

A frame that lacks its partner or its labels, or has them in another size, is left out, named and
counted: one odd file does not stop a data set. What stops it is a folder that is not there, or one
of which nothing is left.
"""

from collections import Counter
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path
from typing import Literal
from typing import NamedTuple
from typing import TypeAlias

import numpy as np

from morngan_train.data.boxes import OBJECTS
from morngan_train.data.boxes import read_boxes
from morngan_train.data.boxes import read_voc
from morngan_train.data.reading import check_size
from morngan_train.data.reading import DataError
from morngan_train.data.reading import read_map
from morngan_train.data.reading import read_rgb
from morngan_train.data.reading import read_thermal
from morngan_train.data.reading import SUFFIXES
from morngan_train.prepare.lists import bare_name
from morngan_train.prepare.lists import read_lists
from morngan_train.prepare.selection import Boxes
from morngan_train.prepare.selection import few
from morngan_train.prepare.selection import Folder
from morngan_train.prepare.selection import Selection
from morngan_train.prepare.selection import SourcePicture
from morngan_train.prepare.workers import collect
from morngan_train.prepare.workers import size_of

Role: TypeAlias = Literal['day', 'night', 'test', 'pool']

_THERMAL: dict[Role, Folder] = {
    'day': 'trainA_thermal',
    'night': 'trainB',
    'test': 'testB',
    'pool': 'thermal',
}
_COLOR: dict[Role, Folder] = {'day': 'trainA', 'test': 'testB_visible'}
_LISTED: dict[str, Role] = {'trainA': 'day', 'trainB': 'night', 'testB': 'test'}


class Part(NamedTuple):
    """Folders of a part of a data set; None where the set has no such labels."""

    thermal: Path
    color: Path
    masks: Path | None = None
    boxes: Path | None = None


@dataclass(frozen=True, slots=True)
class PairedFrame:
    """Files of a frame; those that its role does not need are None."""

    name: str
    thermal: Path
    color: Path | None
    mask: Path | None = None
    boxes: Path | None = None


@dataclass(frozen=True, slots=True)
class LabelKeys:
    """What the labels of a data set mean.

    Attributes:
        classes: Number of the class by the category of an XML file.
        trainids: By the number in a label map.
    """

    classes: Mapping[str, int]
    trainids: Mapping[int, int]


class Examined(NamedTuple):
    """What a look at the files of a frame gave.

    Attributes:
        boxes: None if there is no file of boxes.
        others: Objects that became no box, by category.
        fault: Why the frame is of no use; empty if it is.
    """

    boxes: Boxes | None = None
    others: Mapping[str, int] = {}
    fault: str = ''


def find_root(source: Path, folders: Sequence[str], name: str) -> Path:
    """Find the folder that holds some others: the source, or a folder in it.

    Args:
        source: Where a data set was unpacked.
        folders: Paths in the data set, of which one is enough.
        name: Of the data set, for the message.

    Raises:
        DataError: There is no such folder.
    """
    if not source.is_dir():
        raise DataError(f'{source} does not exist or is not a folder')
    for root in (source, *sorted(path for path in source.iterdir() if path.is_dir())):
        if any((root / folder).is_dir() for folder in folders):
            return root
    raise DataError(
        f'{source} does not contain {name}; expected in this folder or one level below: '
        f'{", ".join(folders)}'
    )


def list_frames(part: Part, selection: Selection) -> list[PairedFrame]:
    """List the frames of a part by name; what is missing is noted in the selection."""
    folders = [folder for folder in part if folder is not None]
    missing = [folder for folder in folders if not folder.is_dir()]
    if missing:
        told = [f'{folder} is missing' for folder in missing]
        selection.problems += [text for text in told if text not in selection.problems]
        return []
    thermal = _index(part.thermal, SUFFIXES, selection)
    if not thermal:
        selection.problems.append(f'{part.thermal} holds no pictures')
    others = [
        {} if folder is None else _index(folder, suffixes, selection)
        for folder, suffixes in (
            (part.color, SUFFIXES),
            (part.masks, frozenset({'.png'})),
            (part.boxes, frozenset({'.xml', '.txt'})),
        )
    ]
    _note_lonely(part.color, others[0].keys() - thermal.keys(), part.thermal, selection)
    frames = set(thermal)
    for folder, files in zip(part[1:], others, strict=True):
        if folder is not None:
            _note_lonely(part.thermal, frames - files.keys(), folder, selection)
            frames &= files.keys()
    return [
        PairedFrame(name, thermal[name], *(files.get(name) for files in others))
        for name in sorted(frames)
    ]


def choose_listed(
    frames: Iterable[PairedFrame], lists: Path, required: Sequence[Folder], selection: Selection
) -> dict[Role, list[PairedFrame]]:
    """Choose the frames that split lists name; names without a frame are a problem.

    Raises:
        DataError: A required list is missing, or one is unreadable.
    """
    by_name = {frame.name: frame for frame in frames}
    chosen: dict[Role, list[PairedFrame]] = {}
    for folder, lines in read_lists(lists, required).items():
        names = [bare_name(line) for line in lines]
        unknown = [name for name in names if name not in by_name]
        if unknown:
            selection.problems.append(
                f'{len(unknown)} of the {len(names)} names for {folder} are not complete pairs '
                f'of {selection.source}: {few(unknown)}'
            )
        chosen[_LISTED[folder]] = [by_name[name] for name in names if name in by_name]
    return chosen


def place(
    selection: Selection, frames: Mapping[Role, Sequence[PairedFrame]], keys: LabelKeys, jobs: int
) -> None:
    """Look at the files of the frames, and put those that are sound into their folders.

    Args:
        selection: Gets pictures, labels, and notes about what is left out.
        frames: By what they are for.
        keys: What their labels mean.
        jobs: Processes.
    """
    for number, trainid in keys.trainids.items():
        selection.trainids[number] = trainid
    others: Counter[str] = Counter()
    for role, candidates in frames.items():
        needed = [_needed(frame, role) for frame in candidates]
        tasks = [(frame, keys) for frame in needed]
        looks = collect(_examine, tasks, f'{_THERMAL[role]}: looking', jobs)
        faults = [look.fault for look in looks if look.fault]
        selection.leave_out(_THERMAL[role], faults, len(looks))
        sound = [pair for pair in zip(needed, looks, strict=True) if not pair[1].fault]
        _add(selection, role, sound)
        for _, look in sound:
            others.update(look.others)
    if others:
        each = ', '.join(f'{count} {name}' for name, count in sorted(others.items()))
        selection.notes.append(
            f'objects of other classes than {", ".join(OBJECTS)} are left out: {each}'
        )


def _index(folder: Path, suffixes: frozenset[str], selection: Selection) -> dict[str, Path]:
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in suffixes)
    hidden = [file.name for file in files if file.name.startswith('.')]
    if hidden:
        selection.notes.append(
            f'{folder} holds {len(hidden)} hidden files, which are left out: {few(hidden)}'
        )
    return {file.stem: file for file in files if not file.name.startswith('.')}


def _note_lonely(folder: Path, names: Iterable[str], partners: Path, selection: Selection) -> None:
    lonely = sorted(names)
    if lonely:
        selection.notes.append(
            f'{len(lonely)} frames of {folder} have no partner in {partners} and are left out: '
            f'{few(lonely)}'
        )


def _needed(frame: PairedFrame, role: Role) -> PairedFrame:
    """Drop the files of a frame that its role does not need, so that nobody reads them."""
    if role == 'pool':
        return PairedFrame(frame.name, frame.thermal, None)
    return frame if role in _COLOR else replace(frame, color=None)


def _examine(task: tuple[PairedFrame, LabelKeys]) -> Examined:
    frame, keys = task
    try:
        thermal = read_thermal(frame.thermal)
        if frame.color is not None:
            check_size(frame.thermal, thermal, read_rgb(frame.color))
        if frame.mask is not None:
            _check_mask(frame.mask, thermal, keys.trainids)
        return _examine_boxes(frame.boxes, size_of(thermal), keys.classes)
    except (DataError, OSError) as error:
        return Examined(fault=str(error))


def _check_mask(path: Path, picture: np.ndarray, trainids: Mapping[int, int]) -> None:
    mask = read_map(path)
    check_size(path, mask, picture)
    unknown = sorted(set(np.unique(mask).tolist()) - set(trainids))
    if unknown:
        raise DataError(f'{path} has numbers of unknown classes: {few(list(map(str, unknown)))}')


def _examine_boxes(
    path: Path | None, size: tuple[int, int], classes: Mapping[str, int]
) -> Examined:
    if path is None:
        return Examined()
    if path.suffix.lower() == '.xml':
        rows, others = read_voc(path, *size, classes)
        return Examined(Boxes(path, rows, size), others)
    rows = read_boxes(path, *size)
    known = np.isin(rows[:, 0], range(len(OBJECTS)))
    unknown = Counter(f'class {number:.0f}' for number in rows[~known, 0])
    return Examined(Boxes(path, rows[known], size), unknown)


def _add(selection: Selection, role: Role, sound: Sequence[tuple[PairedFrame, Examined]]) -> None:
    thermal = _THERMAL[role]
    selection.add(thermal, (SourcePicture(frame.thermal, frame.name) for frame, _ in sound))
    if role in _COLOR:
        colors = ((frame.color, frame.name) for frame, _ in sound)
        selection.add(_COLOR[role], (SourcePicture(file, name) for file, name in colors if file))
    masks = {frame.name: frame.mask for frame, _ in sound if frame.mask}
    boxes = {frame.name: look.boxes for frame, look in sound if look.boxes}
    if masks:
        selection.masks[thermal] = masks
    if boxes:
        selection.boxes[thermal] = boxes
