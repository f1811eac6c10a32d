"""Encodings that we do not read ourselves, by cv_bridge where it is installed."""

from functools import cache
import re
from types import SimpleNamespace
from typing import Any

import numpy as np

from morngan_ros.errors import FrameError

# Names of sensor_msgs/image_encodings.h. Nothing else may reach native code that trusts its input.
_GENERIC = re.compile(r'(8|16)[US]C[1-4]|32[SF]C[1-4]|64FC[1-4]')
_COLOR = re.compile(r'(rgb|bgr|rgba|bgra|bayer_(rggb|bggr|gbrg|grbg))(8|16)')


def is_known_to_cv_bridge(encoding: str) -> bool:
    """Tell whether an encoding is one that cv_bridge may know."""
    return bool(_GENERIC.fullmatch(encoding) or _COLOR.fullmatch(encoding))


def decode_with_cv_bridge(
    encoding: str, height: int, width: int, step: int, is_bigendian: int | bool, data: Any
) -> np.ndarray:
    """Convert the fields of a sensor_msgs/Image, colour to grey of the same depth.

    Args:
        encoding: One for which `is_known_to_cv_bridge`.
        height: Rows in pixels.
        width: Columns in pixels.
        step: Bytes from one row to the next.
        is_bigendian: Whether values come with the high byte first.
        data: The bytes, in any container.

    Returns:
        [height, width] or [height, width, C], in the type of the encoding or the grey of it.

    Raises:
        FrameError: cv_bridge is missing, does not work here, or refuses the message.
    """
    bridge, problem = _load()
    if bridge is None:
        raise FrameError(
            f'encoding {encoding!r} needs cv_bridge, {problem}; let the driver publish mono16 or '
            'mono8',
            'encoding',
        )
    if _GENERIC.fullmatch(encoding):
        desired = 'passthrough'
    else:
        desired = 'mono16' if encoding.endswith('16') else 'mono8'
    message = SimpleNamespace(
        encoding=encoding,
        height=height,
        width=width,
        step=step,
        is_bigendian=int(is_bigendian),
        data=data,
    )
    try:
        return np.asarray(bridge.imgmsg_to_cv2(message, desired_encoding=desired))
    except Exception as error:  # what it raises depends on version and input
        raise FrameError(
            f'cv_bridge cannot read {width}x{height} {encoding}: {error}', 'encoding'
        ) from error


@cache
def _load() -> tuple[Any, str]:
    """Make a converter, or say why not. Once: a failing import is slow and noisy."""
    try:
        from cv_bridge import CvBridge

        return CvBridge(), ''
    except ImportError as error:
        return None, f'which is not installed ({error})'
    except Exception as error:  # builds for another numpy raise whatever comes first
        return None, f'which does not work here ({error!r})'
