"""Read a camera's messages as frames: refuse what must not become a picture, count what is odd."""

from collections import deque

import numpy as np
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image

from morngan_ros.errors import FrameError
from morngan_ros.images.crop import Crop
from morngan_ros.images.crop import Window
from morngan_ros.node.health import Health
from morngan_ros.node.messages import compressed_to_thermal
from morngan_ros.node.messages import to_thermal

# The generators pad by reflection at a quarter of the size: less than this they cannot take.
MIN_SIDE = 16

# Seconds that stamps may run ahead of arrivals at once before that is called a jump.
_LEAP = 2.0
# A bag may be played that much faster, gaps in it included, without a jump.
_FASTEST = 10.0
# Frames whose lead is remembered: those that were held up on the way catch up at once.
_REMEMBERED = 30


class Intake:
    """Read messages as thermal counts, refuse what must not become a picture, count what is odd.

    Counters: 'without stamp', 'stamp jumped back', 'stamp jumped ahead', 'size changed', 'encoding
    changed'. A stamp jumps ahead when it moves by two seconds more than ten times the time that
    passed between the arrivals, and is not only on time again after frames that came late.

    Attributes:
        max_pixels: Frames with more are refused: a broken header must not take all the memory.
        crop: What is kept of a frame.
        window: The part of the last frame that was read which is left.
    """

    def __init__(self, health: Health, max_pixels: int) -> None:
        self.max_pixels = max_pixels
        self.crop = Crop()
        self.window = Window(0, 0, 0, 0, 0, 0)
        self._health = health
        self._last: Image | CompressedImage | None = None
        self._kind: tuple[tuple[int, ...], np.dtype] | None = None
        self._clock: tuple[float, float] | None = None
        self._leads: deque[float] = deque(maxlen=_REMEMBERED)

    def __call__(self, message: Image | CompressedImage) -> np.ndarray:
        """Read a message.

        Returns:
            uint8, uint16 or float32 [H, W], cropped; a view of the message where it can be.

        Raises:
            FrameError: It cannot be read, has too many or too few pixels, or is the last message
                once more.
        """
        if isinstance(message, Image):
            self._check_most(message.height, message.width)
            counts = to_thermal(message)
        else:
            counts = compressed_to_thermal(message, self.max_pixels)
        height, width = counts.shape
        self.window = self.crop.window(height, width)
        counts = self.window(counts)
        self._check_least(counts)
        self._refuse_repetition(message)
        self._note_changes(counts)
        return counts

    def seconds(self, message: Image | CompressedImage, came: float) -> float:
        """Return the stamp in seconds; for an empty one the arrival, so that exposure goes on.

        Call it once for each message, in the order of arrival: it watches the clock of the stamps.

        Args:
            message: One that was read.
            came: When it came, in seconds of `perf_counter`.
        """
        stamp = message.header.stamp
        if stamp.sec == 0 and stamp.nanosec == 0:
            self._health.count('without stamp')
            self._clock = None
            return came
        seconds = float(stamp.sec + stamp.nanosec * 1e-9)
        self._watch_clock(seconds, came)
        return seconds

    def _watch_clock(self, stamp: float, came: float) -> None:
        """Count jumps of the stamps against the arrivals."""
        before, self._clock = self._clock, (stamp, came)
        lead = stamp - came
        if before is None or stamp < before[0]:
            self._leads.clear()
        if before is not None:
            moved, passed = stamp - before[0], came - before[1]
            if moved < 0:
                self._health.count('stamp jumped back')
            elif moved > _LEAP + _FASTEST * passed and lead > _LEAP + max(self._leads):
                self._health.count('stamp jumped ahead')
        self._leads.append(lead)

    def _check_most(self, height: int, width: int) -> None:
        if height * width > self.max_pixels:
            raise FrameError(
                f'frame claims {width}x{height} pixels, more than the parameter max_pixels '
                f'({self.max_pixels}) allows',
                'too large',
            )

    def _check_least(self, counts: np.ndarray) -> None:
        height, width = counts.shape
        if min(height, width) < MIN_SIDE:
            raise FrameError(
                f'frame has {width}x{height} pixels, but a generator needs {MIN_SIDE} on each side',
                'empty',
            )

    def _refuse_repetition(self, message: Image | CompressedImage) -> None:
        """Refuse the last message once more: what it shows was published already.

        Equal stamps alone prove nothing, drivers stamp to the second; empty ones even less.
        """
        last, self._last = self._last, message
        if last is None or type(last) is not type(message):
            return
        stamp, before = message.header.stamp, last.header.stamp
        if stamp != before or (stamp.sec == 0 and stamp.nanosec == 0):
            return
        ours, theirs = (np.frombuffer(m.data, np.uint8) for m in (message, last))
        if np.array_equal(ours, theirs):
            raise FrameError('the last message came again with the same stamp', 'duplicate')

    def _note_changes(self, counts: np.ndarray) -> None:
        before, self._kind = self._kind, (counts.shape, counts.dtype)
        if before is None:
            return
        if before[0] != counts.shape:
            self._health.count('size changed')
        if before[1] != counts.dtype:
            self._health.count('encoding changed')
