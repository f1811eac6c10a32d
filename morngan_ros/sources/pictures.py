"""Picture files, and the pages of those that have several."""

import logging
from pathlib import Path
import re
import struct
from typing import NamedTuple

import cv2
import numpy as np

from morngan_ros.bags import bags_in
from morngan_ros.errors import FrameError
from morngan_ros.errors import SourceError
from morngan_ros.images import tiff
from morngan_ros.images.codec import check_size
from morngan_ros.images.codec import decode_compressed
from morngan_ros.images.codec import to_grey
from morngan_ros.images.quiet import quiet_decoders
from morngan_ros.images.suffixes import IMAGE_SUFFIXES
from morngan_ros.sources.video import check_name

# Bytes of a file that OpenCV takes from memory.
_MOST_BYTES = 2**31 - 1

_log = logging.getLogger(__name__)


class Picture(NamedTuple):
    """A picture file, or a page of one."""

    path: Path
    page: tiff.Page | None
    name: str  # of the file without its suffix, and the number of the page


def list_pictures(path: Path) -> list[Picture]:
    """List the pictures of a file, or those of a folder in natural order of their names.

    Raises:
        SourceError: The folder holds none.
    """
    files = _files(path) if path.is_dir() else [path]
    return [picture for file in files for picture in _pictures(file)]


def read_picture(path: Path, page: tiff.Page | None = None) -> np.ndarray:
    """Read a picture file as thermal counts, uint8, uint16 or float32 [H, W].

    Args:
        path: The file.
        page: Of a TIFF with several; None is the first.

    Raises:
        FrameError: The file is broken or no such picture; the message names it.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            return _read_huge(path, page)
        data = path.read_bytes() if page is None else _turned(path, page)
        return decode_compressed(data, path.suffix, quiet=True)
    except (FrameError, OSError, ValueError) as error:
        cause = error.cause if isinstance(error, FrameError) else 'undecodable'
        raise FrameError(f'{path}: {error}', cause) from None


def _files(folder: Path) -> list[Path]:
    """List the picture files of a folder; hidden ones are notes of other systems, not pictures."""
    pictures = sorted(
        (
            path
            for path in folder.iterdir()
            if path.suffix.lower() in IMAGE_SUFFIXES
            and path.is_file()
            and not path.name.startswith('.')
        ),
        key=_natural,
    )
    if not pictures:
        bags = names_of_bags(folder)
        hint = f'; name one of the bags in it: {bags}' if bags else ''
        raise SourceError(
            f'folder {folder} holds no pictures ({", ".join(IMAGE_SUFFIXES)}) '
            f'and is no bag (.mcap, .db3){hint}'
        )
    return pictures


def names_of_bags(folder: Path) -> str:
    """Name some of the bags in a folder; empty if there is none."""
    return ', '.join(bag.name for bag in bags_in(folder)[:5])


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort key that puts frame_2 before frame_10."""
    return [
        (int(part), '') if part.isdigit() else (-1, part) for part in re.split(r'(\d+)', path.name)
    ]


def _pictures(path: Path) -> list[Picture]:
    """List the pictures of a file: more than one only of a TIFF with several pages."""
    pages = _pages(path) if path.suffix.lower() in ('.tif', '.tiff') else []
    if len(pages) < 2:
        return [Picture(path, None, path.stem)]
    return [Picture(path, page, f'{path.stem}_{k:06d}') for k, page in enumerate(pages)]


def _pages(path: Path) -> list[tiff.Page]:
    """List the pages of a TIFF, as far as they can be read."""
    pages: list[tiff.Page] = []
    try:
        data = _mapped(path).data
        if tiff.is_tiff(data):
            for page in tiff.pages(data):
                pages.append(page)
    except (OSError, ValueError, struct.error):
        if pages:  # of a file without one it is said when it is read
            _log.warning('%s is cut short or broken after page %d', path, len(pages))
    return [page for page in pages if page.is_picture]


def _read_huge(path: Path, page: tiff.Page | None) -> np.ndarray:
    """Read a page of a TIFF that is too large for OpenCV to take from memory."""
    page = page or next(iter(_pages(path)), None)
    if page is None:
        raise FrameError('the file is larger than 2 GiB and not a TIFF', 'undecodable')
    check_size(page.height, page.width)
    check_name(str(path))
    with quiet_decoders():
        done, read = cv2.imreadmulti(
            str(path), start=page.number, count=1, flags=cv2.IMREAD_UNCHANGED
        )
    if not done or not read:
        raise FrameError('the page cannot be decoded: it is cut short or broken', 'undecodable')
    return to_grey(read[0])


def _turned(path: Path, page: tiff.Page) -> np.ndarray:
    """Map a file to memory, and make a page its first."""
    data = _mapped(path)
    tiff.turn_to(data, page)
    return data


def _mapped(path: Path) -> np.ndarray:
    """Map a file to memory, uint8 [bytes]; what is written to it stays there."""
    return np.memmap(path, np.uint8, 'c')
