"""A film of the simulated street, whose motion is known: how steady is its colour?"""

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from rich.console import Console
from rich.progress import track

from morngan_ros.exposure import Exposure
from morngan_ros.simulation import ThermalScene
from morngan_ros.simulation.motion import Motion
from morngan_train.metrics.pictures import contrast
from morngan_train.metrics.pictures import warp_error

WIDTH, HEIGHT = 640, 512

STARTS = (2.0, 14.6)
"""Seconds at which the clips begin: walkers cross the street; cars come near."""

FRAMES = 6
"""Of each clip."""

STEP = 0.1
"""Seconds from frame to frame."""

PAN = 7
"""Pixels a frame; an odd number brings each edge to ever other places of a network's grid."""

Film = list[tuple[list[np.ndarray], list[Motion]]]
"""Clips: frames, uint8 [H, W], and the motion from each to the next."""


@dataclass(frozen=True, slots=True)
class _Take:
    """A clip wider than the frames: counts uint16 [H, W + more], stamps, motions."""

    counts: list[np.ndarray]
    stamps: list[float]
    motions: list[Motion]


@cache
def _takes() -> list[_Take]:
    street = ThermalScene(WIDTH + PAN * (FRAMES - 1), HEIGHT)
    takes = []
    for start in track(STARTS, 'street', console=Console(stderr=True)):
        stamps = [start + STEP * k for k in range(FRAMES)]
        counts = [street.render(t).counts for t in stamps]
        takes.append(_Take(counts, stamps, [street.motion(*t) for t in pairwise(stamps)]))
    return takes


def film(pan: int) -> Film:
    """Film the street as the node would show it, with a camera that stands or pans.

    Args:
        pan: Pixels by which all that stands moves to the left from frame to frame, 0 to `PAN`. The
            frame is a window that slides over a wider picture, as if the camera turned; the fixed
            pattern of its sensor goes with it.
    """
    clips: Film = []
    for take in _takes():
        exposure = Exposure()
        frames = []
        for k, (counts, stamp) in enumerate(zip(take.counts, take.stamps, strict=True)):
            window = np.ascontiguousarray(counts[:, pan * k : pan * k + WIDTH])
            frames.append(exposure(window, stamp))
        motions = [_within(m, pan * k, pan * (k + 1)) for k, m in enumerate(take.motions)]
        clips.append((frames, motions))
    return clips


def _within(motion: Motion, earlier: int, later: int) -> Motion:
    """Cut windows out of the earlier and the later frame that begin at these columns."""
    columns = slice(later, later + WIDTH)
    source = motion.source[:, columns] - np.array([earlier, 0], np.float32)
    inside = (source[..., 0] >= 0) & (source[..., 0] <= WIDTH - 1)
    return Motion(source, motion.known[:, columns] & inside)


def unsteadiness(colorize: Callable[[np.ndarray], np.ndarray], pan: int) -> float:
    """Measure how the colour of the street changes besides moving, as a share of its contrast.

    Args:
        colorize: uint8 [H, W] -> uint8 [H, W, 3].
        pan: See `film`.

    Returns:
        The mean of `warp_error` over the contrast of all frames; nan for pictures without any.
    """
    clips = film(pan)
    colors: list[np.ndarray] = []
    errors = []
    for frames, motions in track(clips, 'warp', console=Console(stderr=True)):
        shown = [colorize(frame) for frame in frames]
        errors += _errors(shown, motions)
        colors += shown
    spread = contrast(np.stack(colors))
    return float(np.mean(errors)) / spread if spread else float('nan')


def _errors(shown: Sequence[np.ndarray], motions: Sequence[Motion]) -> list[float]:
    return [
        warp_error(earlier, later, motion.source, motion.known)
        for (earlier, later), motion in zip(pairwise(shown), motions, strict=True)
    ]
