"""Fill the pixels of a float frame that are no number: dead ones NaN, overdriven ones infinite."""

import cv2
import numpy as np

from morngan_ros.errors import FrameError

#: Share of a frame that may be filled; of a frame with more holes nobody knows what it shows.
MOST_FILLED = 0.01

# The eight pixels around one.
_AROUND = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if down or right]


def fill_dead_pixels(counts: np.ndarray) -> tuple[np.ndarray, int]:
    """Replace NaN by what is around it, and infinity by the highest or lowest count of the frame.

    Args:
        counts: Any type, [H, W]; only floats can have holes.

    Returns:
        The frame, `counts` itself if nothing is to be filled, and how many pixels were.

    Raises:
        FrameError: More than `MOST_FILLED` of the pixels are NaN or infinite.
    """
    if counts.dtype.kind != 'f':
        return counts, 0
    finite = np.isfinite(counts)
    dead = int(counts.size - np.count_nonzero(finite))
    if dead == 0:
        return counts, 0
    if dead > MOST_FILLED * counts.size:
        raise FrameError(
            f'{dead} of {counts.size} pixels are NaN or infinite, more than the '
            f'{MOST_FILLED:.0%} that can be filled; let the driver publish a count or temperature '
            'for every pixel, or cut off the rows or columns without one by crop_rows (--rows of a '
            'tool) and crop_columns',
            'not finite',
        )
    rows, columns = np.nonzero(~finite)
    low, high, _, _ = cv2.minMaxLoc(counts, finite.view(np.uint8))
    padded = np.pad(counts, 1, constant_values=np.nan)
    at = rows + 1, columns + 1
    padded[at] = np.clip(padded[at], np.float32(low), np.float32(high))  # NaN stays
    _fill(padded, *at)
    return padded[1:-1, 1:-1], dead


def _fill(counts: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> None:
    """Give NaN at these places the mean of what is around it, large holes from their edge inwards.

    Args:
        counts: A frame with a border of NaN; changed in place.
        rows: Of the places, inside of the border.
        columns: Of the places.
    """
    holes = np.isnan(counts[rows, columns])
    rows, columns = rows[holes], columns[holes]
    while rows.size:
        around = np.stack([counts[rows + down, columns + right] for down, right in _AROUND])
        known = ~np.isnan(around)
        near = known.any(0)
        total = np.where(known, around, 0).sum(0, dtype=np.float64)
        counts[rows[near], columns[near]] = total[near] / known.sum(0)[near]
        rows, columns = rows[~near], columns[~near]
