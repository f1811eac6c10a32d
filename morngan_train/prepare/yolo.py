"""Your own thermal frames with boxes in YOLO text, a file for each frame."""

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from morngan_train.data.boxes import read_boxes
from morngan_train.data.reading import DataError
from morngan_train.data.reading import list_images
from morngan_train.prepare.annotated import check_own
from morngan_train.prepare.annotated import Marked
from morngan_train.prepare.annotated import place
from morngan_train.prepare.categories import Meaning
from morngan_train.prepare.selection import few
from morngan_train.prepare.selection import Folder
from morngan_train.prepare.selection import Selection

_NAMES = ('data.yaml', 'classes.txt')


@dataclass(frozen=True, slots=True)
class YoloFrame:
    """A frame, its file of boxes, and the names of the classes by number."""

    picture: Path
    labels: Path | None
    names: Mapping[int, str]

    def marked(self, width: int, height: int) -> Sequence[Marked]:
        """Read its annotations; raise DataError if a line is no box."""
        if self.labels is None:
            return []
        return [
            Marked(self.names.get(int(number), f'class {number:.0f}'), (x1, y1, x2, y2))
            for number, x1, y1, x2, y2 in read_boxes(self.labels, width, height).tolist()
        ]


def select_yolo(
    frames: Path,
    labels: Path | None,
    names: Sequence[str] | None,
    folder: Folder,
    own: Mapping[str, Meaning],
    jobs: int,
) -> Selection:
    """Choose all frames of a folder; those without a file of boxes have no labels.

    Args:
        frames: Thermal frames.
        labels: Text files of the same names; None looks for a folder `labels` instead of
            `images`, and else takes that of the frames.
        names: Names of the classes, or a file of them; None looks for one near the labels.
        folder: Where the frames go.
        own: Meanings that the user gives to categories.
        jobs: Processes to look at the frames with.

    Raises:
        DataError: A folder is not there, or the names of the classes are unknown.
    """
    pictures = list_images(frames)
    labels = labels or _labels_of(frames)
    if not labels.is_dir():
        raise DataError(f'{labels} does not exist or is not a folder')
    selection = Selection('YOLO', 'folders')
    known = _known_names(names, labels, frames, selection)
    check_own(selection, own, known.values())
    files = {path.stem: path for path in labels.glob('*.txt') if path.name not in _NAMES}
    found = [YoloFrame(picture, files.get(picture.stem), known) for picture in pictures]
    lonely = sorted(files.keys() - {picture.stem for picture in pictures})
    if lonely:
        selection.notes.append(
            f'{len(lonely)} files of {labels} have no frame in {frames}: {few(lonely)}'
        )
    if len(lonely) == len(files):
        selection.problems.append(
            f'none of the {len(pictures)} frames of {frames} has a file of the same name in '
            f'{labels}; name the folder of the text files with --labels'
        )
    if not selection.problems:
        place(selection, folder, found, own, jobs)
    return selection


def _labels_of(frames: Path) -> Path:
    """Find the folder of labels: data/images/train has data/labels/train."""
    parts = list(frames.absolute().parts)
    if 'images' not in parts:
        return frames
    parts[len(parts) - 1 - parts[::-1].index('images')] = 'labels'
    beside = Path(*parts)
    return beside if beside.is_dir() else frames


def _known_names(
    given: Sequence[str] | None, labels: Path, frames: Path, selection: Selection
) -> dict[int, str]:
    if given and not (len(given) == 1 and Path(given[0]).is_file()):
        return dict(enumerate(given))
    file = Path(given[0]) if given else _names_file(labels.absolute(), frames.absolute())
    selection.notes.append(f'class names are from {file}')
    return _read_names(file)


def _names_file(labels: Path, frames: Path) -> Path:
    """Find a file of names in the folders, or up to two above; raise DataError without one."""
    around = dict.fromkeys(
        folder for start in (labels, frames) for folder in (start, *start.parents[:2])
    )
    for folder in around:
        for name in _NAMES:
            if (folder / name).is_file():
                return folder / name
    raise DataError(
        f'the class names are unknown; no {" or ".join(_NAMES)} in '
        f'{", ".join(map(str, around))}; give them with --names, in the order of their numbers'
    )


def _read_names(file: Path) -> dict[int, str]:
    """Read the names of the classes by number; raise DataError if there are none."""
    try:
        text = file.read_text(encoding='utf-8')
        if file.suffix.lower() not in ('.yaml', '.yml'):
            lines = dict(enumerate(line.strip() for line in text.splitlines()))
            return {number: line for number, line in lines.items() if line}
        names = yaml.safe_load(text)['names']
        numbered = names.items() if isinstance(names, dict) else enumerate(names)
        return {int(number): str(name) for number, name in numbered}
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError) as error:
        raise DataError(
            f'{file} cannot be read as class names ({error!r}); give them with --names'
        ) from error
