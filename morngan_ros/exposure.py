"""Bring raw thermal counts to a steady 8-bit picture (automatic gain control)."""

import math

import cv2
import numpy as np

from morngan_ros.errors import FrameError

# While the shutter of a flat-field correction is shut, the picture spans next to nothing.
_SHUTTER_SPAN = 0.1


class Exposure:
    """Map thermal counts to uint8; 8-bit pictures pass through as they are.

    16-bit counts (of any real depth) go linearly through a window between two percentiles. The
    window follows the scene with a time constant in seconds of the frames' own stamps, so that a
    bag gives the same picture at any speed. It holds while frames repeat or go flat, as they do
    during a flat-field correction, and starts anew after a gap or a jump back in time.

    For one thread; the same frames and stamps always give the same pictures.

    Attributes:
        held: how many frames were mapped with a held window.
    """

    def __init__(
        self,
        *,
        low: float = 1.0,
        high: float = 99.0,
        time_constant: float = 1.0,
        reset_after: float = 2.0,
    ) -> None:
        """Set up the window.

        Args:
            low: percentile of the counts that becomes black, 0 to 100.
            high: percentile of the counts that becomes white, above `low`.
            time_constant: seconds in which the window covers 63% of a step; 0 follows at once.
            reset_after: longest gap between frames, and longest hold, in seconds.

        Raises:
            ValueError: an argument is out of its range.
        """
        if not 0 <= low < high <= 100:
            raise ValueError(f'percentiles must keep 0 <= low < high <= 100, got {low}, {high}')
        if time_constant < 0 or reset_after <= 0:
            raise ValueError(
                'time_constant must not be negative and reset_after must be positive, '
                f'got {time_constant}, {reset_after}'
            )
        self.held = 0
        self._fractions = (low / 100, high / 100)
        self._time_constant = time_constant
        self._reset_after = reset_after
        self.reset()

    def reset(self) -> None:
        """Forget the scene: the next frame sets the window."""
        self._window: np.ndarray | None = None
        self._sample: np.ndarray | None = None
        self._stamp = 0.0
        self._followed = 0.0

    def __call__(self, counts: np.ndarray, stamp: float) -> np.ndarray:
        """Map one frame.

        Args:
            counts: uint8 or uint16 [H, W], not empty.
            stamp: time of the frame in seconds. Frames with equal stamps do not move the window.

        Returns:
            uint8 [H, W]: `counts` itself if it has 8 bits, a fresh array otherwise.

        Raises:
            FrameError: the frame has another type or shape, or no pixels.
        """
        if counts.ndim != 2 or counts.size == 0 or counts.dtype not in (np.uint8, np.uint16):
            raise FrameError(
                f'a thermal frame is uint8 or uint16 [H, W], got {counts.dtype} '
                f'{list(counts.shape)}'
            )
        if counts.dtype == np.uint8:
            return counts
        window = self._follow(counts, stamp)
        return np.zeros(counts.shape, np.uint8) if window is None else _stretch(counts, *window)

    def _follow(self, counts: np.ndarray, stamp: float) -> np.ndarray | None:
        """Move the window toward this frame; None while nothing but flat frames has been seen."""
        elapsed = stamp - self._stamp
        if self._window is not None and not 0 <= elapsed <= self._reset_after:
            self.reset()
        sample = counts[::2, ::2]
        seen = self._percentiles(sample)
        if self._window is None:
            if seen[1] > seen[0]:
                self._window = seen
                self._followed = stamp
        elif self._must_hold(sample, seen, stamp):
            self.held += 1
        else:
            share = -math.expm1(-elapsed / self._time_constant) if self._time_constant else 1.0
            self._window = self._window + share * (seen - self._window)
            self._followed = stamp
        self._sample = sample.copy()
        self._stamp = stamp
        return self._window

    def _must_hold(self, sample: np.ndarray, seen: np.ndarray, stamp: float) -> bool:
        assert self._window is not None
        assert self._sample is not None
        span = seen[1] - seen[0]
        if span <= 0:
            return True
        if stamp - self._followed > self._reset_after:
            return False  # no shutter stays shut that long: the scene really is like this
        shut = span < _SHUTTER_SPAN * (self._window[1] - self._window[0])
        return bool(shut) or np.array_equal(sample, self._sample)

    def _percentiles(self, sample: np.ndarray) -> np.ndarray:
        """Find the window of a sample by its histogram: much cheaper than sorting."""
        below = np.cumsum(np.bincount(sample.ravel()))
        ranks = [max(1, math.ceil(fraction * sample.size)) for fraction in self._fractions]
        return np.searchsorted(below, ranks).astype(np.float64)


def _stretch(counts: np.ndarray, low: float, high: float) -> np.ndarray:
    """Map `low` to 0 and `high` to 255, linear and rounded, cut off beyond."""
    gain = 255 / (high - low)
    # Cut off below first: convertScaleAbs saturates at 255 but mirrors what is negative.
    floor = np.uint16(math.ceil(low))
    return cv2.convertScaleAbs(np.maximum(counts, floor), alpha=gain, beta=-low * gain)
