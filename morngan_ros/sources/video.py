"""Frames from what OpenCV plays: video files, network cameras, and video devices."""

from collections.abc import Iterator
import logging
import os
from pathlib import Path
import re
import struct

import cv2
import numpy as np

from morngan_ros.errors import SourceError
from morngan_ros.images.codec import to_grey

_log = logging.getLogger(__name__)

# FFmpeg would write a line or more about each broken packet; what is lost is said at the end.
os.environ.setdefault('OPENCV_FFMPEG_LOGLEVEL', '-8')

_ADDRESS = re.compile(r'(rtsps?|rtmp|https?|udp|tcp|rtp|srt)://\S+')
_PASSWORD = re.compile(r'//[^/@]*@')

# What thermal cameras call raw counts, as a pixel format of Video4Linux.
_COUNTS = cv2.VideoWriter.fourcc(*'Y16 ')

# How FFmpeg calls grey of 16 bits, low byte first: all that OpenCV keeps of deep formats.
_GREY_16 = b'Y1\x00\x10'

# Raw colours of 5 bits. AVI has no name for raw counts of 16 bits, so files that hold them, 16 bits
# a pixel and no codec, say this.
_COLOURS_OF_5_BITS = b'RGB\x0f'

# Containers only estimate how many frames they hold.
_SURELY_CUT = 0.9


def is_stream(where: str) -> bool:
    """Tell a network address or a video device from files."""
    return bool(_ADDRESS.fullmatch(where)) or Path(where).is_char_device()


def without_password(address: str) -> str:
    """Name an address, for logs, without the user and password that may stand in it."""
    return _PASSWORD.sub('//', address)


def check_name(path: str) -> None:
    """See that OpenCV can take a name: one that is not UTF-8 makes it crash.

    Raises:
        SourceError: It cannot.
    """
    try:
        path.encode('utf-8')
    except UnicodeEncodeError:
        raise SourceError(f'the name of {path!a} is not UTF-8; rename it') from None


class Video:
    """An open video, device or stream; use it as a context manager, and iterate once.

    Attributes:
        rate: Frames a second, as it claims; 0 if it does not.
        length: How many frames it claims to hold; 0 if it does not.

    Raises:
        SourceError: It cannot be opened.
    """

    def __init__(self, where: str) -> None:
        self._name = without_password(where)
        self._is_stream = is_stream(where)
        check_name(where)
        self._capture = cv2.VideoCapture(where)
        if not self._capture.isOpened():
            raise SourceError(
                f'video {self._name} cannot be opened; it is not there, broken or in use, or '
                'OpenCV lacks its codec'
            )
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = rate if 0 < rate < 1000 else 0.0
        claimed = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.length = 0 if self._is_stream else max(0, int(claimed))
        pixel_format = int(self._capture.get(cv2.CAP_PROP_CODEC_PIXEL_FORMAT)) & 0xFFFFFFFF
        self._format = struct.pack('<I', pixel_format)
        if self._format == _COLOURS_OF_5_BITS:
            raise SourceError(
                f'video {self._name} declares raw colours of 5 bits, as AVI files with raw '
                '16-bit counts do; write the counts as FFV1: docs/files.md has the commands'
            )
        self._ask_for_counts()

    def __enter__(self) -> 'Video':
        return self

    def __exit__(self, *_: object) -> None:
        self._capture.release()

    def __iter__(self) -> Iterator[np.ndarray]:
        """Read frames to the end, uint8 or uint16 [H, W].

        Raises:
            SourceError: There is not one.
        """
        number = 0
        while True:
            more, picture = self._capture.read()
            if not more:
                break
            if number == 0 and picture.dtype == np.uint8:
                self._warn_of_lost_bits()
            yield to_grey(picture)
            number += 1
        if number == 0:
            raise SourceError(f'video {self._name} has no frame that can be decoded')
        if number < _SURELY_CUT * self.length:
            _log.warning(
                '%s ends after %d of the %d frames that it claims: it is cut short or broken',
                self._name,
                number,
                self.length,
            )

    def _ask_for_counts(self) -> None:
        """Ask for 16 bits where there may be some; OpenCV converts all to 8 by default."""
        capture = self._capture
        if self._format == _GREY_16:
            capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
        elif self._is_stream and Path(self._name).is_char_device():
            capture.set(cv2.CAP_PROP_FOURCC, _COUNTS)
            if int(capture.get(cv2.CAP_PROP_FOURCC)) == _COUNTS:
                capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)

    def _warn_of_lost_bits(self) -> None:
        bits = bits_of(self._format)
        if bits > 8:
            _log.warning(
                '%s has %d bits, of which OpenCV gives 8; convert it to keep all: '
                'ffmpeg -i VIDEO -pix_fmt gray16le -c:v ffv1 COUNTS.mkv',
                self._name,
                bits,
            )


def bits_of(pixel_format: bytes) -> int:
    """Read the bits of a sample from how FFmpeg calls a pixel format; 0 where that does not say.

    Deep formats are Y, the number of planes, their subsampling and the bits; those with the high
    byte first are written the other way round.
    """
    for name in (pixel_format, pixel_format[::-1]):
        if name[:1] == b'Y' and name[1:2] in b'1234' and 8 < name[3] <= 16:
            return name[3]
    return 0
