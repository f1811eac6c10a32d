"""Which files a recording consists of, and opening them."""

from collections.abc import Callable
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from pathlib import PurePath
import re
import shutil
from typing import NamedTuple
from typing import TypeAlias

import yaml
from zstandard import ZstdDecompressor
from zstandard import ZstdError

from morngan_ros.bags.mcap_part import McapPart
from morngan_ros.bags.part import BROKEN
from morngan_ros.bags.part import DamageError
from morngan_ros.bags.part import OnBadFrame
from morngan_ros.bags.part import Part
from morngan_ros.bags.sqlite_part import SqlitePart
from morngan_ros.errors import SourceError
from morngan_ros.images.suffixes import IMAGE_SUFFIXES

METADATA = 'metadata.yaml'

_OpenPart: TypeAlias = Callable[[Path, OnBadFrame], Part]
_FORMATS: dict[str, _OpenPart] = {'.mcap': McapPart, '.db3': SqlitePart}
_COMPRESSED = ('.zstd', '.zst')
_ROS_1 = '.bag'


class BagFiles(NamedTuple):
    """The files of a recording.

    Attributes:
        paths: In the order of recording, as far as it is known.
        promised: How many messages metadata.yaml says that they hold; 0 if nobody knows.
        missing: Names of files that metadata.yaml names and that are not there.
        notes: What a reader should know about the choice, for people.
    """

    paths: list[Path]
    promised: int = 0
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def is_bag(path: Path) -> bool:
    """Tell a bag (rosbag2 directory, .mcap, .db3; ROS 1 too, which is refused) from the rest."""
    if path.is_dir():
        return (path / METADATA).exists() or (bool(_parts_in(path)) and not _has_pictures(path))
    return path.suffix.lower() == _ROS_1 or _format(path) is not None


def bags_in(folder: Path) -> list[Path]:
    """List the bags that lie in a folder."""
    return sorted(path for path in _entries(folder) if is_bag(path))


def holds_only_a_bag(folder: Path) -> bool:
    """Tell whether a folder is one bag and holds nothing else, so that it can be replaced.

    Without metadata.yaml the files must be named after it, as those of a writer that was killed:
    other recordings that lie together are no bag to be replaced.
    """
    others = [path for path in folder.iterdir() if path.name != METADATA]
    return is_bag(folder) and all(
        _format(path) is not None
        and ((folder / METADATA).exists() or _series(path) == folder.resolve().name)
        for path in others
    )


def find_files(path: Path) -> BagFiles:
    """Find the files of a recording.

    Args:
        path: A file, or a folder with or without metadata.yaml.

    Raises:
        SourceError: It does not exist, is of ROS 1, or has no files.
    """
    if not path.exists():
        raise SourceError(f'bag {path} does not exist')
    if path.suffix.lower() == _ROS_1 and path.is_file():
        raise SourceError(
            f'{path} is a bag of ROS 1; convert it first: '
            f'rosbags-convert --src {path} --dst {path.stem}'
        )
    files = _files_of_folder(path) if path.is_dir() else BagFiles([path])
    if not files.paths:
        raise SourceError(
            f'bag {path} cannot be read: all of its files are missing: {", ".join(files.missing)}'
        )
    return files


def open_part(path: Path, scratch: Path, on_bad: OnBadFrame) -> Part:
    """Open one file of a recording.

    Args:
        path: The file; compressed ones are decompressed first.
        scratch: Folder for what is decompressed.
        on_bad: Called for what is missing or broken in it, which is then left out.

    Raises:
        SourceError: Nothing in it can be read.
    """
    kind = _format(path)
    if kind is None:
        raise SourceError('its name ends neither in .mcap nor in .db3')
    try:
        if path.stat().st_size == 0:
            raise EOFError('the file is empty')
        whole = _decompressed(path, scratch)
        if whole.stat().st_size == 0:
            raise EOFError('nothing in it can be decompressed: it is cut off or broken')
        return kind(whole, on_bad)
    except BROKEN as error:
        raise SourceError(str(error) or type(error).__name__) from error


def _format(path: Path) -> _OpenPart | None:
    name = PurePath(path.name.lower())
    return _FORMATS.get(PurePath(name.stem).suffix if name.suffix in _COMPRESSED else name.suffix)


def _decompressed(path: Path, scratch: Path) -> Path:
    if path.suffix.lower() not in _COMPRESSED:
        return path
    whole = scratch / path.stem
    # What comes out of a broken file is cut off, which its own format will tell.
    with path.open('rb') as packed, whole.open('wb') as unpacked, suppress(ZstdError):
        stream = ZstdDecompressor().stream_reader(packed, read_across_frames=True)
        shutil.copyfileobj(stream, unpacked)
    return whole


def _files_of_folder(folder: Path) -> BagFiles:
    parts = _parts_in(folder)
    if not (folder / METADATA).exists():
        return BagFiles(parts, notes=(f'bag {folder} has no {METADATA}; {_cure(folder, parts)}',))
    try:
        content = yaml.safe_load((folder / METADATA).read_text(encoding='utf-8'))
        metadata = content['rosbag2_bagfile_information']
        # Before version 4 the names had the folder in front.
        named = [PurePath(name).name for name in metadata['relative_file_paths']]
        promised = int(metadata['message_count'])
    except (OSError, ValueError, LookupError, TypeError, yaml.YAMLError):
        if not parts:
            raise SourceError(
                f'bag {folder} cannot be read: {METADATA} is broken, and no .mcap or .db3 file is '
                'beside it'
            ) from None
        note = f'{METADATA} of bag {folder} is broken; {_cure(folder, parts)}'
        return BagFiles(parts, notes=(note,))
    return _named_files(folder, named, promised, parts)


def _named_files(folder: Path, named: list[str], promised: int, parts: list[Path]) -> BagFiles:
    """Take the files that metadata.yaml names, and those that continue them."""
    there = [folder / name for name in named if (folder / name).exists()]
    missing = tuple(name for name in named if not (folder / name).exists())
    if parts and not there:  # they were renamed, or the metadata is that of another bag
        note = f'{METADATA} of bag {folder} names {_list(missing)}, which does not exist'
        return BagFiles(parts, notes=(f'{note}; {_cure(folder, parts)}',))
    series = {_series(folder / name) for name in named}
    names = {_stem(folder / name) for name in named}
    more = [part for part in parts if _series(part) in series and _stem(part) not in names]
    notes = []
    if more:
        notes.append(
            f'{METADATA} of bag {folder} does not name {_list(more)}, which is read anyway; '
            f'ros2 bag reindex {folder} adds it'
        )
    return BagFiles([*there, *more], promised, missing, tuple(notes))


def _cure(folder: Path, parts: list[Path]) -> str:
    return f'reading {_list(parts)} by time; ros2 bag reindex {folder} writes new metadata'


def _list(paths: Iterable[Path | str], most: int = 5) -> str:
    names = [PurePath(path).name for path in paths]
    more = [f'{len(names) - most} more'] if len(names) > most else []
    return ', '.join(names[:most] + more)


def _parts_in(folder: Path) -> list[Path]:
    """List the files of recordings in a folder; of two with one name, the uncompressed one."""
    files = [path for path in _entries(folder) if _format(path)]
    files.sort(key=lambda path: (path.suffix.lower() not in _COMPRESSED, path.name))
    return sorted({_stem(path): path for path in files if path.is_file()}.values(), key=_natural)


def _has_pictures(folder: Path) -> bool:
    """Tell a folder of pictures, in which a recording may lie too."""
    return any(path.suffix.lower() in IMAGE_SUFFIXES for path in _entries(folder))


def _entries(folder: Path) -> list[Path]:
    """List what is in a folder; nothing where we may not look, as in lost+found.

    Hidden files are left out: macOS leaves '._drive_0.mcap' on foreign disks.
    """
    with suppress(PermissionError):
        return [path for path in folder.iterdir() if not path.name.startswith('.')]
    return []


def _stem(path: Path) -> str:
    """Name a file without what tells format and compression."""
    name = PurePath(path.name)
    return PurePath(name.stem).stem if name.suffix.lower() in _COMPRESSED else name.stem


def _series(path: Path) -> str:
    return re.sub(r'_\d+$', '', _stem(path))


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort key that puts drive_2 before drive_10."""
    return [
        (int(part), '') if part.isdigit() else (-1, part) for part in re.split(r'(\d+)', path.name)
    ]


def report_missing(files: BagFiles, found: int, on_bad: OnBadFrame) -> None:
    """Report what metadata.yaml names and the files do not hold.

    Args:
        files: What was looked for.
        found: How many messages were found.
        on_bad: Called for each kind of loss.
    """
    for name in files.missing:
        on_bad(name, DamageError(f'{METADATA} names it, but it is not there', 'missing file'))
    if found < files.promised:
        on_bad(
            f'{files.promised - found} messages',
            DamageError(
                f'{METADATA} promises {files.promised} messages, but {found} were found',
                'missing messages',
            ),
        )
