"""Your own thermal frames with boxes in COCO's JSON, or in that of FLIR ADAS v2."""

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from morngan_train.data.reading import DataError
from morngan_train.data.reading import SUFFIXES
from morngan_train.prepare.annotated import check_own
from morngan_train.prepare.annotated import Marked
from morngan_train.prepare.annotated import place
from morngan_train.prepare.categories import Meaning
from morngan_train.prepare.coco_json import Listed
from morngan_train.prepare.coco_json import read_listing
from morngan_train.prepare.selection import few
from morngan_train.prepare.selection import Folder
from morngan_train.prepare.selection import Selection


@dataclass(frozen=True, slots=True)
class CocoFrame:
    """A frame that a JSON file lists; without annotations it shows nobody."""

    picture: Path
    labels: Path
    listed: Listed

    def marked(self, width: int, height: int) -> Sequence[Marked]:
        """List its annotations; raise DataError if they belong to another size."""
        size = self.listed.size
        if size is not None and size != (width, height):
            raise DataError(
                f'{self.labels} describes a picture of {size[0]}x{size[1]}, but {self.picture} '
                f'is {width}x{height}; name the folder with frames of the described size with '
                '--frames'
            )
        return self.listed.marked


def select_coco(
    file: Path, frames: Path | None, folder: Folder, own: Mapping[str, Meaning], jobs: int
) -> Selection:
    """Choose the frames that a file of annotations lists.

    Args:
        file: JSON of COCO, or `index.json` of FLIR ADAS v2.
        frames: Folder of the frames; None is that of the file.
        folder: Where the frames go.
        own: Meanings that the user gives to categories.
        jobs: Processes to look at the frames with.

    Raises:
        DataError: The file is not there or is of another format, or the folder is not there.
    """
    frames = frames or file.parent
    listing = read_listing(file)
    selection = Selection('COCO', 'folders')
    check_own(selection, own, listing.categories)
    if listing.strays:
        selection.notes.append(
            f'{listing.strays} annotations of {file} belong to frames that it does not list'
        )
    found = _find(frames, listing.frames, file, selection)
    if not selection.problems:
        place(selection, folder, found, own, jobs)
    return selection


def _find(
    frames: Path, listed: Sequence[Listed], file: Path, selection: Selection
) -> list[CocoFrame]:
    """Find frames by the path in the file, or else by name alone: perhaps with another suffix."""
    if not frames.is_dir():
        raise DataError(f'{frames} does not exist or is not a folder')
    by_stem = {path.stem: path for path in _pictures(frames)}
    found, missing = [], []
    for each in listed:
        path = frames / each.name.replace('\\', '/')
        picture = path if path.is_file() else by_stem.get(path.stem)
        if picture is None:
            missing.append(each.name)
        else:
            found.append(CocoFrame(picture, file, each))
    if missing or not listed:
        report = selection.notes if found else selection.problems
        report.append(
            f'{len(missing)} of the {len(listed)} frames that {file} lists are not in {frames}: '
            f'{few(missing)}; name their folder with --frames'
        )
    _note_unlisted(found, file, selection)
    return found


def _note_unlisted(found: Sequence[CocoFrame], file: Path, selection: Selection) -> None:
    used = {frame.picture for frame in found}
    for folder in sorted({path.parent for path in used}):
        if unlisted := [path.name for path in _pictures(folder) if path not in used]:
            selection.notes.append(
                f'{len(unlisted)} pictures of {folder} are not in {file}, so they are '
                f'unlabelled and left out: {few(unlisted)}'
            )


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
