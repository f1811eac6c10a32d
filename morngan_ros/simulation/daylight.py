"""What the simulated street looks like by day: a rough painting, for training.

Colours follow from the class of each pixel, and their shades from the warmth beside that of the
surroundings. It teaches a generator that roads are grey, not what asphalt looks like.
"""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

from morngan_ros.simulation.canvas import BUILDING
from morngan_ros.simulation.canvas import Camera
from morngan_ros.simulation.canvas import CAR
from morngan_ros.simulation.canvas import LIGHT
from morngan_ros.simulation.canvas import PERSON
from morngan_ros.simulation.canvas import POLE
from morngan_ros.simulation.canvas import ROAD
from morngan_ros.simulation.canvas import SIDEWALK
from morngan_ros.simulation.canvas import SIGN
from morngan_ros.simulation.canvas import SKY
from morngan_ros.simulation.canvas import VEGETATION
from morngan_ros.simulation.thermal_scene import Scene

_ZENITH, _HAZE = (118, 168, 224), (206, 222, 238)
_TRUNK, _LEAVES = (104, 84, 66), (78, 104, 54)
_GLASS, _TYRE = (58, 66, 78), (36, 36, 38)
_SKIN, _HAIR = (206, 164, 140), (52, 42, 36)
_WALLS = (
    (178, 152, 124), (158, 104, 84), (196, 186, 170), (146, 134, 124), (190, 166, 132),
)  # fmt: skip
_PAINTS = ((188, 190, 194), (226, 226, 224), (70, 74, 82), (136, 44, 42), (66, 84, 124))
_JACKETS = ((150, 60, 54), (64, 86, 130), (86, 96, 74), (168, 150, 122), (70, 66, 72))
_TROUSERS = ((52, 58, 78), (70, 64, 60), (92, 88, 84))


class _Surface(NamedTuple):
    color: tuple[int, int, int]
    shade: float
    """How much brighter each degree above the surroundings makes it."""


_SURFACES = {
    ROAD: _Surface((112, 111, 112), 2.0),
    SIDEWALK: _Surface((160, 154, 146), 3.0),
    VEGETATION: _Surface(_LEAVES, -9.0),
    POLE: _Surface((92, 94, 94), 0.0),
    LIGHT: _Surface((52, 52, 46), 0.0),
    SIGN: _Surface((196, 192, 186), 0.0),
}

_WARM_TRUNK = 9.3
"""Degrees Celsius from which on vegetation is bark."""

_WINDOW = 1.3
"""Degrees by which a pane differs from its wall, either way."""

_WARM_SKIN = 20.0
_COLD_PANE = 4.9


def daylight(scene: Scene, seed: int) -> np.ndarray:
    """Paint a frame of the street as it would look by day.

    Args:
        scene: The frame.
        seed: Of the street: chooses the colours of walls, cars and clothes.

    Returns:
        uint8 [H, W, 3] RGB.
    """
    rng = np.random.default_rng([seed, 1])
    height, width = scene.mask.shape
    color = np.full((height, width, 3), 120, np.float32)
    relief = scene.temperature - cv2.GaussianBlur(scene.temperature, (0, 0), width / 40)
    for surface, (base, shade) in _SURFACES.items():
        here = scene.mask == surface
        color[here] = base + shade * relief[here][:, None]
    color[(scene.mask == VEGETATION) & (scene.temperature > _WARM_TRUNK)] = _TRUNK
    _paint_sky(color, scene.mask == SKY)
    _paint_walls(color, scene.mask == BUILDING, relief, rng)
    for label, *corners in scene.boxes:
        x1, y1, x2, y2 = (round(corner) for corner in corners)
        where = slice(y1, y2), slice(x1, x2)
        painter = _PAINTERS[label]
        inside: np.ndarray = scene.mask[where] == painter.label
        painter.paint(color[where], inside, scene.temperature[where], rng)
    return np.clip(color, 0, 255).astype(np.uint8)


def _paint_sky(color: np.ndarray, sky: np.ndarray) -> None:
    height, width = sky.shape
    rows = (np.arange(height) / Camera(width, height).horizon).clip(0, 1)[:, None]
    gradient = (1 - rows) * np.array(_ZENITH) + rows * np.array(_HAZE)
    color[sky] = np.broadcast_to(gradient[:, None], color.shape)[sky]


def _paint_walls(
    color: np.ndarray, walls: np.ndarray, relief: np.ndarray, rng: np.random.Generator
) -> None:
    """Give each side of the street a colour, and make panes dark."""
    middle = color.shape[1] // 2
    for side in (slice(0, middle), slice(middle, None)):
        here = walls[:, side]
        base = np.array(_WALLS[rng.integers(len(_WALLS))])
        color[:, side][here] = base + 6.0 * relief[:, side][here][:, None]
    color[walls & (np.abs(relief) > _WINDOW)] = _GLASS


def _paint_car(
    color: np.ndarray, car: np.ndarray, temperature: np.ndarray, rng: np.random.Generator
) -> None:
    color[car] = _PAINTS[rng.integers(len(_PAINTS))]
    height = len(color)
    upper, lower = slice(0, round(0.5 * height)), slice(round(0.8 * height), None)
    color[upper][car[upper] & (temperature[upper] < _COLD_PANE)] = _GLASS
    color[lower][car[lower]] = _TYRE


def _paint_person(
    color: np.ndarray, person: np.ndarray, temperature: np.ndarray, rng: np.random.Generator
) -> None:
    jacket, trousers = (palette[rng.integers(len(palette))] for palette in (_JACKETS, _TROUSERS))
    height = len(color)
    head, waist = round(0.14 * height), round(0.52 * height)
    color[person] = jacket
    color[:head][person[:head]] = _HAIR
    color[waist:][person[waist:]] = trousers
    color[person & (temperature > _WARM_SKIN)] = _SKIN


class _Painter(NamedTuple):
    label: int
    paint: Callable[[np.ndarray, np.ndarray, np.ndarray, np.random.Generator], None]


_PAINTERS = {'car': _Painter(CAR, _paint_car), 'person': _Painter(PERSON, _paint_person)}
