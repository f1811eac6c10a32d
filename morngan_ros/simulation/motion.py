"""How the pixels of the street moved from one frame to another."""

from dataclasses import dataclass

import cv2
import numpy as np

from morngan_ros.simulation.canvas import Camera
from morngan_ros.simulation.canvas import Sprite
from morngan_ros.simulation.picture import ScenePicture

#: Pixels beside the border of an object that show both of its sides: the camera blurs and sharpens.
_MARGIN = 3
#: Pixels by which the way there and back may miss where it began.
_TOLERANCE = 1.0


@dataclass(frozen=True, slots=True)
class Motion:
    """How the street moved from an earlier frame to a later one.

    Attributes:
        source: float32 [H, W, 2], x and y in the earlier frame of what each pixel of the later one
            shows; of no meaning where it is not known.
        known: bool [H, W]; false where the earlier frame does not show it, at the borders of what
            moves, and on ground that a running engine warms.
    """

    source: np.ndarray
    known: np.ndarray


def motion_between(camera: Camera, earlier: ScenePicture, later: ScenePicture) -> Motion:
    """Compare two pictures of the same street, as large as each other."""
    source, onward = _source(later, earlier), _source(earlier, later)
    height, width = later.label.shape
    known = np.isfinite(source).all(axis=2)
    columns, rows = np.rint(np.where(known[..., None], source, -1)).astype(int).transpose(2, 0, 1)
    known &= (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    columns, rows = columns.clip(0, width - 1), rows.clip(0, height - 1)
    # What was hidden has another way back, or none.
    offset = source - np.stack([columns, rows], axis=2)
    missed = onward[rows, columns] + offset - _standing(height, width)
    with np.errstate(invalid='ignore'):
        known &= np.hypot(*missed.transpose(2, 0, 1)) < _TOLERANCE
    known &= ~_unsettled(camera, later) & ~_unsettled(camera, earlier)[rows, columns]
    return Motion(source, known)


def _standing(height: int, width: int) -> np.ndarray:
    """Return each pixel's own x and y, float32 [H, W, 2]."""
    return np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=2).astype(np.float32)


def _source(picture: ScenePicture, other: ScenePicture) -> np.ndarray:
    """Tell where the pixels of a picture lie in another, float32 [H, W, 2]; nan for nowhere."""
    source = _standing(*picture.label.shape)
    poses = {thing.key: thing.pose for thing in other.things.values() if thing.trace}
    for number, thing in picture.things.items():
        if thing.trace is None:
            continue
        mine = picture.instance == number
        source[mine] = np.nan
        if thing.key in poses:
            trace = thing.trace(poses[thing.key])
            mine = mine[trace.where]
            source[trace.where][mine] = trace.source()[mine]
    return source


def _unsettled(camera: Camera, picture: ScenePicture) -> np.ndarray:
    """Find the borders of what moves, and ground around running engines: bool [H, W]."""
    movers = {number: thing for number, thing in picture.things.items() if thing.trace}
    owner = np.where(np.isin(picture.instance, list(movers)), picture.instance, 0)
    around = np.ones((2 * _MARGIN + 1, 2 * _MARGIN + 1), np.uint8)
    unsettled = cv2.dilate(owner, around) != cv2.erode(owner, around)
    for thing in movers.values():
        if thing.draw_glow is not None:
            where = Sprite(camera, thing.extent, 1).where
            unsettled[where] |= owner[where] == 0
    result: np.ndarray = unsettled
    return result
