"""What is measured by letting a generator colorize other frames than those of the test set."""

from pathlib import Path
from time import perf_counter

import numpy as np
from rich.console import Console
from rich.progress import track

from morngan_train.data.reading import check_size
from morngan_train.data.reading import find_companions
from morngan_train.data.reading import list_images
from morngan_train.data.reading import read_rgb
from morngan_train.data.reading import read_thermal
from morngan_train.data.reading import spread
from morngan_train.evaluation.colorizers import FromFrame
from morngan_train.evaluation.dataset import TestSet
from morngan_train.evaluation.film import PAN
from morngan_train.evaluation.film import unsteadiness
from morngan_train.evaluation.scorers import Scores
from morngan_train.metrics.pictures import flicker
from morngan_train.metrics.pictures import psnr
from morngan_train.metrics.pictures import ssim

MOST_PAIRS = 50
"""Day pairs that are compared, spread over all."""

MOST_SCENES = 10
"""Frames that are looked at for flicker, spread likewise."""

MOST_TIMED = 20
"""Frames that are timed, spread likewise."""


def compare_day(data: Path, colorize: FromFrame) -> Scores:
    """Colorize day thermal that is registered to day colour, and compare.

    Raises:
        DataError: Pictures are missing, damaged or of another size than their partners.
    """
    day = spread(list_images(data / 'trainA'), MOST_PAIRS)
    thermal = find_companions(data / 'trainA_thermal', day, 'copy them too')
    values = []
    console = Console(stderr=True)
    for truth_path, path in track([*zip(day, thermal, strict=True)], 'day', console=console):
        truth, frame = read_rgb(truth_path), read_thermal(path)
        check_size(path, frame, truth)
        color = colorize(frame)
        values.append((psnr(color, truth), ssim(color, truth)))
    means = np.mean(values, axis=0)
    return {'psnr': float(means[0]), 'ssim': float(means[1])}


def repeat_scenes(test_set: TestSet, colorize: FromFrame) -> Scores:
    """Colorize noisy versions of the same scenes."""
    frames = spread(test_set.frames, MOST_SCENES)
    console = Console(stderr=True)
    values = [flicker(colorize, read_thermal(f)) for f in track(frames, 'flicker', console=console)]
    return {'flicker': float(np.mean(values))}


def follow_motion(colorize: FromFrame) -> Scores:
    """Colorize films of the simulated street, from a camera that stands and one that pans."""
    return {'warp': unsteadiness(colorize, 0), 'warp_pan': unsteadiness(colorize, PAN)}


def time_frames(test_set: TestSet, colorize: FromFrame) -> Scores:
    """Take the median of the milliseconds for a frame, after one to warm up."""
    frames = [read_thermal(path) for path in spread(test_set.frames, MOST_TIMED)]
    colorize(frames[0])
    values = []
    for frame in track(frames, 'speed', console=Console(stderr=True)):
        start = perf_counter()
        colorize(frame)
        values.append(1e3 * (perf_counter() - start))
    return {'speed_ms': float(np.median(values))}
