"""Where each pixel of something that moves was a moment before."""

from collections.abc import Callable

import numpy as np

from morngan_ros.simulation import movers as movers
from morngan_ros.simulation.canvas import Camera
from morngan_ros.simulation.canvas import Sprite

_Way = Callable[[np.ndarray], np.ndarray]
"""From pixels [N, 2] to where they were, [N, 2]."""


class Trace(Sprite):
    """An object alone whose shapes know where they were, instead of how warm they are."""

    def __init__(self, camera: Camera, extent: np.ndarray, step: np.ndarray) -> None:
        """Begin an object, see `Sprite`, whose faces came along by `step`, [3] metres."""
        super().__init__(camera, extent, fine=1)
        self._step = step
        self._ways: list[_Way] = []

    def polygon(self, points: np.ndarray, temperature: float) -> None:
        """Trace a flat face given in metres [N, 3]; its temperature does not matter."""
        outline = self.camera.project_polygon(points)
        if len(outline) < 3:
            return
        eye = np.array([0.0, self.camera.eye, 0.0])
        # The face lies where plane @ (point - eye) is 1.
        plane = np.linalg.lstsq(points - eye, np.ones(len(points)))[0]

        def earlier(pixels: np.ndarray) -> np.ndarray:
            rays = self.camera.rays(pixels)
            return self.camera.project(eye + rays / (rays @ plane)[:, None] - self._step)

        self._add(outline, earlier)

    def deformed(self, outline: np.ndarray, before: np.ndarray) -> None:
        """Trace a shape of pixels [N, 2] whose corners were elsewhere before, [N, 2]."""
        affine = np.linalg.lstsq(np.column_stack([outline, np.ones(len(outline))]), before)[0]
        self._add(outline, lambda pixels: pixels @ affine[:2] + affine[2])

    def _add(self, outline: np.ndarray, way: _Way) -> None:
        self._ways.append(way)
        # The number of the way takes the place of a temperature.
        self.shapes(outline[None], np.array([len(self._ways)]))

    def source(self) -> np.ndarray:
        """Return x and y of where each pixel was, float32 [h, w, 2]; nan outside of the object."""
        source = np.full((self.height, self.width, 2), np.nan, np.float32)
        for number, way in enumerate(self._ways, 1):
            rows, columns = np.nonzero(self.temperature == number)
            # Shapes are counted from the corner of a pixel, maps from its centre.
            pixels = np.stack([columns + self.left, rows + self.top], axis=1) + 0.5
            source[rows, columns] = way(pixels) - 0.5
        return source


def trace_car(
    camera: Camera, extent: np.ndarray, car: movers.Car, now: movers.Pose, before: movers.Pose
) -> Trace:
    """Trace a car: a rigid body."""
    trace = Trace(camera, extent, np.array([now.x - before.x, 0.0, now.z - before.z]))
    movers.draw_car(trace, car, now.x, now.z)
    return trace


def trace_walker(
    camera: Camera, extent: np.ndarray, walker: movers.Walker, now: movers.Pose, before: movers.Pose
) -> Trace:
    """Trace a walker limb by limb; of one who has turned round nothing is known."""
    trace = Trace(camera, extent, np.zeros(3))
    if now.heading != before.heading:
        return trace
    ends, radii, _ = movers.walker_capsules(walker, now)
    earlier_ends, earlier_radii, _ = movers.walker_capsules(walker, before)
    outlines = movers.capsule_outlines(*movers.project_capsules(camera, ends, radii))
    earlier = movers.capsule_outlines(*movers.project_capsules(camera, earlier_ends, earlier_radii))
    for limb in movers.far_to_near(ends):
        trace.deformed(outlines[limb], earlier[limb])
    return trace
