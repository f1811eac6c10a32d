"""The size that a picture file claims, read from its first bytes without decoding it.

A few bytes can claim gigabytes, so whoever decodes must know before.
"""

import re
import struct

from morngan_ros.errors import FrameError
from morngan_ros.images import tiff

_PNG = b'\x89PNG\r\n\x1a\n'
_JPEG = b'\xff\xd8\xff'
_JPEG_END = b'\xff\xd9'
# Cameras pad their frames; the end must lie among the last bytes all the same.
_JPEG_PADDING = 4096
_BMP = b'BM'
_PNM = re.compile(rb'P[2356Ff](?:\s|#[^\n]*\n)+(\d{1,9})(?:\s|#[^\n]*\n)+(\d{1,9})\s')

# Start-of-frame markers; C4, C8 and CC among them mean something else.
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Markers that stand alone, without a length.
_ALONE = frozenset((0x01, *range(0xD0, 0xD9)))
# Where the pixels or the end begin: the size must have come before.
_TOO_LATE = frozenset((0xD9, 0xDA))
# Radiometric JPEGs keep raw counts in some dozens of segments; a hostile file could have millions.
_MOST_SEGMENTS = 2000

# Deflate makes at most so many bytes of one (RFC 1951: 258 bytes from two bits, beside the rest).
_DEFLATE_LIMIT = 1032
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def claimed_size(data: memoryview) -> tuple[int, int] | None:
    """Read the size that a PNG, JPEG, TIFF, BigTIFF, BMP, PNM or PFM file claims.

    Args:
        data: The file as plain bytes, whole or cut.

    Returns:
        Height and width in pixels; None if it is no such file or ends before its size.

    Raises:
        FrameError: It is a TIFF of a kind that OpenCV misreads.
    """
    head = bytes(data[:8])
    try:
        if head == _PNG:
            return _png_size(data)
        if head.startswith(_JPEG):
            return _jpeg_size(data)
        if tiff.is_tiff(data):
            return _tiff_size(data)
        if head.startswith(_BMP):
            return _bmp_size(data)
    except struct.error:
        return None
    pnm = _PNM.match(bytes(data[:512]))
    return (int(pnm[2]), int(pnm[1])) if pnm else None


def can_hold(data: memoryview, height: int, width: int) -> bool:
    """Tell whether a file is whole and long enough for its size; False only where that is sure.

    Args:
        data: A file as `claimed_size` takes it.
        height: What it says, in pixels.
        width: What it says, in pixels.
    """
    head = bytes(data[:8])
    if head == _PNG:
        depth, color = struct.unpack_from('>BB', data, 24)
        bits = height * width * depth * _PNG_CHANNELS.get(color, 1)
        result: bool = bits <= 8 * _DEFLATE_LIMIT * len(data)
        return result
    if head.startswith(_JPEG):
        # Older OpenCV paints what is missing grey, and says nothing.
        if _JPEG_END not in bytes(data[-_JPEG_PADDING:]):
            return False
        return (height // 8) * (width // 8) <= 8 * len(data)  # a Huffman code has a bit or more
    return True


def _png_size(data: memoryview) -> tuple[int, int]:
    # The first chunk must be the header.
    length, kind, width, height = struct.unpack_from('>I4sII', data, 8)
    if kind != b'IHDR' or length != 13 or len(data) < 26:
        raise struct.error('no header chunk')
    return height, width


def _bmp_size(data: memoryview) -> tuple[int, int] | None:
    header, width, height = struct.unpack_from('<Iii', data, 14)
    # Shorter headers, of OS/2, keep their size in another way; a negative height means top down.
    return (abs(height), width) if header >= 40 else None


def _jpeg_size(data: memoryview) -> tuple[int, int] | None:
    at = 2
    for _ in range(_MOST_SEGMENTS):
        mark, code = struct.unpack_from('>BB', data, at)
        if mark != 0xFF or code in _TOO_LATE:
            return None
        if code == 0xFF:  # a fill byte before a marker
            at += 1
        elif code in _ALONE:
            at += 2
        elif code in _START_OF_FRAME:
            height, width = struct.unpack_from('>HH', data, at + 5)
            return height, width
        else:
            (length,) = struct.unpack_from('>H', data, at + 2)
            at += 2 + length
    return None


def _tiff_size(data: memoryview) -> tuple[int, int] | None:
    page = next(tiff.pages(data), None)
    if page is None or min(page.height, page.width) < 0:
        return None
    if not page.is_readable:
        raise FrameError(
            'a TIFF with two samples a pixel, or with separate colour planes, cannot be read; '
            'save it with one channel',
            'depth',
        )
    return page.height, page.width
