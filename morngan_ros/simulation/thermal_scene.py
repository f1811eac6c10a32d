"""A simulated night street in long-wave infrared, with ground truth.

It gives what a 14-bit thermal camera that stands at the kerb would see, so that the whole system
can be tried without a camera and without anybody's data.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import replace
from functools import partial

import cv2
import numpy as np

from morngan_ros.simulation import layout
from morngan_ros.simulation import movers as movers
from morngan_ros.simulation.canvas import Camera
from morngan_ros.simulation.canvas import Canvas
from morngan_ros.simulation.motion import Motion
from morngan_ros.simulation.motion import motion_between
from morngan_ros.simulation.picture import Box
from morngan_ros.simulation.picture import FINE
from morngan_ros.simulation.picture import ScenePicture
from morngan_ros.simulation.picture import Thing
from morngan_ros.simulation.street import paint_street
from morngan_ros.simulation.trace import trace_car
from morngan_ros.simulation.trace import trace_walker

# Counts of the camera: at 0 degrees, and for one degree more.
_COUNTS_AT_ZERO = 7600.0
_COUNTS_PER_DEGREE = 42.0
_FULL_SCALE = 2**14 - 1
# In degrees: noise of a pixel in time, of a pixel and of a column in place.
_SHOT_NOISE = 0.06
_PIXEL_PATTERN = 0.06
_COLUMN_PATTERN = 0.05
# Thermal cameras sharpen their picture; one that does not looks dull beside them.
_DETAIL = 0.6

# The lights let cars pass the crosswalk, then walkers; seconds.
_CYCLE = 26.0
_START = 10.5
_CAR_SPEED = 9.0
_SIGHT = 120.0
# Of the walkers, the first so many cross the street; the others stroll.
_CROSSING = 3


@dataclass(frozen=True, slots=True)
class Scene:
    """One frame of the street.

    Attributes:
        counts: uint16 [H, W], 0 to 16383.
        boxes: label, x1, y1, x2, y2 in pixels around what can be seen of each car and person.
        mask: uint8 [H, W], Cityscapes trainIds, 255 where there is nothing to say.
        temperature: float32 [H, W], degrees Celsius, without the faults of the camera.
    """

    counts: np.ndarray
    boxes: list[Box]
    mask: np.ndarray
    temperature: np.ndarray


class ThermalScene:
    """A street that the same seed always builds and moves in the same way.

    Standing things are drawn once; a frame draws what moves and adds the camera's faults.
    """

    def __init__(self, width: int = 640, height: int = 512, seed: int = 0) -> None:
        """Build the street.

        Args:
            width: of the picture in pixels, at least 64.
            height: of the picture in pixels, at least 64.
            seed: what the street looks like, 0 or more.

        Raises:
            ValueError: an argument is too small.
        """
        if min(width, height) < 64 or seed < 0:
            raise ValueError(
                f'a scene is at least 64x64 with a seed of 0 or more, got {width}x{height}, {seed}'
            )
        self._camera = Camera(width, height)
        self._seed = seed
        rng = np.random.default_rng(seed)
        self._background = _build_background(self._camera, rng)
        self._pattern = _sensor_pattern(height, width, rng)
        self._cars = _cast_cars(rng)
        self._walkers = [movers.random_walker(rng) for _ in range(9)]
        self._ways = rng.uniform(0, 1, (len(self._walkers), 3))

    def render(self, t: float) -> Scene:
        """Take the frame at `t` seconds; the same `t` gives the same frame."""
        picture = self._paint(t)
        boxes = list(picture.boxes())
        counts = self._sense(picture.temperature, t)
        return Scene(counts, boxes, picture.label, picture.temperature)

    def motion(self, earlier: float, later: float) -> Motion:
        """Tell how the pixels of the frame at `later` seconds moved since the one at `earlier`."""
        return motion_between(self._camera, self._paint(earlier), self._paint(later))

    def _paint(self, t: float) -> ScenePicture:
        picture = self._background.copy()
        picture.add(self._camera, self._movers(t))
        return picture

    def _movers(self, t: float) -> Iterator[Thing]:
        yield from self._driving(t)
        yield from self._crossing(t)
        yield from self._strolling(t)

    def _driving(self, t: float) -> Iterator[Thing]:
        phase = (t + _START) % _CYCLE
        for k, (car, x, delay) in enumerate(self._cars):
            driven = _CAR_SPEED * ((phase - delay) % _CYCLE)
            if driven > _SIGHT:
                continue
            z = driven - 3.0 if car.away else _SIGHT - driven
            yield _driven(self._camera, car, movers.Pose(x, z), f'car {k}')

    def _crossing(self, t: float) -> Iterator[Thing]:
        """Walk over the crosswalk while the cars wait, in both directions."""
        phase = (t + _START) % _CYCLE
        span = layout.RIGHT_KERB - layout.LEFT_KERB + 4
        for k in range(_CROSSING):
            walked = (phase - 8.0 - 1.1 * self._ways[k, 0]) * (1.2 + 0.25 * self._ways[k, 1])
            if not 0 < walked < span:
                continue
            to_right = k % 2 == 0
            x = layout.LEFT_KERB - 2 + walked if to_right else layout.RIGHT_KERB + 2 - walked
            z = 13.6 + 0.9 * k
            yield self._walking(k, x, z, np.pi / 2 if to_right else -np.pi / 2, walked)

    def _strolling(self, t: float) -> Iterator[Thing]:
        """Walk up and down the pavements without end."""
        for k in range(_CROSSING, len(self._walkers)):
            on_right = k % 3 != 0
            near, far = (7.0, 42.0) if on_right else (17.0, 60.0)
            walked = (1.1 + 0.4 * self._ways[k, 0]) * t + 2 * (far - near) * self._ways[k, 1]
            turn = walked % (2 * (far - near))
            away = turn < far - near
            z = near + turn if away else far - (turn - (far - near))
            low, high = (
                (layout.RIGHT_KERB + 1.4, layout.RIGHT_WALL - 1.3)
                if on_right
                else (layout.LEFT_WALL + 1.2, layout.LEFT_KERB - 1.4)
            )
            x = low + (high - low) * self._ways[k, 2]
            yield self._walking(k, x, z, 0.0 if away else np.pi, walked)

    def _walking(self, k: int, x: float, z: float, heading: float, walked: float) -> Thing:
        walker = self._walkers[k]
        pose = movers.Pose(x, z, heading, 2 * np.pi * walked / (0.8 * walker.height))
        extent = movers.walker_extent(walker, self._camera, x, z)
        draw = partial(movers.draw_walker, walker=walker, pose=pose)
        trace = partial(trace_walker, self._camera, extent, walker, pose)
        return Thing('person', pose, extent, draw, key=f'walker {k}', trace=trace)

    def _sense(self, temperature: np.ndarray, t: float) -> np.ndarray:
        """Look through the camera: blur, enhanced detail, patterns, drift, noise, 14 bits."""
        image: np.ndarray = cv2.GaussianBlur(
            temperature, (0, 0), 0.3 + 0.35 * self._camera.width / 640
        )
        image = image + _DETAIL * (image - cv2.blur(image, (5, 5)))
        rng = np.random.default_rng([self._seed, round(t * 1e6) % 2**63])
        image += self._pattern
        image += _SHOT_NOISE * rng.standard_normal(image.shape, dtype=np.float32)
        drift = 0.6 * np.sin(2 * np.pi * t / 140) + 0.15 * np.sin(2 * np.pi * t / 23)
        counts = image * _COUNTS_PER_DEGREE + (_COUNTS_AT_ZERO + drift * _COUNTS_PER_DEGREE)
        result: np.ndarray = np.clip(np.rint(counts), 0, _FULL_SCALE).astype(np.uint16)
        return result


def _car(camera: Camera, car: movers.Car, pose: movers.Pose) -> Thing:
    extent = movers.car_extent(car, camera, pose.x, pose.z)
    draw = partial(movers.draw_car, car=car, x=pose.x, z=pose.z)
    glow = partial(movers.draw_glow, x=pose.x, z=pose.z) if car.running else None
    return Thing('car', pose, extent, draw, glow)


def _driven(camera: Camera, car: movers.Car, pose: movers.Pose, key: str) -> Thing:
    thing = _car(camera, car, pose)
    return replace(thing, key=key, trace=partial(trace_car, camera, thing.extent, car, pose))


def _build_background(camera: Camera, rng: np.random.Generator) -> ScenePicture:
    """Paint all that stands still, from far to near, and bring it to the picture's size."""
    canvas = Canvas(camera, FINE)
    paint_street(canvas, rng)
    size = (camera.width, camera.height)
    middle = slice(FINE // 2, None, FINE)
    picture = ScenePicture(
        temperature=cv2.resize(canvas.temperature, size, interpolation=cv2.INTER_AREA),
        depth=canvas.depth[middle, middle].copy(),
        label=canvas.label[middle, middle].copy(),
        instance=np.zeros((camera.height, camera.width), np.uint8),
        things={},
    )
    picture.add(camera, _parked(camera, rng))
    return picture


def _parked(camera: Camera, rng: np.random.Generator) -> Iterator[Thing]:
    """Park cars along both kerbs."""
    for x, start, chance in ((1.5, 19.0, 0.75), (-8.9, 26.0, 0.7)):
        for z in np.arange(start, 95.0, 6.2):
            if rng.random() < chance:
                car = movers.Car(bool(rng.random() < 0.4), x > 0, False, float(rng.normal(0, 0.7)))
                x_car = x + float(rng.uniform(-0.1, 0.1))
                yield _car(camera, car, movers.Pose(x_car, float(z + rng.uniform(-0.3, 0.3))))


def _cast_cars(rng: np.random.Generator) -> list[tuple[movers.Car, float, float]]:
    """Choose the cars that drive: looks, lane, and when in the cycle each of them starts."""
    cast = []
    # Those that come toward us start so early that they too pass the crosswalk in its first
    # seconds, when nobody walks there.
    for away, delay in ((True, 0.0), (True, 3.2), (False, 14.2), (False, 17.0)):
        car = movers.Car(bool(rng.random() < 0.5), away, True, float(rng.normal(0, 0.6)))
        x = layout.LANE_AWAY if away else layout.LANE_TOWARD
        cast.append((car, x, delay + float(rng.uniform(0, 0.8))))
    return cast


def _sensor_pattern(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """What the camera adds to every frame: pixel and column offsets, darker corners."""
    pattern: np.ndarray = _PIXEL_PATTERN * rng.standard_normal((height, width), dtype=np.float32)
    pattern += _COLUMN_PATTERN * rng.standard_normal((1, width), dtype=np.float32)
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    result: np.ndarray = (pattern - 0.5 * (x**2 + y**2)).astype(np.float32)
    return result
