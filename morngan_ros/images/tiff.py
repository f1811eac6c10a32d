"""The pages of a TIFF file, classic or big: their sizes, and how to decode a later one."""

from collections.abc import Iterator
import struct
from typing import NamedTuple

import numpy as np

_KIND, _WIDTH, _HEIGHT, _SAMPLES, _PLANES = 254, 256, 257, 277, 284
_TYPES = {3: 'H', 4: 'I', 16: 'Q'}
# Bits of _KIND: a smaller copy of another page, a mask for another page.
_NO_PICTURE = 1 | 4
# Of _PLANES: the samples of a pixel lie apart.
_APART = 2
_MOST_TAGS = 4096

_SIGNATURES = (b'II*\x00', b'MM\x00*', b'II+\x00', b'MM\x00+')


class Page(NamedTuple):
    """One directory of a file: where it lies, and its size, -1 if that is not said."""

    number: int
    offset: int
    height: int
    width: int
    is_picture: bool
    is_readable: bool  # else OpenCV makes something else of it, and says nothing


class _Form(NamedTuple):
    """How a file writes numbers: its byte order, and the widths that differ in BigTIFF."""

    order: str
    tags: str  # number of tags in a directory
    offset: str
    first: int  # where the offset of the first directory stands

    def read(self, kind: str, data: memoryview, at: int) -> int:
        if at > len(data):  # struct takes no offset of 64 bits
            raise struct.error('the file ends before')
        (value,) = struct.unpack_from(self.order + kind, data, at)
        return int(value)


def is_tiff(data: memoryview) -> bool:
    """Tell a TIFF or BigTIFF from other files by its first bytes."""
    return bytes(data[:4]) in _SIGNATURES


def is_big(data: memoryview) -> bool:
    """Tell a BigTIFF from other files by its first bytes."""
    return bytes(data[:4]) in _SIGNATURES[2:]


def pages(data: memoryview) -> Iterator[Page]:
    """Read the directories of a file one by one, thumbnails and masks too.

    Args:
        data: A TIFF file as plain bytes, whole or cut.

    Raises:
        struct.error: The file ends within a directory, or is in a loop.
    """
    form = _form(data)
    at = form.read(form.offset, data, form.first)
    seen = {0}
    while at not in seen:
        seen.add(at)
        page, link = _read_page(data, form, at, len(seen) - 2)
        yield page
        at = form.read(form.offset, data, link)
    if at:
        raise struct.error('its pages are in a loop')


def turn_to(data: np.ndarray, page: Page) -> None:
    """Make a page the first one of a file, uint8 [bytes]: decoders take that one."""
    form = _form(data.data)
    struct.pack_into(form.order + form.offset, data.data, form.first, page.offset)


def _form(data: memoryview) -> _Form:
    order = '<' if bytes(data[:2]) == b'II' else '>'
    is_big = data[2] + data[3] == ord('+')
    return _Form(order, 'Q', 'Q', 8) if is_big else _Form(order, 'H', 'I', 4)


def _read_page(data: memoryview, form: _Form, at: int, number: int) -> tuple[Page, int]:
    """Read the directory at an offset; returns also where the offset of the next one stands."""
    count = form.read(form.tags, data, at)
    if count > _MOST_TAGS:
        raise struct.error('too many tags')
    start, width = at + struct.calcsize(form.tags), struct.calcsize(form.offset)
    size = 4 + 2 * width
    values = {_KIND: 0, _HEIGHT: -1, _WIDTH: -1, _SAMPLES: 1, _PLANES: 1}
    for entry in range(start, start + size * count, size):
        tag, kind = (form.read('H', data, entry + shift) for shift in (0, 2))
        if tag in values and kind in _TYPES:
            value = form.read(_TYPES[kind], data, entry + 4 + width)
            # Of a size that is given twice nobody knows which one a decoder takes.
            values[tag] = max(value, values[tag])
    is_readable = values[_SAMPLES] != 2 and (values[_SAMPLES] == 1 or values[_PLANES] != _APART)
    is_picture = not values[_KIND] & _NO_PICTURE
    page = Page(number, at, values[_HEIGHT], values[_WIDTH], is_picture, is_readable)
    return page, start + size * count
