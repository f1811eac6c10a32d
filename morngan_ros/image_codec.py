"""Bytes of a picture -> thermal counts, for ROS messages, bags and files alike. No ROS import."""

from array import array
from typing import TypeAlias

import cv2
import numpy as np

from morngan_ros.errors import FrameError
from morngan_ros.other_encodings import decode_with_cv_bridge
from morngan_ros.other_encodings import is_known_to_cv_bridge
from morngan_ros.picture_header import can_hold
from morngan_ros.picture_header import claimed_size

# What rclpy (array), a socket (bytes, memoryview) and rosbags (ndarray) hand over.
Data: TypeAlias = 'bytes | bytearray | memoryview | array[int] | np.ndarray'

# encoding of sensor_msgs/Image -> channel dtype, number of channels, OpenCV conversion to grey
_ENCODINGS: dict[str, tuple[str, int, int | None]] = {
    'mono8': ('u1', 1, None),
    '8UC1': ('u1', 1, None),
    'mono16': ('u2', 1, None),
    '16UC1': ('u2', 1, None),
    '32FC1': ('f4', 1, None),
    'rgb8': ('u1', 3, cv2.COLOR_RGB2GRAY),
    'bgr8': ('u1', 3, cv2.COLOR_BGR2GRAY),
    '8UC3': ('u1', 3, cv2.COLOR_BGR2GRAY),
    'rgba8': ('u1', 4, cv2.COLOR_RGBA2GRAY),
    'bgra8': ('u1', 4, cv2.COLOR_BGRA2GRAY),
    '8UC4': ('u1', 4, cv2.COLOR_BGRA2GRAY),
}
ENCODINGS = tuple(_ENCODINGS)

# No thermal camera comes near: what is larger is a broken header, not a picture.
MAX_SIDE = 16384
MAX_PIXELS = 64 * 2**20

_TO_GREY = {3: cv2.COLOR_BGR2GRAY, 4: cv2.COLOR_BGRA2GRAY}


def decode_image(
    encoding: str, height: int, width: int, step: int, is_bigendian: int | bool, data: Data
) -> np.ndarray:
    """Read the fields of a sensor_msgs/Image as thermal counts.

    Args:
        encoding: One of `ENCODINGS`; colour is taken as grey in colour. Others go through
            cv_bridge, where it is installed.
        height: Rows in pixels.
        width: Columns in pixels.
        step: Bytes from one row to the next; padding behind the pixels is allowed, also odd.
        is_bigendian: Whether values of 16 and 32 bits come with the high byte first.
        data: The bytes; the last row may lack its padding.

    Returns:
        uint8, uint16 or float32 [height, width] in native byte order; a view of `data` where it
        can be. Floats are finite.

    Raises:
        FrameError: The encoding is unknown, size, step and data do not fit together, or a float
            is not finite.
    """
    if encoding not in _ENCODINGS:
        return _decode_other(encoding, height, width, step, is_bigendian, data)
    dtype, channels, to_grey = _ENCODINGS[encoding]
    _check_size(height, width, MAX_PIXELS)
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
    if not plane.dtype.isnative or not plane.flags.aligned:
        plane = plane.astype(np.dtype(dtype))
    return check_finite(plane)


def decode_compressed(data: Data, format: str = '', *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Decode a picture file in memory: PNG or JPEG of a CompressedImage, TIFF and others of a file.

    Args:
        data: The whole file: PNG, JPEG, TIFF, BMP or PNM.
        format: What the sender says it is; only for the error message, the bytes decide.
        max_pixels: Pictures that claim more are refused before they are decoded.

    Returns:
        uint8 or uint16 [height, width]; colour is taken as grey in colour.

    Raises:
        FrameError: The bytes are no complete picture, too large, or neither 8 nor 16 bits deep.
    """
    what = f'compressed picture ({format[:40]})' if format else 'compressed picture'
    if 'compressedDepth' in format:
        raise FrameError(
            f'{what}: the compressedDepth transport is for depth maps; '
            'use the compressed transport with PNG',
            'encoding',
        )
    buffer = np.frombuffer(data, np.uint8)
    if buffer.size == 0:
        raise FrameError(f'{what} cannot be decoded: it has no data', 'empty')
    pixels = _decode_file(buffer, max_pixels)
    if pixels is None:
        raise FrameError(
            f'{what} cannot be decoded ({buffer.size} bytes): '
            'it is cut short, broken or in an unknown format',
            'undecodable',
        )
    _check_size(pixels.shape[0], pixels.shape[1], max_pixels)
    if pixels.dtype not in (np.uint8, np.uint16):
        raise FrameError(f'{what} holds {pixels.dtype} values; use 8- or 16-bit pictures', 'depth')
    return _grey(pixels)


def check_finite(counts: np.ndarray) -> np.ndarray:
    """Return counts as they are.

    Raises:
        FrameError: NaN or infinity is among them.
    """
    if counts.dtype.kind == 'f' and not np.isfinite(counts).all():
        bad = counts.size - np.count_nonzero(np.isfinite(counts))
        raise FrameError(
            f'{bad} of {counts.size} pixels are NaN or infinite; let the driver publish counts or '
            'temperatures for every pixel',
            'not finite',
        )
    return counts


def _decode_other(
    encoding: str, height: int, width: int, step: int, is_bigendian: int | bool, data: Data
) -> np.ndarray:
    if not is_known_to_cv_bridge(encoding):
        raise FrameError(
            f'encoding {encoding[:40]!r} is not a thermal picture that can be read; '
            f'publish one of {", ".join(ENCODINGS)}',
            'encoding',
        )
    _check_size(height, width, MAX_PIXELS)
    pixels = decode_with_cv_bridge(encoding, height, width, step, is_bigendian, data)
    if pixels.shape[:2] != (height, width):
        raise FrameError(
            f'cv_bridge made {list(pixels.shape)} of {width}x{height} {encoding}', 'encoding'
        )
    return check_finite(_grey(pixels))


def _decode_file(buffer: np.ndarray, max_pixels: int) -> np.ndarray | None:
    """Decode a picture whose size is known beforehand; None if it cannot be done."""
    size = claimed_size(buffer.data)
    if size is None:
        return None
    _check_size(*size, max_pixels)
    if not can_hold(buffer.data, *size):
        return None
    try:
        return cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None


def _grey(pixels: np.ndarray) -> np.ndarray:
    """Reduce what OpenCV decoded ([H, W], [H, W, 1], BGR or BGRA) to one channel."""
    if pixels.ndim == 2:
        return pixels
    channels = pixels.shape[2]
    if channels == 1:
        return pixels[..., 0]
    if channels not in _TO_GREY:
        raise FrameError(f'a picture of {channels} channels is not a thermal picture', 'depth')
    return cv2.cvtColor(pixels, _TO_GREY[channels])


def _check_size(height: int, width: int, max_pixels: int) -> None:
    if height <= 0 or width <= 0:
        raise FrameError(
            f'frame is empty: {width}x{height} pixels; check the camera driver', 'empty'
        )
    if max(height, width) > MAX_SIDE or height * width > max_pixels:
        raise FrameError(
            f'frame claims {width}x{height} pixels, more than {MAX_SIDE} on a side or '
            f'{max_pixels} in all; its header is broken',
            'too large',
        )


def _check_layout(what: str, row: int, height: int, step: int, size: int) -> None:
    if size == 0:
        raise FrameError(f'{what} has no data; check the camera driver', 'empty')
    if step < row:
        raise FrameError(
            f'step of {step} bytes is too short for a row of {what} ({row} bytes); '
            'check encoding and step',
            'layout',
        )
    needed = step * (height - 1) + row
    if size < needed:
        raise FrameError(
            f'{what} with step {step} needs {needed} bytes of data but has {size}; '
            'the frame was cut short',
            'layout',
        )
