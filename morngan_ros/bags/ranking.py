"""Which image topic of a recording is the thermal camera: a guess by its name and its pictures."""

from enum import IntEnum
import re
from typing import Any
from typing import NamedTuple

import cv2
import numpy as np

from morngan_ros.bags.definitions import COMPRESSED_IMAGE

# Words of a name, by how sure they are; short ones only as whole words. Colour cameras by makers of
# thermal ones are named flir too, and depth cameras have an infrared picture that shows no heat.
_THERMAL = re.compile(
    r'therm|lwir|mwir|boson|lepton|^tau$|optris|bolometer|xenics|infiray|^gobi$|^teax$|workswell'
    r'|^mlx$'
)
_PERHAPS_THERMAL = re.compile(r'ir|infrared|flir|seek|tir|ntir|night')
_DERIVED = re.compile(
    r'colou?r\w*|overlay|rgbd?|depth|compresseddepth|disparity|visible|palette|mask|segmentation'
    r'|label|confidence|nir'
)
# Channels of a grey picture differ by this much on average at most, of 255: JPEG and YUV round.
_GREY = 6.0


class Content(IntEnum):
    """What the first picture of a topic is like; the lower, the more like a thermal camera's."""

    COUNTS = 0  # one channel of 16 bits or floats
    GREY = 1  # one channel of 8 bits
    GREY_IN_COLOR = 2  # channels that are alike
    UNKNOWN = 3  # its first messages are broken
    COLOR = 4  # a camera for visible light, or a palette
    EMPTY = 5  # no messages


class Candidate(NamedTuple):
    """An image topic.

    Attributes:
        topic: Its name.
        msgtype: Image or CompressedImage.
        content: What its first picture is like.
        encoding: What its first message says, for people; empty if there is none.
    """

    topic: str
    msgtype: str
    content: Content
    encoding: str = ''

    def __str__(self) -> str:
        what = {Content.EMPTY: 'no messages', Content.UNKNOWN: 'broken messages'}
        return f'{self.topic} ({what.get(self.content, self.encoding)})'


def rank(candidate: Candidate) -> tuple[Any, ...]:
    """Sort key that puts the topic first that looks most like a thermal camera's raw stream."""
    words = re.findall(r'[a-z]+', candidate.topic.lower())
    derived = any(_DERIVED.fullmatch(word) for word in words)
    if any(_THERMAL.search(word) for word in words):
        doubt = 0
    else:
        doubt = 1 if any(_PERHAPS_THERMAL.fullmatch(word) for word in words) else 2
    content = candidate.content
    return (
        content == Content.EMPTY,
        derived,
        content == Content.COLOR,
        doubt,
        content,
        candidate.msgtype == COMPRESSED_IMAGE,
        candidate.topic,
    )


def content_of(message: Any) -> Content:
    """Look at an Image or CompressedImage."""
    try:
        if hasattr(message, 'encoding'):
            return _content_of_image(message)
        return _content_of_pixels(cv2.imdecode(message.data, cv2.IMREAD_UNCHANGED))
    except (cv2.error, ValueError):
        return Content.UNKNOWN


def encoding_of(message: Any) -> str:
    """Name the encoding of an Image or the format of a CompressedImage."""
    return str(message.encoding if hasattr(message, 'encoding') else message.format)


def _content_of_image(message: Any) -> Content:
    encoding = message.encoding.lower()
    if encoding in ('mono8', '8uc1', '8sc1'):
        return Content.GREY
    if re.fullmatch(r'mono16|(16|32|64)[usf]c1', encoding):
        return Content.COUNTS
    channels = {'rgb8': 3, 'bgr8': 3, '8uc3': 3, 'rgba8': 4, 'bgra8': 4, '8uc4': 4}.get(encoding)
    if channels is None:
        return Content.COLOR
    rows = np.asarray(message.data, np.uint8).reshape(message.height, message.step)
    pixels = rows[:, : message.width * channels]
    return _content_of_pixels(pixels.reshape(message.height, message.width, channels))


def _content_of_pixels(pixels: np.ndarray | None) -> Content:
    if pixels is None or pixels.size == 0:
        return Content.UNKNOWN
    if pixels.ndim == 2:
        return Content.GREY if pixels.dtype == np.uint8 else Content.COUNTS
    channels = pixels[..., :3].astype(np.float32)
    spread = float((channels.max(axis=2) - channels.min(axis=2)).mean())
    return Content.GREY_IN_COLOR if spread <= _GREY else Content.COLOR
