"""The ways from thermal counts to 8 bits: what each measures of a frame, and how it maps one.

A window is an array [K, ...] of the counts that become K evenly spaced levels, the first of them
black, the last one white: for a whole frame, or for each cell of a grid. What is measured is not
yet what is used: `Exposure` lets the window follow slowly.
"""

import math
from typing import Protocol

import cv2
import numpy as np

#: Counts of floats that are closer together than this are equal: a gain must stay finite.
LEAST_SPAN = 1e-30

#: So many counts tell the percentiles of a frame as well as all of them do.
_ENOUGH = 10_000


class ToneMapping(Protocol):
    """A way from counts to 8 bits."""

    def measure(self, sample: np.ndarray) -> np.ndarray:
        """Find the window of a frame from a sample of its counts, uint16 or float32 [h, w].

        Returns:
            float64 [K, ...], counts that rise along the first axis; of one shape for all frames.
        """

    def apply(self, counts: np.ndarray, window: np.ndarray) -> np.ndarray:
        """Map counts, uint16 or float32 [H, W], through a window to uint8 [H, W]."""


class Percentiles:
    """Linear between two percentiles of the frame."""

    def __init__(self, low: float, high: float) -> None:
        """Take the percentiles, 0 to 100, that become black and white."""
        self._fractions = (low / 100, high / 100)

    def measure(self, sample: np.ndarray) -> np.ndarray:
        """Find the percentiles; of integers by their histogram, much cheaper than sorting."""
        sample = _thin(sample)
        ranks = [max(1, math.ceil(fraction * sample.size)) for fraction in self._fractions]
        if sample.dtype == np.uint16:
            below = np.cumsum(np.bincount(sample.ravel()))
            return np.searchsorted(below, ranks).astype(np.float64)
        places = [rank - 1 for rank in ranks]
        return np.partition(sample.ravel(), places)[places].astype(np.float64)

    def apply(self, counts: np.ndarray, window: np.ndarray) -> np.ndarray:
        """Stretch the window."""
        return stretch(counts, *window)


class FixedRange(Percentiles):
    """Linear between two given counts. The window is measured, but only to watch the camera."""

    def __init__(self, low: float, high: float, black: float, white: float) -> None:
        """Take the percentiles to watch, and the counts that become black and white."""
        super().__init__(low, high)
        self._range = (black, white)

    def apply(self, counts: np.ndarray, window: np.ndarray) -> np.ndarray:
        """Stretch the given range."""
        return stretch(counts, *self._range)


def _thin(sample: np.ndarray) -> np.ndarray:
    """Leave out rows and columns, evenly, of what has more counts than enough."""
    every = max(1, round(math.sqrt(sample.size / _ENOUGH)))
    return sample[::every, ::every]


def span(window: np.ndarray) -> float:
    """Return the counts between the blackest and the whitest; 0 if there is next to nothing."""
    width = float(window[-1].max() - window[0].min())
    return width if width > LEAST_SPAN else 0.0


def stretch(counts: np.ndarray, low: float, high: float) -> np.ndarray:
    """Map `low` to 0 and `high` to 255, linear and rounded, cut off beyond; black without a span.

    Args:
        counts: uint16 or float32 [H, W].
        low: Count of black.
        high: Count of white.

    Returns:
        uint8 [H, W], a fresh array.
    """
    if high - low <= LEAST_SPAN or (counts.dtype == np.uint16 and low > 65535):
        return np.zeros(counts.shape, np.uint8)
    gain = 255 / (high - low)
    # Cut off before: convertScaleAbs mirrors what is negative and wraps what is very large.
    return cv2.convertScaleAbs(cut_off(counts, low, high), alpha=gain, beta=-low * gain)


def cut_off(counts: np.ndarray, low: float, high: float) -> np.ndarray:
    """Limit counts, uint16 or float32, to a window; of integers those that lie in it."""
    if counts.dtype == np.uint16:
        low, high = (min(max(math.ceil(end), 0), 65535) for end in (low, high))
    result: np.ndarray = np.clip(counts, counts.dtype.type(low), counts.dtype.type(high))
    return result
