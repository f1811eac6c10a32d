"""KAIST Multispectral Pedestrian (CVPR 2015): sets of videos, visible and thermal registered."""

from pathlib import Path
import re
from typing import NamedTuple

from morngan_train.data.reading import DataError
from morngan_train.prepare.lists import read_lists
from morngan_train.prepare.selection import few
from morngan_train.prepare.selection import Folder
from morngan_train.prepare.selection import Selection
from morngan_train.prepare.selection import SourcePicture


class KaistFrame(NamedTuple):
    """A frame of KAIST."""

    set: int
    video: int
    frame: int

    @property
    def name(self) -> str:
        """The name in the published lists and masks: 'set4_1_I02120'."""
        return f'set{self.set}_{self.video}_I{self.frame:05d}'

    def path(self, root: Path, channel: str) -> Path:
        """Find the file of a channel, visible or lwir."""
        return _video(root, self.set, self.video) / channel / f'I{self.frame:05d}.jpg'


class Sampling(NamedTuple):
    """Every so many frames of a video, from a first one on."""

    set: int
    video: int
    start: int
    step: int


# The paper's selection: every 20th day frame, every 10th night frame, every 20th for test. The
# authors began some videos at frame 10. Of set09 three stretches are left out; set10, which follows
# one truck, is left out altogether.
_DAY_VIDEOS = {0: 9, 1: 6, 2: 5}
_LATE = {(0, 1), (0, 2), (1, 3), (2, 0), (2, 2), (2, 3), (2, 4)}
_STRETCHES = (range(1320, 1460, 20), range(1540, 1620, 20), range(1880, 1920, 20))
_LEFT_OUT = {KaistFrame(9, 0, number) for stretch in _STRETCHES for number in stretch}
RULE: dict[Folder, list[Sampling]] = {
    'trainA': [
        Sampling(number, video, 10 if (number, video) in _LATE else 0, 20)
        for number, videos in _DAY_VIDEOS.items()
        for video in range(videos)
    ],
    'trainB': [Sampling(*video, 0, 10) for video in ((3, 0), (3, 1), (4, 0), (5, 0))],
    'testB': [Sampling(*video, 0, 20) for video in ((4, 1), (9, 0), (11, 0), (11, 1))],
}
PUBLISHED: dict[Folder, int] = {'trainA': 1674, 'trainB': 1359, 'testB': 500}

_FRAME = re.compile(r'set0*(\d+)[_/\\]V?0*(\d+)[_/\\](?:(?:visible|lwir)[_/\\])?I0*(\d+)')


def select_kaist(source: Path, lists: Path | None, *, aligned: bool) -> Selection:
    """Choose the frames of KAIST: those of the lists, or by the rule of the paper.

    Args:
        source: Holds set00 to set11, itself or up to two folders down.
        lists: Folder of split lists; None is the rule.
        aligned: Choose the thermal frames of the day pictures too.

    Returns:
        trainA, trainB, testB and, if aligned, trainA_thermal, named as in the published lists.

    Raises:
        DataError: There is no KAIST here, or a list is unreadable.
    """
    root = _find_root(source)
    selection = Selection('KAIST', 'rule' if lists is None else 'lists', crop_test_only=True)
    chosen = _by_rule(root, selection) if lists is None else _by_lists(lists, selection)
    for folder, frames in chosen.items():
        _add(selection, folder, frames, root, 'visible' if folder == 'trainA' else 'lwir')
    if aligned:
        _add(selection, 'trainA_thermal', chosen['trainA'], root, 'lwir')
    return selection


def _find_root(source: Path) -> Path:
    if not source.is_dir():
        raise DataError(f'{source} does not exist or is not a folder')
    for pattern in ('set[01][0-9]', '*/set[01][0-9]', '*/*/set[01][0-9]'):
        found = sorted(path for path in source.glob(pattern) if path.is_dir())
        if found:
            return found[0].parent
    raise DataError(
        f'{source} does not contain KAIST; expected in this folder or up to two levels below: '
        'set00/V000/visible, set00/V000/lwir and so on'
    )


def _by_rule(root: Path, selection: Selection) -> dict[Folder, list[KaistFrame]]:
    chosen: dict[Folder, list[KaistFrame]] = {}
    for folder, samplings in RULE.items():
        channel = 'visible' if folder == 'trainA' else 'lwir'
        frames: list[KaistFrame] = []
        for sampling in samplings:
            numbers = _numbers(_video(root, sampling.set, sampling.video) / channel, selection)
            frames += [
                KaistFrame(sampling.set, sampling.video, number)
                for number in numbers
                if number % sampling.step == sampling.start
            ]
        chosen[folder] = [frame for frame in frames if frame not in _LEFT_OUT]
        if len(chosen[folder]) != PUBLISHED[folder]:
            selection.notes.append(
                f'{folder} has {len(chosen[folder])} frames, but the paper has '
                f'{PUBLISHED[folder]}: this copy of KAIST is incomplete or another version'
            )
    return chosen


def _video(root: Path, number: int, video: int) -> Path:
    return root / f'set{number:02d}' / f'V{video:03d}'


def _numbers(folder: Path, selection: Selection) -> list[int]:
    """List the frame numbers of a folder; a problem if it is not there or empty."""
    numbers = [int(file.stem[1:]) for file in sorted(folder.glob('I[0-9]*.jpg'))]
    if not numbers:
        selection.problems.append(f'{folder} is missing or has no frames I00000.jpg, ...')
    return numbers


def _by_lists(lists: Path, selection: Selection) -> dict[Folder, list[KaistFrame]]:
    chosen: dict[Folder, list[KaistFrame]] = {}
    for folder, lines in read_lists(lists).items():
        matches = {line: _FRAME.search(line) for line in lines}
        strange = [line for line, match in matches.items() if match is None]
        if strange:
            selection.problems.append(
                f'{len(strange)} of the {len(lines)} lines for {folder} do not name a frame of '
                f'KAIST (such as set0_4_I02060 or set00/V004/I02060): {few(strange)}'
            )
        chosen[folder] = [
            KaistFrame(*map(int, match.groups())) for match in matches.values() if match
        ]
    return chosen


def _add(
    selection: Selection, folder: Folder, frames: list[KaistFrame], root: Path, channel: str
) -> None:
    pictures = [SourcePicture(frame.path(root, channel), frame.name) for frame in frames]
    missing = [picture for picture in pictures if not picture.source.is_file()]
    if missing:
        selection.problems.append(
            f'{len(missing)} of the {len(pictures)} frames for {folder} are not in {root}: '
            f'{few([str(picture.source.relative_to(root)) for picture in missing])}'
        )
    selection.add(folder, pictures)
