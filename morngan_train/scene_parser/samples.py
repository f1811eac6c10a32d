"""Pictures with their label maps, changed at random in the ways in which colorized ones differ."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from morngan_train.classes import CLASSES
from morngan_train.classes import UNLABELLED
from morngan_train.data.reading import check_size
from morngan_train.data.reading import DataError
from morngan_train.data.reading import find_companions
from morngan_train.data.reading import list_images
from morngan_train.data.reading import read_map
from morngan_train.data.reading import read_rgb

Pair = tuple[Path, Path]
"""Files of a picture and of its label map."""

SCALES = (0.5, 1.6)
BLURRED = 0.3
NOISY = 0.3
GREY = 0.1
"""Shares of the samples."""


def list_pairs(data: Path, part: str) -> list[Pair]:
    """List `DATA/PART/images` and the label maps of the same names in `DATA/PART/labels`.

    Raises:
        DataError: There are none, or label maps are missing.
    """
    images = list_images(data / part / 'images')
    labels = find_companions(data / part / 'labels', images, 'add them', frozenset({'.png'}))
    return list(zip(images, labels, strict=True))


def read_pair(pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    """Read a picture, uint8 [H, W, 3] RGB, and its trainIds, uint8 [H, W].

    Raises:
        DataError: A file cannot be decoded, the sizes differ, or a value is no trainId.
    """
    rgb, labels = read_rgb(pair[0]), read_map(pair[1])
    check_size(pair[1], labels, rgb)
    if (strange := labels[(labels >= CLASSES) & (labels != UNLABELLED)]).size:
        raise DataError(f'{pair[1]}: {strange[0]} is not a trainId (0 to 18, 255 for unlabelled)')
    return rgb, labels


def shares(pairs: Sequence[Pair]) -> np.ndarray:
    """Return the share of each class in all labelled pixels, float64 [19].

    Raises:
        DataError: A file cannot be used, or nothing is labelled.
    """
    counts = np.zeros(UNLABELLED + 1)
    for pair in pairs:
        counts += np.bincount(read_pair(pair)[1].ravel(), minlength=UNLABELLED + 1)
    known = counts[:CLASSES]
    if not known.any():
        raise DataError(f'{pairs[0][1].parent}: no pixel is labelled')
    result: np.ndarray = known / known.sum()
    return result


def draw(pair: Pair, size: tuple[int, int], rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Cut a random piece of a pair in a random scale, mirrored or not, in other colours.

    Args:
        pair: Files.
        size: Height and width of the piece; what lies outside of the picture is unlabelled.
        rng: Decides.

    Returns:
        uint8 [height, width, 3] RGB, and trainIds uint8 [height, width].
    """
    rgb, labels = read_pair(pair)
    scale = float(np.exp(rng.uniform(*np.log(SCALES))))
    wide, high = round(rgb.shape[1] * scale), round(rgb.shape[0] * scale)
    rgb = cv2.resize(rgb, (wide, high), interpolation=cv2.INTER_AREA if scale < 1 else 1)
    labels = cv2.resize(labels, (wide, high), interpolation=cv2.INTER_NEAREST)
    height, width = size
    below, beside = max(0, height - high), max(0, width - wide)
    grey = cv2.mean(rgb)
    rgb = cv2.copyMakeBorder(rgb, 0, below, 0, beside, cv2.BORDER_CONSTANT, value=grey)
    labels = cv2.copyMakeBorder(
        labels, 0, below, 0, beside, cv2.BORDER_CONSTANT, value=(UNLABELLED,)
    )
    y = int(rng.integers(labels.shape[0] - height + 1))
    x = int(rng.integers(labels.shape[1] - width + 1))
    window = slice(y, y + height), slice(x, x + width)
    step = rng.choice((-1, 1))
    return change_colors(rgb[window][:, ::step], rng), labels[window][:, ::step]


def change_colors(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change tone, contrast, saturation and cast of uint8 [H, W, 3]; blur and add noise at times.

    Colorized night frames are soft, noisy, and their colours are guesses: a parser that relies on
    sharp edges or on one tone of grass would measure that, not the scene.
    """
    x = rgb.astype(np.float32) / 255
    x = x ** np.float32(np.exp(rng.uniform(-0.5, 0.5)))
    grey = x @ np.array([0.299, 0.587, 0.114], np.float32)
    saturation = 0.0 if rng.random() < GREY else rng.uniform(0.3, 1.5)
    x = grey[..., None] + np.float32(saturation) * (x - grey[..., None])
    x = (x - x.mean()) * np.float32(rng.uniform(0.6, 1.4)) + x.mean()
    x = x * rng.uniform(0.85, 1.15, 3).astype(np.float32) + np.float32(rng.uniform(-0.1, 0.1))
    if rng.random() < BLURRED:
        x = cv2.GaussianBlur(x, (0, 0), rng.uniform(0.5, 2.0))
    if rng.random() < NOISY:
        x = x + rng.normal(0, rng.uniform(0.01, 0.06), x.shape).astype(np.float32)
    result: np.ndarray = np.rint(255 * x.clip(0, 1)).astype(np.uint8)
    return result
