"""LLVIP: pairs of persons in the dark, seen from above, with boxes."""

from pathlib import Path

from morngan_train.prepare.pairs import choose_listed
from morngan_train.prepare.pairs import find_root
from morngan_train.prepare.pairs import LabelKeys
from morngan_train.prepare.pairs import list_frames
from morngan_train.prepare.pairs import Part
from morngan_train.prepare.pairs import place
from morngan_train.prepare.pairs import Role
from morngan_train.prepare.selection import Selection

KEYS = LabelKeys(classes={'person': 0}, trainids={})

_PARTS: dict[str, Role] = {'train': 'night', 'test': 'test'}


def select_llvip(source: Path, lists: Path | None, jobs: int) -> Selection:
    """Choose the frames of LLVIP: its training part for trainB, its test part for testB.

    Args:
        source: Holds infrared, visible and Annotations, itself or one folder down.
        lists: Folder of split lists; None takes the parts of the data set. A list for trainA is
            not required, for hardly any frame shows the day.
        jobs: Processes to look at the files with.

    Returns:
        trainB, testB with testB_visible, their boxes and, by list, trainA with trainA_thermal.

    Raises:
        DataError: There is no LLVIP here, or a list is unreadable.
    """
    root = find_root(source, ('infrared/train', 'infrared/test'), 'LLVIP')
    selection = Selection('LLVIP', 'parts' if lists is None else 'lists')
    chosen = {
        role: list_frames(
            Part(root / 'infrared' / part, root / 'visible' / part, boxes=root / 'Annotations'),
            selection,
        )
        for part, role in _PARTS.items()
    }
    if lists is not None:
        everything = [frame for frames in chosen.values() for frame in frames]
        chosen = choose_listed(everything, lists, ('trainB',), selection)
    else:
        selection.notes.append(
            'trainB and testB hold all scenes; two of the 26 show the day, but no file of LLVIP '
            'marks them; leave them out with --lists'
        )
    if not selection.problems:
        place(selection, chosen, KEYS, jobs)
    return selection
