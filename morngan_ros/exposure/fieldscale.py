"""A tone for each place of a frame: linear between what is darkest and brightest around it."""

import cv2
import numpy as np

from morngan_ros.exposure.tone_mapping import cut_off
from morngan_ros.exposure.tone_mapping import LEAST_SPAN
from morngan_ros.exposure.tone_mapping import Percentiles

# Cells along each side of a frame that have a window of their own.
_CELLS = 8
# How far an end of a cell's window may lie beyond its neighbours', as a share of the whole span.
_LONELY = 0.15
# Rounds in which cells widen their windows toward their neighbours.
_ROUNDS = 4
# Narrowest window of a cell, as a share of the whole span: the noise of an even sky stays low.
_NARROWEST = 0.45


class LocalFields(Percentiles):
    """A window for each place, from what is around it.

    After Gil, Kim and Cho, Fieldscale, arXiv 2405.15395: the least and the largest count of each
    cell of a grid, without lone extremes, spread over the neighbouring cells, and interpolated.
    """

    def measure(self, sample: np.ndarray) -> np.ndarray:
        """Find the window of each cell, from counts within the percentiles of the frame."""
        low, high = super().measure(sample)
        # A single dead or hot pixel is not what a cell shows.
        smooth = cv2.blur(sample, (3, 3)).clip(low, high).astype(np.float32)
        span = high - low
        lows = -_spread(-_cells(smooth, np.minimum), span)
        highs = _spread(_cells(smooth, np.maximum), span)
        lacking = np.maximum(0, _NARROWEST * span - (highs - lows))
        # An even cell stays as dark or bright as it is in the whole frame.
        level = ((lows + highs) / 2 - low) / max(span, LEAST_SPAN)
        return np.stack((lows - lacking * level, highs + lacking * (1 - level)))

    def apply(self, counts: np.ndarray, window: np.ndarray) -> np.ndarray:
        """Map each pixel as the cells around it do, blended by their distance."""
        lows, highs = window
        gains = 255 / np.maximum(highs - lows, LEAST_SPAN)
        gain, offset = (
            cv2.resize(field.astype(np.float32), counts.shape[::-1], interpolation=cv2.INTER_LINEAR)
            for field in (gains, -lows * gains)
        )
        picture = cv2.multiply(cut_off(counts, lows.min(), highs.max()), gain, dtype=cv2.CV_32F)
        return cv2.add(picture, offset, dtype=cv2.CV_8U)


def _cells(sample: np.ndarray, extreme: np.ufunc) -> np.ndarray:
    """Find the least or largest value of each cell, float32 [_CELLS, _CELLS]."""
    height, width = sample.shape
    rows = np.arange(_CELLS) * height // _CELLS
    columns = np.arange(_CELLS) * width // _CELLS
    return extreme.reduceat(extreme.reduceat(sample, rows, axis=0), columns, axis=1)


def _spread(field: np.ndarray, span: float) -> np.ndarray:
    """Cut off lone peaks of a field of maxima, then let cells rise toward their neighbours.

    Rising only, never falling: what a cell shows stays within its window.

    Returns:
        float64, in which differences of float32 cannot overflow.
    """
    field = np.minimum(field, cv2.medianBlur(field, 3) + np.float32(_LONELY * span))
    for _ in range(_ROUNDS):
        field = np.maximum(field, cv2.blur(field, (3, 3), borderType=cv2.BORDER_REPLICATE))
    return field.astype(np.float64)
