"""Visible pictures that show a part of their thermal frames: where they belong."""

from collections.abc import Sequence
import json
from pathlib import Path

import cv2
import numpy as np

from morngan_train.data.reading import DataError
from morngan_train.data.reading import find_companions
from morngan_train.data.reading import read_rgb
from morngan_train.data.reading import read_thermal

PLACES = 'testB_crop_to_full.json'
CROPS = 'testB_aligned_ir'


def read_places(
    data: Path, frames: Sequence[Path], visible: Sequence[Path]
) -> list[np.ndarray] | None:
    """Read where the visible pictures lie in the frames.

    Args:
        data: Folder with the JSON `testB_crop_to_full.json`, for each frame's stem an affine map
            2x3 from the pixel (x, y) of its picture in `testB_aligned_ir` to that of the frame.
            The visible picture shows what that picture shows, in any resolution.
        frames: Thermal frames.
        visible: A picture for each.

    Returns:
        For each frame a map 2x3 from the pixel of its visible picture, float64; None without the
        JSON: the pictures show the whole frames.

    Raises:
        DataError: Maps or crops are missing or damaged.
    """
    files = place_files(data, frames)
    if not files:
        return None
    path, *crops = files
    try:
        maps = {
            stem: np.array(map_, np.float64) for stem, map_ in json.loads(path.read_text()).items()
        }
    except (ValueError, AttributeError) as error:
        raise DataError(f'{path} cannot be read: {error}') from error
    wrong = [f.stem for f in frames if maps.get(f.stem, np.zeros(0)).shape != (2, 3)]
    if wrong:
        raise DataError(f'{path} has no 2x3 map for {len(wrong)} frames, first {wrong[0]}')
    return [
        maps[frame.stem] @ _scale(read_rgb(picture), read_thermal(crop))
        for frame, picture, crop in zip(frames, visible, crops, strict=True)
    ]


def place_files(data: Path, frames: Sequence[Path]) -> list[Path]:
    """List what `read_places` reads, the JSON first, besides the pictures; nothing without JSON.

    Raises:
        DataError: Crops are missing.
    """
    path = data / PLACES
    if not path.is_file():
        return []
    return [path, *find_companions(data / CROPS, list(frames), 'their sizes are needed')]


def _scale(picture: np.ndarray, crop: np.ndarray) -> np.ndarray:
    """Map pixels of a picture to those of one of the same view in another size: 3x3."""
    y, x = crop.shape[0] / picture.shape[0], crop.shape[1] / picture.shape[1]
    # Pixels are counted at their centres.
    return np.array([[x, 0, x / 2 - 0.5], [0, y, y / 2 - 0.5], [0, 0, 1]])


def place(rgb: np.ndarray, where: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Put a picture into its place in a frame.

    Args:
        rgb: uint8 [h, w, 3].
        where: Map 2x3 from its pixels to those of the frame.
        size: Height and width of the frame.

    Returns:
        uint8 [H, W, 3]; around the picture is its mean colour, whose border has no strong edge.
    """
    return cv2.warpAffine(
        rgb, where, (size[1], size[0]), flags=cv2.INTER_LINEAR, borderValue=cv2.mean(rgb)
    )
