"""Draw surfaces of a street, given in metres, into temperature, depth, class and object maps.

Axes of the world: x to the right, y up, z ahead, in metres from the point of the road under the
camera. Temperatures are apparent ones in degrees Celsius.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

ROAD, SIDEWALK, BUILDING, POLE, LIGHT, SIGN, VEGETATION, SKY, PERSON, CAR = (
    0, 1, 2, 5, 6, 7, 8, 10, 11, 13,
)  # fmt: skip

_NEAR = 0.6
_SUBPIXEL_BITS = 4


@dataclass(frozen=True, slots=True)
class Camera:
    """A level pinhole camera that looks along the street; lengths in pixels but for `eye`."""

    width: int
    height: int
    eye: float = 1.5

    @property
    def focal(self) -> float:
        """Focal length of a 45 degree lens."""
        result: float = self.width / 2 / np.tan(np.radians(22.5))
        return result

    @property
    def horizon(self) -> float:
        """Row of the horizon."""
        return 0.43 * self.height

    def project(self, points: np.ndarray) -> np.ndarray:
        """Project [N, 3] metres to [N, 2] pixels; nothing may lie behind the camera."""
        x, y, z = points.T
        scale = self.focal / z
        return np.stack([self.width / 2 + x * scale, self.horizon + (self.eye - y) * scale], axis=1)

    def rays(self, pixels: np.ndarray) -> np.ndarray:
        """Give the directions [N, 3], 1 m ahead, in which pixels [N, 2] are seen."""
        right, down = (pixels - [self.width / 2, self.horizon]).T / self.focal
        return np.stack([right, -down, np.ones(len(pixels))], axis=1)

    def project_polygon(self, points: np.ndarray) -> np.ndarray:
        """Project a polygon after cutting off what is too near or behind: [M, 2], maybe empty."""
        kept: list[np.ndarray] = []
        for a, b in zip(points, np.roll(points, -1, axis=0), strict=True):
            if a[2] >= _NEAR:
                kept.append(a)
            if (a[2] >= _NEAR) != (b[2] >= _NEAR):
                kept.append(a + (b - a) * (_NEAR - a[2]) / (b[2] - a[2]))
        return self.project(np.array(kept)) if kept else np.zeros((0, 2))


class Sprite:
    """One object alone, drawn finer than the picture's pixels, to be laid onto the picture.

    Attributes:
        temperature: float32 [h, w], 0 where nothing was drawn.
        cover: uint8 [h, w], 1 where something was drawn.
        left: column of the picture where the sprite begins.
        top: row of the picture where the sprite begins.
        width: of the sprite in pixels of the picture.
        height: of the sprite in pixels of the picture.
    """

    def __init__(self, camera: Camera, extent: np.ndarray, fine: int) -> None:
        """Cover what lies inside of the picture of an object with corners `extent`, [N, 2]."""
        size = (camera.width, camera.height)
        low = np.clip(np.floor(extent.min(axis=0)) - 1, 0, size).astype(int)
        high = np.clip(np.ceil(extent.max(axis=0)) + 1, 0, size).astype(int)
        self.camera = camera
        self.left, self.top = low.tolist()
        self.width, self.height = (high - low).tolist()
        self.temperature = np.zeros((self.height * fine, self.width * fine), np.float32)
        self.cover = np.zeros(self.temperature.shape, np.uint8)
        self._fine = fine
        self._origin = low.astype(np.float64)

    @property
    def where(self) -> tuple[slice, slice]:
        """Where the sprite lies in the picture."""
        return (
            slice(self.top, self.top + self.height),
            slice(self.left, self.left + self.width),
        )

    def polygon(self, points: np.ndarray, temperature: float) -> None:
        """Fill a polygon given in metres [N, 3]."""
        pixels = self.camera.project_polygon(points)
        if len(pixels) >= 3:
            self.shapes(pixels[None], np.array([temperature]))

    def shapes(self, pixels: np.ndarray, temperatures: np.ndarray) -> None:
        """Fill polygons given in pixels [K, N, 2], one after the other, each in its warmth [K]."""
        corners = _fixed_point((pixels - self._origin) * self._fine)
        for outline, temperature in zip(corners, temperatures.tolist(), strict=True):
            cv2.fillPoly(self.temperature, [outline], temperature, shift=_SUBPIXEL_BITS)
            cv2.fillPoly(self.cover, [outline], 1, shift=_SUBPIXEL_BITS)


class Canvas:
    """Maps of the whole picture, drawn finer than its pixels.

    Attributes:
        temperature: float32 [h, w].
        depth: float32 [h, w], metres.
        label: uint8 [h, w], Cityscapes trainIds.
        fine: cells of the maps along a side of a pixel.
    """

    def __init__(self, camera: Camera, fine: int) -> None:
        shape = (camera.height * fine, camera.width * fine)
        self.camera = camera
        self.fine = fine
        self.temperature = np.zeros(shape, np.float32)
        self.depth = np.full(shape, np.inf, np.float32)
        self.label = np.full(shape, 255, np.uint8)

    def polygon(self, points: np.ndarray, temperature: float, label: int) -> None:
        """Fill a polygon given in metres [N, 3]; its depth is its mean distance."""
        pixels = self.camera.project_polygon(points)
        if len(pixels) < 3:
            return
        corners = [_fixed_point(pixels * self.fine)]
        for plane, value in (
            (self.temperature, temperature),
            (self.depth, float(points[:, 2].mean())),
            (self.label, label),
        ):
            cv2.fillPoly(plane, corners, float(value), shift=_SUBPIXEL_BITS)

    def line(
        self, pixels: np.ndarray, width: float, temperature: float, label: int, *, depth: float
    ) -> None:
        """Draw a polyline given in pixels [N, 2], `width` pixels thick (at least a cell)."""
        corners = [_fixed_point(pixels * self.fine)]
        thickness = max(1, round(width * self.fine))
        for plane, value in (
            (self.temperature, temperature),
            (self.depth, depth),
            (self.label, label),
        ):
            cv2.polylines(plane, corners, False, float(value), thickness, shift=_SUBPIXEL_BITS)

    def stencil(self, pixels: np.ndarray) -> tuple[tuple[slice, slice], np.ndarray]:
        """Find where a polygon in pixels lies: slices of the maps and a mask of bools in them."""
        height, width = self.label.shape
        if len(pixels) < 3:
            return (slice(0, 0), slice(0, 0)), np.zeros((0, 0), bool)
        cells = pixels * self.fine
        left, top = np.clip(np.floor(cells.min(axis=0)), 0, (width, height)).astype(int)
        right, bottom = np.clip(np.ceil(cells.max(axis=0)) + 1, 0, (width, height)).astype(int)
        mask = np.zeros((max(0, bottom - top), max(0, right - left)), np.uint8)
        if mask.size:
            cv2.fillPoly(mask, [_fixed_point(cells - (left, top))], 1, shift=_SUBPIXEL_BITS)
        return (slice(top, top + mask.shape[0]), slice(left, left + mask.shape[1])), mask > 0

    def warm(self, points: np.ndarray, difference: float) -> None:
        """Make a polygon given in metres [N, 3] warmer, leaving its texture."""
        where, mask = self.stencil(self.camera.project_polygon(points))
        self.temperature[where][mask] += difference

    def paste(self, corners: np.ndarray, texture: np.ndarray, label: int) -> None:
        """Paint a texture onto a quadrangle in metres [4, 3].

        Args:
            corners: top left, top right, bottom right and bottom left corner.
            texture: float32 [h, w] temperatures.
            label: class.
        """
        where, mask = self.stencil(self.camera.project_polygon(corners))
        if not mask.any():
            return
        height, width = texture.shape
        # The camera's matrix maps the plane of the texture, so that corners may be behind it.
        edges = np.stack([corners[1] - corners[0], corners[3] - corners[0], corners[0]], axis=1)
        matrix = np.array(
            [
                [self.camera.focal, 0, self.camera.width / 2],
                [0, -self.camera.focal, self.camera.horizon],
                [0, 0, 1],
            ]
        )
        eye = np.array([0, self.camera.eye, 0])
        edges[:, 2] -= eye
        to_cell = np.diag([self.fine, self.fine, 1.0])
        to_cell[:2, 2] = [-where[1].start, -where[0].start]
        homography = to_cell @ matrix @ edges @ np.diag([1 / width, 1 / height, 1])
        size = mask.shape[::-1]
        rows, columns = np.mgrid[0 : mask.shape[0], 0 : mask.shape[1]]
        back = np.linalg.inv(homography)
        weights = back[2, 0] * columns + back[2, 1] * rows + back[2, 2]
        warped = cv2.warpPerspective(
            texture, homography, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        self.temperature[where][mask] = warped[mask]
        # With the inverse scaled by the homography's own last row, its weight is 1 / depth.
        self.depth[where][mask] = (1 / weights)[mask]
        self.label[where][mask] = label


def noise(
    rng: np.random.Generator, shape: tuple[int, int], cells: Sequence[float], *, wrap: bool = False
) -> np.ndarray:
    """Make smooth noise: the sum of octaves with blobs of the given sizes, larger ones stronger.

    Args:
        rng: source of chance.
        shape: of the result.
        cells: blob sizes in pixels, first the largest; each counts half of the one before.
        wrap: make the pattern go on at the opposite edge.

    Returns:
        float32, mean about 0, standard deviation about 1.
    """
    total = np.zeros(shape, np.float32)
    for octave, cell in enumerate(cells):
        grid = [max(2, round(side / cell)) for side in shape]
        values = rng.standard_normal(grid, dtype=np.float32)
        if wrap:
            values = np.pad(values, 2, mode='wrap')
            full = [
                round(side * n / g) for side, n, g in zip(shape, values.shape, grid, strict=True)
            ]
            large = cv2.resize(values, full[::-1], interpolation=cv2.INTER_CUBIC)
            top, left = ((a - b) // 2 for a, b in zip(full, shape, strict=True))
            layer = large[top : top + shape[0], left : left + shape[1]]
        else:
            layer = cv2.resize(values, shape[::-1], interpolation=cv2.INTER_CUBIC)
        total += layer / 2**octave
    return total / max(float(total.std()), 1e-6)


def rectangle(x: tuple[float, float], z: tuple[float, float], y: float = 0.0) -> np.ndarray:
    """Give the corners [4, 3] of a level rectangle."""
    return np.array([[x[0], y, z[0]], [x[1], y, z[0]], [x[1], y, z[1]], [x[0], y, z[1]]])


def upright(left: float, right: float, low: float, high: float, z: float) -> np.ndarray:
    """Give the corners [4, 3] of an upright rectangle that faces the camera."""
    return np.array([[left, low, z], [right, low, z], [right, high, z], [left, high, z]])


def _fixed_point(cells: np.ndarray) -> np.ndarray:
    """Turn cells counted from their corner into OpenCV's fixed point, counted from the centre."""
    # Far outside is as good as infinitely far, and keeps OpenCV's 32 bits from overflowing.
    inside = np.clip(cells - 0.5, -20_000, 20_000)
    result: np.ndarray = np.round(inside * 2**_SUBPIXEL_BITS).astype(np.int32)
    return result
