"""The houses of the simulated street: facades with windows and shops, and roofs."""

from dataclasses import dataclass

import cv2
import numpy as np

from morngan_ros.simulation.canvas import BUILDING
from morngan_ros.simulation.canvas import Canvas
from morngan_ros.simulation.canvas import noise
from morngan_ros.simulation.layout import LEFT_WALL
from morngan_ros.simulation.layout import RIGHT_WALL

_FACADE_PIXELS_PER_METRE = 28


@dataclass(frozen=True, slots=True)
class House:
    """A house along the street: the side it stands on, its length and its looks."""

    right: bool
    near: float
    far: float
    height: float
    temperature: float
    arcade: bool
    pitched: bool

    @property
    def wall(self) -> float:
        """Where its front stands."""
        return RIGHT_WALL if self.right else LEFT_WALL


def plan_houses(rng: np.random.Generator) -> list[House]:
    """Line both sides with houses, with gaps between some of them; the farthest first."""
    houses = []
    for right in (False, True):
        z = 3.0 if right else 8.0
        while z < 105:
            length = rng.uniform(11, 19)
            houses.append(
                House(
                    right=right,
                    near=z,
                    far=z + length,
                    height=rng.choice([4.4, 6.8, 7.4, 9.6]) + rng.uniform(0, 0.6),
                    temperature=rng.uniform(7.6, 9.8),
                    arcade=bool(rng.random() < 0.45),
                    pitched=bool(rng.random() < 0.55),
                )
            )
            z += length + (rng.uniform(3, 8) if rng.random() < 0.5 else 0.0)
    return sorted(houses, key=lambda house: -house.near)


def paint_house(canvas: Canvas, house: House, rng: np.random.Generator) -> None:
    """Front and end wall with windows, and a roof that faces the cold sky."""
    outer = house.wall + (10.0 if house.right else -10.0)
    _paint_roof(canvas, house, outer, rng)
    end = np.array(
        [
            [house.wall, house.height, house.near],
            [outer, house.height, house.near],
            [outer, 0.0, house.near],
            [house.wall, 0.0, house.near],
        ]
    )
    texture = _facade(rng, 10.0, house, ground_floor=False)
    canvas.paste(end, texture - 0.8, BUILDING)
    front = np.array(
        [
            [house.wall, house.height, house.near],
            [house.wall, house.height, house.far],
            [house.wall, 0.0, house.far],
            [house.wall, 0.0, house.near],
        ]
    )
    canvas.paste(front, _facade(rng, house.far - house.near, house, ground_floor=True), BUILDING)


def _paint_roof(canvas: Canvas, house: House, outer: float, rng: np.random.Generator) -> None:
    toward_street = -0.45 if house.right else 0.45
    if not house.pitched:
        ledge = np.array(
            [
                [house.wall + toward_street / 2, house.height + 0.5, house.near],
                [house.wall + toward_street / 2, house.height + 0.5, house.far],
                [house.wall + toward_street / 2, house.height, house.far],
                [house.wall + toward_street / 2, house.height, house.near],
            ]
        )
        canvas.polygon(ledge, house.temperature + 0.9, BUILDING)
        gable = np.array(
            [
                [house.wall, house.height + 0.5, house.near],
                [outer, house.height + 0.5, house.near],
                [outer, house.height, house.near],
                [house.wall, house.height, house.near],
            ]
        )
        canvas.polygon(gable, house.temperature + 0.2, BUILDING)
        return
    middle = (house.wall + outer) / 2
    ridge = house.height + 1.7
    gable = np.array(
        [
            [house.wall, house.height, house.near],
            [middle, ridge, house.near],
            [outer, house.height, house.near],
        ]
    )
    eaves = house.wall + toward_street
    slope = np.array(
        [
            [middle, ridge, house.near - 0.3],
            [middle, ridge, house.far + 0.3],
            [eaves, house.height - 0.1, house.far + 0.3],
            [eaves, house.height - 0.1, house.near - 0.3],
        ]
    )
    length = house.far - house.near
    tiles = np.full((96, max(8, round(length * 16))), 5.0, np.float32)
    tiles += 0.7 * noise(rng, tiles.shape, [60, 20, 6])
    tiles[:, ::5] += 1.5
    tiles[::8] -= 1.0
    canvas.paste(slope, tiles, BUILDING)
    canvas.polygon(gable, house.temperature - 1.0, BUILDING)


def _facade(
    rng: np.random.Generator, length: float, house: House, *, ground_floor: bool
) -> np.ndarray:
    """Draw a wall seen straight on: float32 temperatures, top row first."""
    k = _FACADE_PIXELS_PER_METRE
    height, width = round(house.height * k), round(length * k)
    storeys = max(1, round(house.height / 3.3))
    storey = height / storeys
    wall = np.full((height, width), house.temperature, np.float32)
    wall += 0.5 * noise(rng, wall.shape, [k * 3, k, k / 3, k / 8])
    _lay_bricks(wall, rng)
    wall += np.linspace(-0.9, 1.6, height, dtype=np.float32)[:, None]  # warm from the ground
    wall[: round(0.25 * k)] += 1.1
    for floor in range(storeys):
        top = floor * storey
        lowest = floor == storeys - 1
        cv2.rectangle(wall, (0, round(top)), (width, round(top + 0.12 * k)), house.temperature + 1)
        if lowest and ground_floor:
            _paint_shops(wall, rng, round(top), height, house)
        else:
            _paint_windows(wall, rng, top, storey, house.temperature)
    return wall


def _lay_bricks(wall: np.ndarray, rng: np.random.Generator) -> None:
    """Show the courses of the masonry and the piers between the windows."""
    k = _FACADE_PIXELS_PER_METRE
    course = round(rng.choice([0.3, 0.45]) * k)
    wall[::course] -= 0.45
    for row in range(0, wall.shape[0], course):
        start = round(rng.uniform(0, 0.9 * k))
        wall[row : row + course, start :: round(0.9 * k)] -= 0.35
    for x in range(0, wall.shape[1], round(rng.uniform(3.5, 6.0) * k)):
        wall[:, x : x + round(0.35 * k)] += 0.8


def _paint_windows(
    wall: np.ndarray, rng: np.random.Generator, top: float, storey: float, temperature: float
) -> None:
    k = _FACADE_PIXELS_PER_METRE
    pitch = rng.uniform(2.2, 3.2) * k
    for x in np.arange(0.5 * pitch, wall.shape[1] - 0.4 * pitch, pitch):
        left, right = round(x - 0.5 * k), round(x + 0.5 * k)
        upper, lower = round(top + 0.28 * storey), round(top + 0.82 * storey)
        frame = round(0.1 * k)
        cv2.rectangle(
            wall,
            (left - frame, upper - frame),
            (right + frame, lower + frame),
            temperature + 1.9,
            -1,
        )
        lit = rng.random() < 0.22
        glass = temperature + (rng.uniform(2.5, 5.5) if lit else rng.uniform(-2.8, -1.0))
        cv2.rectangle(wall, (left, upper), (right, lower), glass, -1)
        cv2.line(wall, (round(x), upper), (round(x), lower), temperature + 1.0, 2)
        middle = (upper + lower) // 2
        cv2.line(wall, (left, middle), (right, middle), temperature + 0.8, 2)


def _paint_shops(
    wall: np.ndarray, rng: np.random.Generator, top: int, bottom: int, house: House
) -> None:
    k = _FACADE_PIXELS_PER_METRE
    pitch = rng.uniform(3.0, 4.2) * k
    for x in np.arange(0.6 * pitch, wall.shape[1] - 0.5 * pitch, pitch):
        half = 0.34 * pitch
        lintel = round(top + 0.34 * (bottom - top))
        inside = house.temperature + (rng.uniform(3.0, 7.0) if rng.random() < 0.55 else -0.8)
        corner, opposite = (round(x - half), lintel), (round(x + half), bottom)
        if house.arcade:
            axes = (round(half), round(0.6 * half))
            cv2.ellipse(wall, (round(x), lintel), axes, 0, 180, 360, inside - 0.7, -1)
            cv2.ellipse(wall, (round(x), lintel), axes, 0, 180, 360, house.temperature + 2.6, 3)
        cv2.rectangle(wall, corner, opposite, inside, -1)
        cv2.rectangle(wall, corner, opposite, house.temperature + 2.2, 3)
        cv2.line(wall, (round(x), lintel), (round(x), bottom), house.temperature + 1.5, 3)
        shade = np.linspace(0, -2.0, 2)
        for step, cooler in enumerate(shade):  # a sill and a counter behind the glass
            row = round(bottom - (0.7 + 0.5 * step) * k)
            cv2.line(wall, (corner[0], row), (opposite[0], row), inside + float(cooler), 2)
