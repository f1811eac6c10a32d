"""Contrast-limited adaptive histogram equalisation, of counts of any depth and steady in time.

OpenCV's takes 8 bits, whose steps it makes visible, or 16, which are slow; and its tiles flicker
with the noise, as it does not know the last frame.
"""

import cv2
import numpy as np

from morngan_ros.exposure.tone_mapping import cut_off
from morngan_ros.exposure.tone_mapping import LEAST_SPAN
from morngan_ros.exposure.tone_mapping import Percentiles
from morngan_ros.exposure.tone_mapping import stretch

# Tiles along each side of a frame that have a tone curve of their own.
_TILES = 8
_BINS = 256
# Levels at which a curve is kept, evenly from black to white.
_LEVELS = np.linspace(0, 1, 33)
# Steps of counts that a curve tells apart.
_STEPS = 1024


class LocalContrast(Percentiles):
    """Within two percentiles of the frame, a curve for each tile that evens out its histogram."""

    def __init__(self, low: float, high: float, clip: float) -> None:
        """Take the percentiles, and what a bin may hold, as a multiple of the even share.

        What is clipped goes to all bins, so a curve is at most `clip + 1` times as steep as linear.
        """
        super().__init__(low, high)
        self._clip = clip

    def measure(self, sample: np.ndarray) -> np.ndarray:
        """Find the curves: the counts at each level, float64 [K, tiles]."""
        low, high = super().measure(sample)
        shares = np.minimum(_histograms(stretch(sample, low, high)), self._clip / _BINS)
        shares += (1 - shares.sum(1, keepdims=True)) / _BINS
        risen = np.pad(np.cumsum(shares, axis=1), ((0, 0), (1, 0)))
        edges = low + (high - low) * (np.arange(_BINS + 1) - 0.5).clip(0, _BINS - 1) / (_BINS - 1)
        return np.stack([np.interp(_LEVELS, curve, edges) for curve in risen], axis=1)

    def apply(self, counts: np.ndarray, window: np.ndarray) -> np.ndarray:
        """Map each pixel by the curves of the tiles around it, blended by their distance."""
        low, high = float(window[0].min()), float(window[-1].max())
        if high - low <= LEAST_SPAN:
            return np.zeros(counts.shape, np.uint8)
        at = np.linspace(low, high, _STEPS)
        curves = np.stack([np.interp(at, knots, 255 * _LEVELS) for knots in window.T])
        scale = (_STEPS - 1) / (high - low)
        step = cut_off(counts, low, high) * np.float32(scale) - np.float32(low * scale)
        step = np.rint(step, out=step).clip(0, _STEPS - 1)
        return _blend(curves.astype(np.float32), step.astype(np.intp))


def _histograms(picture: np.ndarray) -> np.ndarray:
    """Count the values of each tile of a picture, uint8 [h, w], as shares of 1 [tiles, 256]."""
    height, width = picture.shape
    rows = np.arange(height) * _TILES // height
    columns = np.arange(width) * _TILES // width
    places = (rows[:, None] * _TILES + columns) * _BINS + picture
    counted = np.bincount(places.ravel(), minlength=_TILES * _TILES * _BINS)
    tiles = counted.reshape(_TILES * _TILES, _BINS)
    result: np.ndarray = tiles / np.maximum(1, tiles.sum(1, keepdims=True))
    return result


def _blend(curves: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Look up each pixel in the curves of the four nearest tiles, bilinear between them.

    Args:
        curves: float32 [tiles, _STEPS], 0 to 255.
        step: int [H, W], 0 to _STEPS - 1.

    Returns:
        uint8 [H, W].
    """
    table = curves.ravel()
    above, below, down = _neighbours(step.shape[0])
    left, right, across = _neighbours(step.shape[1])
    rows = []
    for row in (above, below):
        place = step + row[:, None] * (_TILES * _STEPS)
        one, other = (table.take(place + column * _STEPS) for column in (left, right))
        rows.append(one + across * (other - one))
    result: np.ndarray = cv2.convertScaleAbs(rows[0] + down[:, None] * (rows[1] - rows[0]))
    return result


def _neighbours(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find for each pixel of a side the tiles before and behind it, and the latter's weight."""
    at = (np.arange(size) + 0.5) * _TILES / size - 0.5
    before = np.floor(at).astype(np.intp)
    weight = (at - before).astype(np.float32)
    return before.clip(0), (before + 1).clip(None, _TILES - 1), weight
