"""MSRS, Multi-Spectral Road Scenarios: pairs of day and night, with label maps and boxes."""

from collections.abc import Sequence
from pathlib import Path

from morngan_train.classes import Label
from morngan_train.classes import UNLABELLED
from morngan_train.prepare.pairs import choose_listed
from morngan_train.prepare.pairs import find_root
from morngan_train.prepare.pairs import LabelKeys
from morngan_train.prepare.pairs import list_frames
from morngan_train.prepare.pairs import PairedFrame
from morngan_train.prepare.pairs import Part
from morngan_train.prepare.pairs import place
from morngan_train.prepare.pairs import Role
from morngan_train.prepare.selection import few
from morngan_train.prepare.selection import Selection

# 0 is the background, roads and houses alike; curves, car stops, guardrails, cones and bumps (4 to
# 8) are no classes of Cityscapes.
KEYS = LabelKeys(
    classes={},
    trainids=dict.fromkeys(range(9), UNLABELLED)
    | {1: Label.CAR, 2: Label.PERSON, 3: Label.BICYCLE},
)

_PARTS = ('train', 'test')
_MASKS = 'Segmentation_labels'


def select_msrs(source: Path, lists: Path | None, boxes: Path | None, jobs: int) -> Selection:
    """Choose the frames of MSRS by the last letter of their names, D for day and N for night.

    Args:
        source: Holds train and test, itself or one folder down.
        lists: Folder of split lists; None takes the parts of the data set.
        boxes: Copy of MSRS-detection-label, of which the boxes of the thermal frames are taken.
        jobs: Processes to look at the files with.

    Returns:
        trainA with trainA_thermal, trainB, testB with testB_visible, and their labels.

    Raises:
        DataError: There is no MSRS here, or a list is unreadable.
    """
    root = find_root(source, ('train/ir', 'test/ir'), 'MSRS')
    selection = Selection('MSRS', 'parts' if lists is None else 'lists')
    parts = {part: list_frames(_part(root, part, boxes, selection), selection) for part in _PARTS}
    if boxes is None:
        selection.notes.append('no boxes: MSRS does not contain any; see --boxes')
    if lists is not None:
        everything = [frame for frames in parts.values() for frame in frames]
        chosen = choose_listed(everything, lists, ('trainA', 'trainB'), selection)
    else:
        chosen = _by_letter(parts['train'], parts['test'], selection)
    if not selection.problems:
        place(selection, chosen, KEYS, jobs)
    return selection


def _part(root: Path, part: str, boxes: Path | None, selection: Selection) -> Part:
    masks = root / part / _MASKS
    if not masks.is_dir():
        selection.notes.append(f'no label maps of {part}: {masks} does not exist')
    return Part(
        root / part / 'ir',
        root / part / 'vi',
        masks if masks.is_dir() else None,
        boxes / 'infrared' / part if boxes else None,
    )


def _by_letter(
    train: Sequence[PairedFrame], test: Sequence[PairedFrame], selection: Selection
) -> dict[Role, list[PairedFrame]]:
    strange = [frame.name for frame in (*train, *test) if frame.name[-1] not in 'DN']
    if strange:
        selection.notes.append(
            f'{len(strange)} names end neither in D nor in N and are left out: {few(strange)}'
        )
    unused = sum(frame.name.endswith('D') for frame in test)
    if unused:
        selection.notes.append(f'{unused} day pairs of test are left out')
    return {
        'day': [frame for frame in train if frame.name.endswith('D')],
        'night': [frame for frame in train if frame.name.endswith('N')],
        'test': [frame for frame in test if frame.name.endswith('N')],
    }
