"""Bytes of a picture -> thermal counts, for ROS messages, bags and files alike. No ROS import."""

from array import array
from contextlib import nullcontext
from typing import TypeAlias

import cv2
import numpy as np

from morngan_ros.errors import FrameError
from morngan_ros.images import tiff
from morngan_ros.images.header import can_hold
from morngan_ros.images.header import claimed_size
from morngan_ros.images.palette import PaletteWatch
from morngan_ros.images.quiet import quiet_decoders
from morngan_ros.images.via_cv_bridge import decode_with_cv_bridge
from morngan_ros.images.via_cv_bridge import is_known_to_cv_bridge

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
    # Luma beside chroma, then luma in a plane before it; yuv422 is what ROS calls UYVY.
    'yuyv': ('u1', 2, None),
    'yuv422_yuy2': ('u1', 2, None),
    'uyvy': ('u1', 2, None),
    'yuv422': ('u1', 2, None),
    'nv12': ('u1', 1, None),
    'nv21': ('u1', 1, None),
    'nv24': ('u1', 1, None),
}
ENCODINGS = tuple(_ENCODINGS)

# The channel to take where it is not the first.
_LUMA_AT = {'uyvy': 1, 'yuv422': 1}

READS_BIG_TIFF = tuple(map(int, cv2.__version__.split('.')[:2])) >= (4, 6)

# No thermal camera comes near: what is larger is a broken header, not a picture.
MAX_SIDE = 16384
MAX_PIXELS = 64 * 2**20

_TO_GREY = {3: cv2.COLOR_BGR2GRAY, 4: cv2.COLOR_BGRA2GRAY}

_watch_palette = PaletteWatch()


def decode_image(
    encoding: str, height: int, width: int, step: int, is_bigendian: int | bool, data: Data
) -> np.ndarray:
    """Read the fields of a sensor_msgs/Image as thermal counts.

    Args:
        encoding: One of `ENCODINGS`; colour is taken as grey in colour, of YUV the luma. Others go
            through cv_bridge, where it is installed.
        height: Rows in pixels.
        width: Columns in pixels.
        step: Bytes from one row to the next; padding behind the pixels is allowed, also odd.
        is_bigendian: Whether values of 16 and 32 bits come with the high byte first.
        data: The bytes; the last row may lack its padding.

    Returns:
        uint8, uint16 or float32 [height, width] in native byte order; a view of `data` where it
        can be. Floats may be NaN or infinite: `Exposure` fills a few, and refuses many.

    Raises:
        FrameError: The encoding is unknown, or size, step and data do not fit together.
    """
    if encoding not in _ENCODINGS:
        return _decode_other(encoding, height, width, step, is_bigendian, data)
    dtype, channels, conversion = _ENCODINGS[encoding]
    check_size(height, width, MAX_PIXELS)
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
    if conversion is not None:
        _watch_palette(pixels)
        return cv2.cvtColor(pixels, conversion)
    plane = pixels[..., _LUMA_AT.get(encoding, 0)]
    if not plane.dtype.isnative or not plane.flags.aligned or channels > 1:
        plane = plane.astype(np.dtype(dtype))
    return plane


def decode_compressed(
    data: Data, format: str = '', *, max_pixels: int = MAX_PIXELS, quiet: bool = False
) -> np.ndarray:
    """Decode a picture file in memory: PNG or JPEG of a CompressedImage, TIFF and others of a file.

    Args:
        data: The whole file: PNG, JPEG, TIFF (its first page), BigTIFF, BMP, PNM or PFM.
        format: What the sender says it is; only for the error message, the bytes decide.
        max_pixels: Pictures that claim more are refused before they are decoded.
        quiet: See `quiet_decoders`.

    Returns:
        uint8, uint16 or, of any other type, float32 [height, width]; colour is taken as grey in
        colour.

    Raises:
        FrameError: The bytes are no complete picture, or too large.
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
    pixels = _decode_file(buffer, max_pixels, quiet)
    if pixels is None:
        raise FrameError(
            f'{what} cannot be decoded ({buffer.size} bytes): '
            f'it is cut short, broken or in an unknown format{_hint(buffer)}',
            'undecodable',
        )
    check_size(pixels.shape[0], pixels.shape[1], max_pixels)
    return to_grey(pixels)


def to_grey(pixels: np.ndarray) -> np.ndarray:
    """Reduce what a library decoded to counts of one channel.

    Args:
        pixels: Any numbers, [H, W], [H, W, 1], BGR or BGRA.

    Returns:
        uint8 and uint16 as they are, all other types as float32, [H, W].

    Raises:
        FrameError: It has another number of channels.
    """
    if pixels.dtype not in (np.uint8, np.uint16):
        with np.errstate(over='ignore'):  # becomes infinite, and that is looked for
            pixels = pixels.astype(np.float32)
    if pixels.ndim == 2:
        return pixels
    channels = pixels.shape[2]
    if channels == 1:
        return pixels[..., 0]
    if channels not in _TO_GREY:
        raise FrameError(f'a picture of {channels} channels is not a thermal picture', 'depth')
    _watch_palette(pixels)
    return cv2.cvtColor(pixels, _TO_GREY[channels])


def check_size(height: int, width: int, max_pixels: int = MAX_PIXELS) -> None:
    """See that a size is one of a picture, before memory is taken for it.

    Raises:
        FrameError: It is empty or too large.
    """
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


def grey_encoding(dtype: np.dtype) -> str:
    """Name the encoding of counts, uint8, uint16 or float32."""
    return '32FC1' if dtype == np.float32 else f'mono{8 * dtype.itemsize}'


def _decode_other(
    encoding: str, height: int, width: int, step: int, is_bigendian: int | bool, data: Data
) -> np.ndarray:
    if not is_known_to_cv_bridge(encoding):
        raise FrameError(
            f'encoding {encoding[:40]!r} is not a thermal picture that can be read; '
            f'publish one of {", ".join(ENCODINGS)}',
            'encoding',
        )
    check_size(height, width, MAX_PIXELS)
    pixels = decode_with_cv_bridge(encoding, height, width, step, is_bigendian, data)
    if pixels.shape[:2] != (height, width):
        raise FrameError(
            f'cv_bridge made {list(pixels.shape)} of {width}x{height} {encoding}', 'encoding'
        )
    return to_grey(pixels)


def _decode_file(buffer: np.ndarray, max_pixels: int, quiet: bool) -> np.ndarray | None:
    """Decode a picture whose size is known beforehand; None if it cannot be done."""
    size = claimed_size(buffer.data)
    if size is None:
        return None
    check_size(*size, max_pixels)
    if not can_hold(buffer.data, *size):
        return None
    try:
        with quiet_decoders() if quiet else nullcontext():
            return cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None


def _hint(buffer: np.ndarray) -> str:
    """Say what an old OpenCV, as that of Ubuntu 22.04, lacks."""
    if READS_BIG_TIFF or not tiff.is_big(buffer.data):
        return ''
    version = cv2.__version__
    return f'; OpenCV {version} reads no BigTIFF: `tiffcp BIG.tif SMALL.tif` makes a TIFF of it'


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
