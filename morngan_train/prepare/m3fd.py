"""M3FD: pairs of day, night, overcast and difficult weather, with boxes."""

from collections.abc import Iterable
from pathlib import Path

from morngan_train.data.reading import DataError
from morngan_train.prepare.pairs import choose_listed
from morngan_train.prepare.pairs import LabelKeys
from morngan_train.prepare.pairs import list_frames
from morngan_train.prepare.pairs import PairedFrame
from morngan_train.prepare.pairs import Part
from morngan_train.prepare.pairs import place
from morngan_train.prepare.pairs import Role
from morngan_train.prepare.selection import few
from morngan_train.prepare.selection import Selection

KEYS = LabelKeys(classes={'People': 0, 'Car': 2}, trainids={})

# First and last number of the stretches of one scenario. The archive with all frames in one folder
# does not say which is which; these follow public lists by scenario, see docs/data.md.
_DAY = (
    (719, 742),
    (1995, 2043),
    (2095, 2200),
    (2243, 2755),
    (2779, 2938),
    (2970, 3375),
    (3403, 3574),
    (3589, 3611),
    (3661, 3720),
)
_NIGHT = ((324, 341), (386, 708), (1227, 1300), (1444, 1493), (2756, 2778), (3855, 4102))

# M3FD has no test part. Whole stretches, so that no test frame has a neighbour in training.
_TEST = ((1227, 1300), (1444, 1493))


def select_m3fd(source: Path, lists: Path | None, jobs: int) -> Selection:
    """Choose the frames of M3FD by scenario: of their folder if it tells, else of their number.

    Args:
        source: Holds Vis, Ir and Annotation, itself or up to three folders down.
        lists: Folder of split lists; None is the rule.
        jobs: Processes to look at the files with.

    Returns:
        trainA with trainA_thermal (daytime), trainB and testB with testB_visible (night), their
        boxes, and `thermal`: the thermal frames of the other scenarios.

    Raises:
        DataError: There is no M3FD here, or a list is unreadable.
    """
    selection = Selection('M3FD', 'rule' if lists is None else 'lists')
    frames = [
        (frame, folder.parent.name)
        for folder in _find_folders(source, selection)
        for frame in list_frames(
            Part(folder / 'Ir', folder / 'Vis', boxes=folder / 'Annotation'), selection
        )
    ]
    if lists is not None:
        everything = [frame for frame, _ in frames]
        chosen = choose_listed(everything, lists, ('trainA', 'trainB'), selection)
    else:
        chosen = _by_scenario(frames, selection)
    if not selection.problems:
        place(selection, chosen, KEYS, jobs)
    return selection


def _find_folders(source: Path, selection: Selection) -> list[Path]:
    """Find the folders with annotated pairs: one of all frames, or one of each scene."""
    if not source.is_dir():
        raise DataError(f'{source} does not exist or is not a folder')
    found = [
        folder.parent
        for depth in ('Vis', '*/Vis', '*/*/Vis', '*/*/*/Vis')
        for folder in sorted(source.glob(depth))
        if '__MACOSX' not in folder.parts
    ]
    bare = [folder for folder in found if not (folder / 'Annotation').is_dir()]
    if bare:
        selection.notes.append(
            f'{len(bare)} folders have no Annotation and are left out: {few(list(map(str, bare)))}'
        )
    if len(bare) == len(found):
        raise DataError(
            f'{source} does not contain M3FD; expected in this folder or up to three levels '
            'below: Vis, Ir and Annotation side by side (M3FD_Detection, or Daytime/Alley and '
            'so on)'
        )
    return [folder for folder in found if folder not in bare]


def _by_scenario(
    frames: Iterable[tuple[PairedFrame, str]], selection: Selection
) -> dict[Role, list[PairedFrame]]:
    chosen: dict[Role, list[PairedFrame]] = {'day': [], 'night': [], 'test': []}
    for frame, folder in frames:
        chosen.setdefault(role_of(frame.name, folder), []).append(frame)
    if pool := chosen.get('pool'):
        selection.notes.append(
            f'thermal has the {len(pool)} frames that are neither daytime nor night'
        )
    return chosen


def role_of(name: str, folder: str) -> Role:
    """Tell what a frame is for, by the folder of its scenario, or else by its number."""
    number = int(name) if name.isdecimal() else -1
    if folder in ('Overcast', 'Challenge'):
        return 'pool'
    if folder == 'Daytime' or _within(number, _DAY):
        return 'day'
    if folder == 'Night' or _within(number, _NIGHT):
        return 'test' if _within(number, _TEST) else 'night'
    return 'pool'


def _within(number: int, stretches: Iterable[tuple[int, int]]) -> bool:
    return any(first <= number <= last for first, last in stretches)
