"""The size that a file claims, before anybody believes it."""

import struct

import cv2
import numpy as np
import pytest

from morngan_ros.images.header import can_hold
from morngan_ros.images.header import claimed_size


def encoded(
    suffix: str, height: int = 40, width: int = 56, dtype: str = 'u1', **flags: int
) -> bytes:
    counts = np.random.default_rng(0).integers(0, 255, (height, width)).astype(dtype)
    options = [value for item in flags.items() for value in (getattr(cv2, item[0]), item[1])]
    return cv2.imencode(suffix, counts, options)[1].tobytes()


@pytest.mark.parametrize('suffix', ['.png', '.jpg', '.tiff', '.bmp', '.pgm'])
def test_size_of_files_that_opencv_writes(suffix):
    assert claimed_size(memoryview(encoded(suffix))) == (40, 56)


@pytest.mark.parametrize('suffix', ['.png', '.tiff', '.pgm'])
def test_size_of_16_bits(suffix):
    assert claimed_size(memoryview(encoded(suffix, dtype='u2'))) == (40, 56)


def test_size_of_a_progressive_jpeg():
    data = encoded('.jpg', IMWRITE_JPEG_PROGRESSIVE=1)
    assert b'\xff\xc2' in data
    assert claimed_size(memoryview(data)) == (40, 56)


@pytest.mark.parametrize('marker', [b'\xff\xc4', b'\xff\xc8', b'\xff\xcc', b'\xff\xfe'])
def test_size_behind_markers_that_look_like_it(marker):
    data = encoded('.jpg')
    other = marker + b'\x00\x0a' + b'\x08\x00\x01\x00\x01\x01\x00\x00'
    assert claimed_size(memoryview(data[:2] + other + data[2:])) == (40, 56)


def test_size_behind_large_segments():
    """Radiometric JPEGs keep raw counts before the frame header, 64 KiB a segment."""
    data = encoded('.jpg')
    segment = b'\xff\xe1' + struct.pack('>H', 65535) + b'\xff\xc0' * 32766 + b'\x00'
    assert claimed_size(memoryview(data[:2] + 20 * segment + data[2:])) == (40, 56)


def test_size_of_a_big_endian_tiff_with_short_values():
    entries = struct.pack('>HHIHH', 257, 3, 1, 40, 0) + struct.pack('>HHIHH', 256, 3, 1, 56, 0)
    data = b'MM\x00*' + struct.pack('>IH', 8, 2) + entries
    assert claimed_size(memoryview(data)) == (40, 56)


def test_of_two_sizes_in_a_tiff_the_larger_counts():
    values = ((256, 56), (256, 99999), (257, 40), (257, 1))
    entries = b''.join(struct.pack('<HHII', tag, 4, 1, value) for tag, value in values)
    data = b'II*\x00' + struct.pack('<IH', 8, len(values)) + entries
    assert claimed_size(memoryview(data)) == (40, 99999)


def test_comments_in_a_pgm():
    assert claimed_size(memoryview(b'P5\n# a comment\n56 # another\n40\n255\n')) == (40, 56)


@pytest.mark.parametrize('suffix', ['.png', '.jpg', '.tiff', '.bmp', '.pgm'])
def test_a_cut_file_has_its_size_or_none(suffix):
    data = encoded(suffix)
    sizes = {claimed_size(memoryview(data[:length])) for length in range(len(data))}
    assert sizes == {None, (40, 56)}


@pytest.mark.parametrize('suffix', ['.png', '.jpg', '.bmp'])
def test_files_can_hold_what_they_hold(suffix):
    """An even picture is as short as a file can be."""
    for side in (8, 64, 2000):
        data = cv2.imencode(suffix, np.zeros((side, side), np.uint8))[1].tobytes()
        assert can_hold(memoryview(data), side, side)


def test_a_jpeg_without_its_end_is_cut():
    data = encoded('.jpg')
    assert can_hold(memoryview(data + bytes(1000)), 40, 56)  # padded by the camera
    assert not can_hold(memoryview(data[:-2]), 40, 56)


@pytest.mark.parametrize('suffix', ['.png', '.jpg'])
def test_files_that_cannot_hold_what_they_claim(suffix):
    data = bytearray(encoded(suffix))
    at = 16 if suffix == '.png' else data.index(b'\xff\xc0') + 5
    data[at : at + (8 if suffix == '.png' else 4)] = struct.pack(
        '>II' if suffix == '.png' else '>HH', 8000, 8000
    )
    size = claimed_size(memoryview(data))
    assert size == (8000, 8000)
    assert not can_hold(memoryview(data), *size)
