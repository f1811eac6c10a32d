"""Colour that is known at low resolution only: the whole picture, squeezed to any size."""

from pathlib import Path

import cv2
import numpy as np

from morngan_train.data.crops import Crop
from morngan_train.data.enhance import enhance_day
from morngan_train.data.enhance import tone_curve
from morngan_train.data.reading import find_companions
from morngan_train.recipe.recipe import DayEnhancement

FRAMES, COLORS = 'dayLow_thermal', 'dayLow_color'
"""Folders of the thermal frames and of their colours, under the same names."""


def find_colors(root: Path, frames: list[Path]) -> list[Path]:
    """Find the colours of frames of `root/dayLow_thermal`; raise DataError if some are missing."""
    return find_companions(root / COLORS, frames, 'copy them, or set losses.low: 0')


def cut_colors(
    squeezed: np.ndarray, crop: Crop, shape: tuple[int, int], cells: int, how: DayEnhancement
) -> np.ndarray:
    """Cut the colours of a crop, enhanced as day pictures are.

    Args:
        squeezed: The whole picture at any size, uint8 [h, w, 3].
        crop: Of the frame.
        shape: Height and width of the frame.
        cells: Side of the result.
        how: What is done to day pictures.

    Returns:
        uint8 [cells, cells, 3].
    """
    color = enhance_day(squeezed, tone_curve(squeezed, how), how.saturation)
    whole = cv2.resize(color, shape[::-1], interpolation=cv2.INTER_LINEAR)
    return cv2.resize(crop(whole), (cells, cells), interpolation=cv2.INTER_AREA)
