"""Colour without a generator: what every trained one has to beat."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track

from morngan_train.data.reading import read_rgb
from morngan_train.metrics.canny import gray

LEVELS = 256

SKIP = 2
"""Of the day pictures every second pixel of every second row is counted."""


class MeanPicture:
    """The prior: the mean of all day pictures, the same for every frame.

    Args:
        day: Colour pictures of any size; what sticks out over the shape of a frame is cut off.
    """

    def __init__(self, day: Sequence[Path]) -> None:
        self.day = day
        self._means: dict[tuple[int, ...], np.ndarray] = {}

    def __call__(self, thermal: np.ndarray) -> np.ndarray:
        """Return the mean picture, uint8 [H, W, 3], in the size of a frame, uint8 [H, W]."""
        if thermal.shape not in self._means:
            self._means[thermal.shape] = self._mean(*thermal.shape)
        return self._means[thermal.shape]

    def _mean(self, height: int, width: int) -> np.ndarray:
        total = np.zeros((height, width, 3))
        for path in track(self.day, 'day pictures', console=Console(stderr=True)):
            total += _cover(read_rgb(path), height, width)
        return np.rint(total / len(self.day)).astype(np.uint8)


def _cover(rgb: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize a picture until it covers a frame, and cut out its centre."""
    scale = max(height / rgb.shape[0], width / rgb.shape[1])
    size = max(width, round(rgb.shape[1] * scale)), max(height, round(rgb.shape[0] * scale))
    large = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    y, x = (size[1] - height) // 2, (size[0] - width) // 2
    return large[y : y + height, x : x + width]


class HistogramColors:
    """Pseudo-colour: grey levels are matched to the luma of day pictures and coloured like it.

    A grey level becomes the luma that as large a share of all day pixels does not exceed, and gets
    the mean colour of the day pixels of that luma. The levels of each frame are ranked on their
    own. This is colour transfer by luminance without looking at the neighbourhood.

    Args:
        shares: Share of the day pixels below each luma, half of those at it included, float [256].
        colors: Mean colour of the day pixels at each luma, float [256, 3].
    """

    def __init__(self, shares: np.ndarray, colors: np.ndarray) -> None:
        self.shares = shares
        self.colors = colors

    @classmethod
    def of(cls, day: Sequence[Path]) -> 'HistogramColors':
        """Learn from day pictures."""
        counts, sums = np.zeros(LEVELS), np.zeros((LEVELS, 3))
        for path in track(day, 'day pictures', console=Console(stderr=True)):
            rgb = read_rgb(path)[::SKIP, ::SKIP]
            luma = gray(rgb).ravel()
            counts += np.bincount(luma, minlength=LEVELS)
            for channel, values in enumerate(rgb.reshape(-1, 3).T):
                sums[:, channel] += np.bincount(luma, values, minlength=LEVELS)
        known = np.flatnonzero(counts)
        means = sums[known] / counts[known, None]
        # Luma that no day pixel has lies between two that some have.
        colors = [np.interp(np.arange(LEVELS), known, means[:, channel]) for channel in range(3)]
        return cls(_shares(counts), np.stack(colors, axis=1))

    def __call__(self, thermal: np.ndarray) -> np.ndarray:
        """Return pseudo-colour, uint8 [H, W, 3], of a frame, uint8 [H, W]."""
        counts = np.bincount(thermal.ravel(), minlength=LEVELS)
        luma = np.interp(_shares(counts), self.shares, np.arange(LEVELS))
        table = [np.interp(luma, np.arange(LEVELS), channel) for channel in self.colors.T]
        result: np.ndarray = np.rint(np.stack(table, axis=1)).astype(np.uint8)[thermal]
        return result


def _shares(counts: np.ndarray) -> np.ndarray:
    """Return the share of values below each level, half of those at it included."""
    result: np.ndarray = (counts.cumsum() - counts / 2) / counts.sum()
    return result
