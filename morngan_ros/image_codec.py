"""Bytes of a picture -> thermal counts, for ROS messages, bags and files alike. No ROS import."""

from array import array
import struct
from typing import TypeAlias

import cv2
import numpy as np

from morngan_ros.errors import FrameError

# What rclpy (array), a socket (bytes, memoryview) and rosbags (ndarray) hand over.
Data: TypeAlias = 'bytes | bytearray | memoryview | array[int] | np.ndarray'

# encoding of sensor_msgs/Image -> channel dtype, number of channels, OpenCV conversion to grey
_ENCODINGS: dict[str, tuple[str, int, int | None]] = {
    'mono8': ('u1', 1, None),
    '8UC1': ('u1', 1, None),
    'mono16': ('u2', 1, None),
    '16UC1': ('u2', 1, None),
    'rgb8': ('u1', 3, cv2.COLOR_RGB2GRAY),
    'bgr8': ('u1', 3, cv2.COLOR_BGR2GRAY),
    '8UC3': ('u1', 3, cv2.COLOR_BGR2GRAY),
    'rgba8': ('u1', 4, cv2.COLOR_RGBA2GRAY),
    'bgra8': ('u1', 4, cv2.COLOR_BGRA2GRAY),
    '8UC4': ('u1', 4, cv2.COLOR_BGRA2GRAY),
}
ENCODINGS = tuple(_ENCODINGS)

# No thermal camera comes near: a longer side is a broken header, not a picture.
MAX_SIDE = 16384

_PNG_SIGNATURE = b'\x89PNG\r\n\x1a\n'


def decode_image(
    encoding: str, height: int, width: int, step: int, is_bigendian: int | bool, data: Data
) -> np.ndarray:
    """Read the fields of a sensor_msgs/Image as thermal counts.

    Args:
        encoding: One of `ENCODINGS`; colour is taken as grey in colour.
        height: Rows in pixels.
        width: Columns in pixels.
        step: Bytes from one row to the next; padding behind the pixels is allowed, also odd.
        is_bigendian: Whether 16-bit values come with the high byte first.
        data: The bytes; the last row may lack its padding.

    Returns:
        uint8 or uint16 [height, width] in native byte order; a view of `data` where it can be.

    Raises:
        FrameError: The encoding is unknown, or size, step and data do not fit together.
    """
    if encoding not in _ENCODINGS:
        raise FrameError(
            f'encoding {encoding!r} is not a thermal picture that can be read; '
            f'publish one of {", ".join(ENCODINGS)}'
        )
    dtype, channels, to_grey = _ENCODINGS[encoding]
    _check_size(height, width)
    item = int(dtype[1])
    row = width * channels * item
    buffer = np.frombuffer(data, np.uint8)
    _check_layout(f'{width}x{height} {encoding}', row, height, step, buffer.size)

    swapped = item > 1 and bool(is_bigendian)
    pixels: np.ndarray = np.ndarray(
        (height, width, channels),
        ('>' if swapped else '<') + dtype,
        buffer.data,
        strides=(step, channels * item, item),
    )
    if to_grey is not None:
        return cv2.cvtColor(pixels, to_grey)
    plane = pixels[..., 0]
    if swapped or not plane.flags.aligned:
        return plane.astype(np.dtype(dtype))
    return plane


def decode_compressed(data: Data, format: str = '') -> np.ndarray:
    """Decode a picture file in memory: PNG or JPEG of a CompressedImage, TIFF and others of a file.

    Args:
        data: The whole file.
        format: What the sender says it is; only for the error message, the bytes decide.

    Returns:
        uint8 or uint16 [height, width]; colour is taken as grey in colour.

    Raises:
        FrameError: The bytes are no complete picture, too large, or neither 8 nor 16 bits deep.
    """
    what = f'compressed picture ({format})' if format else 'compressed picture'
    if 'compressedDepth' in format:
        raise FrameError(
            f'{what}: the compressedDepth transport is for depth maps; '
            'use the compressed transport with PNG'
        )
    buffer = np.frombuffer(data, np.uint8)
    if buffer[:8].tobytes() == _PNG_SIGNATURE and buffer.size >= 24:
        # Before decoding: a few bytes of PNG can claim gigabytes.
        png_width, png_height = struct.unpack('>II', buffer[16:24].tobytes())
        _check_size(png_height, png_width)
    try:
        pixels = cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED) if buffer.size else None
    except cv2.error:
        pixels = None
    if pixels is None:
        raise FrameError(
            f'{what} cannot be decoded ({buffer.size} bytes): '
            'it is cut short, broken or in an unknown format'
        )
    _check_size(*pixels.shape[:2])
    if pixels.dtype not in (np.uint8, np.uint16):
        raise FrameError(f'{what} holds {pixels.dtype} values; use 8- or 16-bit pictures')
    return _grey(pixels)


def _grey(pixels: np.ndarray) -> np.ndarray:
    """Reduce what OpenCV decoded ([H, W], [H, W, 1], BGR or BGRA) to one channel."""
    if pixels.ndim == 2:
        return pixels
    conversions = {3: cv2.COLOR_BGR2GRAY, 4: cv2.COLOR_BGRA2GRAY}
    channels = pixels.shape[2]
    return cv2.cvtColor(pixels, conversions[channels]) if channels > 1 else pixels[..., 0]


def _check_size(height: int, width: int) -> None:
    if height <= 0 or width <= 0:
        raise FrameError(f'frame is empty: {width}x{height} pixels; check the camera driver')
    if max(height, width) > MAX_SIDE:
        raise FrameError(
            f'frame claims {width}x{height} pixels, more than {MAX_SIDE} on a side; '
            'its header is broken'
        )


def _check_layout(what: str, row: int, height: int, step: int, size: int) -> None:
    if step < row:
        raise FrameError(
            f'step of {step} bytes is too short for a row of {what} ({row} bytes); '
            'check encoding and step'
        )
    needed = step * (height - 1) + row
    if size < needed:
        raise FrameError(
            f'{what} with step {step} needs {needed} bytes of data but has {size}; '
            'the frame was cut short'
        )
