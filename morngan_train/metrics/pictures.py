"""Likeness of pictures: to the day picture of the same scene, and to themselves a moment ago."""

from collections.abc import Callable

import cv2
import numpy as np
import torch

from morngan_train.losses.ssim import ssim as ssim_of_tensors

WINDOW = 11
"""Of SSIM, with sigma 1.5, as its authors have it."""

NOISE = 2.0
"""Standard deviation of the camera's noise, in grey levels."""

REPEATS = 4


def psnr(picture: np.ndarray, truth: np.ndarray) -> float:
    """Return the peak signal to noise ratio in dB of uint8 [H, W, 3]; inf for equal ones."""
    error = np.square(picture.astype(np.float64) - truth).mean()
    return float(10 * np.log10(255**2 / error)) if error else float('inf')


def ssim(picture: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean structural similarity, in (-1, 1], of uint8 [H, W, 3], over the channels."""
    x, y = (
        torch.from_numpy(np.ascontiguousarray(p)).permute(2, 0, 1)[None].float() / 255
        for p in (picture, truth)
    )
    return float(ssim_of_tensors(x, y, window=WINDOW))


def flicker(
    colorize: Callable[[np.ndarray], np.ndarray], thermal: np.ndarray, seed: int = 0
) -> float:
    """Measure how a static scene changes from frame to frame because the camera is noisy.

    Args:
        colorize: uint8 [H, W] -> uint8 [H, W, 3].
        thermal: The scene, uint8 [H, W].
        seed: Of the noise.

    Returns:
        Mean absolute change from one noisy version to the next, in levels of 255. White noise
        that is passed on as it is gives about 2.3.
    """
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(REPEATS):
        noisy = thermal + rng.normal(0, NOISE, thermal.shape)
        frames.append(colorize(np.rint(noisy).clip(0, 255).astype(np.uint8)).astype(np.int16))
    return float(np.abs(np.diff(np.stack(frames), axis=0)).mean())


def warp_error(
    earlier: np.ndarray, later: np.ndarray, source: np.ndarray, known: np.ndarray
) -> float:
    """Measure how a picture changes besides moving.

    Args:
        earlier: uint8 [H, W, 3].
        later: uint8 [H, W, 3].
        source: Where the earlier picture shows what the pixels of the later one show: x and y,
            float32 [H, W, 2].
        known: Where that is so, bool [H, W].

    Returns:
        Mean absolute change where it is known, in levels of 255.
    """
    moved = cv2.remap(earlier.astype(np.float32), source[..., 0], source[..., 1], cv2.INTER_LINEAR)
    return float(np.abs(moved - later)[known].mean())


def contrast(pictures: np.ndarray) -> float:
    """Return the deviation of the values around their channel's mean, of uint8 [N, H, W, 3].

    Chroma counts like luma: a change of hue is an error of steadiness too.
    """
    return float(np.sqrt(pictures.reshape(-1, 3).astype(np.float64).var(axis=0).mean()))
