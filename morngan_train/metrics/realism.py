"""Realism: how near pictures are to real day pictures, and how colourful they are."""

import cv2
import numpy as np

SIDE = 256
"""Of what the network sees of a picture: its left and its right part."""

SIZE = (320, SIDE)
"""Width and height that pictures are resized to."""

FEWEST = 2
"""Pictures, on either side, that KID needs."""


def parts(rgb: np.ndarray) -> np.ndarray:
    """Cut a picture into a left and a right square, which overlap.

    Args:
        rgb: uint8 [H, W, 3].

    Returns:
        float32 [2, 3, 256, 256] in [-1, 1].
    """
    small = cv2.resize(rgb, SIZE, interpolation=cv2.INTER_AREA).astype(np.float32) / 127.5 - 1
    both = np.stack([small[:, :SIDE], small[:, -SIDE:]])
    return np.ascontiguousarray(both.transpose(0, 3, 1, 2))


def kid(features: np.ndarray, real: np.ndarray) -> float:
    """Return the kernel distance of two sets: the unbiased squared MMD with a cubic kernel.

    Binkowski et al. (2018), on whole sets instead of random subsets, so it is the same each time.

    Args:
        features: Of the parts of pictures, float64 [N, D], at least two.
        real: Of the parts of real pictures, float64 [M, D], at least two.

    Returns:
        About 0 for sets of the same kind, a little below 0 at times; the larger, the farther apart.
    """
    return (
        _mean_of_pairs(_kernel(features, features))
        + _mean_of_pairs(_kernel(real, real))
        - 2 * float(_kernel(features, real).mean())
    )


def kid_error(features: np.ndarray, real: np.ndarray) -> float:
    """Estimate the standard error of `kid` that comes from the choice of pictures.

    By the jackknife: each picture, with all of its parts, is left out once. The bootstrap would
    draw pictures twice, and a picture is too near to itself for an unbiased estimate.

    Args:
        features: Of the parts of each picture, float64 [N, P, D], at least two pictures.
        real: Of the parts of real pictures, float64 [M, D]; taken as given.
    """
    pictures, number, depth = features.shape
    rows = features.reshape(-1, depth)
    within = _kernel(rows, rows)
    np.fill_diagonal(within, 0)
    between = within.reshape(pictures, number, pictures, number).sum(axis=(1, 3))
    across = _kernel(rows, real).mean(axis=1).reshape(pictures, number).sum(axis=1)
    left = (pictures - 1) * number
    pairs = between.sum() - 2 * between.sum(axis=1) + between.diagonal()
    without = pairs / (left * (left - 1)) - 2 * (across.sum() - across) / left
    return float(np.sqrt((pictures - 1) * without.var()))


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    product: np.ndarray = (x @ y.T / x.shape[1] + 1) ** 3
    return product


def _mean_of_pairs(kernel: np.ndarray) -> float:
    """Average over all pairs of different members."""
    number = len(kernel)
    return float((kernel.sum() - np.trace(kernel)) / (number * (number - 1)))


def colorfulness(rgb: np.ndarray) -> float:
    """Return the colourfulness of uint8 [H, W, 3]: 0 for grey (Hasler and Suesstrunk, 2003)."""
    red, green, blue = rgb.astype(np.float64).transpose(2, 0, 1)
    opponents = np.stack([red - green, (red + green) / 2 - blue]).reshape(2, -1)
    return float(np.hypot(*opponents.std(axis=1)) + 0.3 * np.hypot(*opponents.mean(axis=1)))
