"""The part of the simulated street that stands still: sky, houses, trees, road, parked cars."""

from collections.abc import Callable
from collections.abc import Iterator
from itertools import pairwise

import cv2
import numpy as np

from morngan_ros.simulation.canvas import Camera
from morngan_ros.simulation.canvas import Canvas
from morngan_ros.simulation.canvas import LIGHT
from morngan_ros.simulation.canvas import noise
from morngan_ros.simulation.canvas import POLE
from morngan_ros.simulation.canvas import rectangle
from morngan_ros.simulation.canvas import ROAD
from morngan_ros.simulation.canvas import SIDEWALK
from morngan_ros.simulation.canvas import SIGN
from morngan_ros.simulation.canvas import SKY
from morngan_ros.simulation.canvas import upright
from morngan_ros.simulation.canvas import VEGETATION
from morngan_ros.simulation.houses import paint_house
from morngan_ros.simulation.houses import plan_houses
from morngan_ros.simulation.layout import CROSSWALK
from morngan_ros.simulation.layout import LANE_AWAY
from morngan_ros.simulation.layout import LANE_TOWARD
from morngan_ros.simulation.layout import LEFT_KERB
from morngan_ros.simulation.layout import LEFT_WALL
from morngan_ros.simulation.layout import RIGHT_KERB
from morngan_ros.simulation.layout import RIGHT_WALL

# Blobs of the ground: width in metres, how much longer they are along the street, weight.
_GROUND_OCTAVES = ((5.0, 8.0, 0.6), (1.3, 9.0, 0.45), (0.35, 5.0, 0.25), (0.12, 1.5, 0.55))


def paint_street(canvas: Canvas, rng: np.random.Generator) -> None:
    """Paint all that stands still but for cars, from far to near."""
    _paint_sky(canvas, rng)
    _paint_hills(canvas, rng)
    _paint_ground(canvas, rng)
    for house in plan_houses(rng):
        paint_house(canvas, house, rng)
    _paint_wires(canvas)
    for z, paint, x, size in sorted(_furniture(rng), key=lambda thing: -thing[0]):
        paint(canvas, x, z, size, rng)


def _paint_sky(canvas: Canvas, rng: np.random.Generator) -> None:
    """Clear night sky: cold overhead, warmer toward the horizon, with a breath of cloud."""
    camera = canvas.camera
    height, width = canvas.label.shape
    rows = (np.arange(height, dtype=np.float32) + 0.5) / canvas.fine
    elevation = np.degrees(np.arctan2(np.maximum(camera.horizon - rows, 0), camera.focal))
    profile = 0.2 + 4.3 * np.exp(-elevation / 5.0)
    clouds = noise(rng, (height, width), [width / 3, width / 7, width / 16])
    clouds = cv2.GaussianBlur(clouds, (0, 0), width / 200)
    canvas.temperature[:] = profile[:, None] + 0.25 * clouds
    canvas.label[:] = SKY


def _paint_hills(canvas: Canvas, rng: np.random.Generator) -> None:
    """A ridge behind the town and the trees at the end of the street."""
    camera = canvas.camera
    height, width = canvas.label.shape
    for rise, temperature, roughness, cells in (
        (0.085, 5.4, 0.3, [width / 2, width / 5, width / 12]),
        (0.035, 7.0, 1.2, [width / 12, width / 30, width / 60, width / 120]),
    ):
        ridge = noise(rng, (2, width), cells)[0]
        top = camera.horizon - camera.focal * rise * (1 + 0.35 * ridge)
        rows = (np.arange(height) + 0.5)[:, None] / canvas.fine
        mask = (rows > top) & (rows < camera.horizon + 2)
        texture = noise(rng, (height, width), [width / 40, width / 90, width / 200])
        canvas.temperature[mask] = (temperature + roughness * texture)[mask]
        canvas.label[mask] = VEGETATION
        canvas.depth[mask] = 400.0


def _paint_ground(canvas: Canvas, rng: np.random.Generator) -> None:
    """Asphalt with worn wheel tracks, joints and cracks, kerbs and pavements."""
    camera = canvas.camera
    height, width = canvas.label.shape
    rows = (np.arange(height) + 0.5) / canvas.fine
    first = int(np.searchsorted(rows, camera.horizon + 0.25))
    z = (camera.focal * camera.eye / (rows[first:] - camera.horizon))[:, None]
    columns = (np.arange(width) + 0.5) / canvas.fine
    x = (columns - camera.width / 2)[None] * z / camera.focal
    road = (x > LEFT_KERB) & (x < RIGHT_KERB)

    surface = _ground_texture(rng, camera, x, z)
    # Asphalt seen at a glancing angle mirrors the cold sky, so it seems cooler far away.
    asphalt = 7.6 + 5.4 * np.exp(-((z / 28) ** 0.9)) + 0.8 * surface
    for lane in (LANE_AWAY, LANE_TOWARD):
        for side in (-0.8, 0.8):
            asphalt += 0.6 * np.exp(-(((x - lane - side) / 0.28) ** 2))
        asphalt -= 0.7 * np.exp(-(((x - lane) / 0.35) ** 2))
    pavement = 11.6 + 1.6 * np.exp(-z / 25) + 0.6 * surface
    distance = np.minimum(np.abs(x - LEFT_KERB), np.abs(x - RIGHT_KERB))
    kerb = 3.6 * np.exp(-((distance / 0.16) ** 2))

    ground = (slice(first, None), slice(None))
    canvas.temperature[ground] = np.where(road, asphalt, pavement) + kerb
    canvas.label[ground] = np.where(road, ROAD, SIDEWALK)
    canvas.depth[ground] = np.inf
    _mark_ground(canvas, rng)


def _ground_texture(
    rng: np.random.Generator, camera: Camera, x: np.ndarray, z: np.ndarray
) -> np.ndarray:
    """Sample noise of several sizes on the ground, each until it gets finer than a pixel."""
    total = np.zeros(np.broadcast_shapes(x.shape, z.shape), np.float32)
    footprint = z**2 / (camera.focal * camera.eye)
    tile = noise(rng, (512, 512), [32, 14, 6], wrap=True)
    for size, stretch, weight in _GROUND_OCTAVES:
        map_x = np.broadcast_to(x * 32 / size, total.shape) % 512
        map_y = np.broadcast_to(z * 32 / (size * stretch), total.shape) % 512
        layer = cv2.remap(
            tile,
            map_x.astype(np.float32),
            map_y.astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_WRAP,
        )
        fade = np.clip(size * stretch / (3 * footprint), 0, 1)
        total += weight * layer * fade.astype(np.float32)
    return total


def _mark_ground(canvas: Canvas, rng: np.random.Generator) -> None:
    for x in (-7.7, -3.55, 0.3):  # joints of the lanes, filled with warm tar
        canvas.warm(rectangle((x - 0.015, x + 0.015), (1.5, 110)), 2.2)
    for z in (6.5, 11.0, 19.5, 31.0, 52.0):
        canvas.warm(rectangle((LEFT_KERB, RIGHT_KERB), (z, z + 0.05)), 1.8)
    for z in np.arange(4.0, 70.0, 6.0):  # paint: hardly warmer or cooler than the road
        canvas.warm(rectangle((-3.63, -3.5), (z, z + 2.2)), -1.1)
    for x in np.arange(LEFT_KERB + 0.5, RIGHT_KERB - 0.4, 1.1):
        canvas.warm(rectangle((x, x + 0.5), CROSSWALK), -0.75)
    for z in np.arange(3.0, 45.0, 1.5):  # slabs of the pavements
        canvas.warm(rectangle((RIGHT_KERB + 0.15, RIGHT_WALL), (z, z + 0.03)), -1.0)
        canvas.warm(rectangle((LEFT_WALL, LEFT_KERB - 0.15), (z, z + 0.03)), -1.0)
    for _ in range(7):
        _crack(canvas, rng)
    for _ in range(4):  # patches of another asphalt
        x, z = rng.uniform(LEFT_KERB + 1, RIGHT_KERB - 2), rng.uniform(4, 26)
        size = rng.uniform(0.6, 2.2), rng.uniform(1.0, 4.0)
        canvas.warm(rectangle((x, x + size[0]), (z, z + size[1])), rng.uniform(-1.4, 1.2))
    for x, z in ((-2.6, 9.0), (-6.6, 17.0)):
        _manhole(canvas, x, z)
    # Where a parked car left a while ago the asphalt was shielded from the sky.
    canvas.warm(rectangle((-9.7, -8.0), (21.0, 25.0)), 1.6)


def _crack(canvas: Canvas, rng: np.random.Generator) -> None:
    steps = rng.normal(0, 0.14, (24, 2)).cumsum(axis=0) + np.linspace(0, 1, 24)[:, None] * (
        rng.uniform(-3.0, 3.0),
        rng.uniform(-2.5, 5.0),
    )
    start = rng.uniform(LEFT_KERB + 2, RIGHT_KERB - 1), rng.uniform(4.5, 15)
    x = np.clip(steps[:, 0] + start[0], LEFT_KERB + 0.2, RIGHT_KERB - 0.2)
    z = np.maximum(steps[:, 1] + start[1], 2.5)
    outline = np.stack([np.r_[x, x[::-1] + 0.035], np.zeros(48), np.r_[z, z[::-1] + 0.05]], axis=1)
    canvas.warm(outline, rng.choice([-1.9, 1.5]))


def _manhole(canvas: Canvas, x: float, z: float) -> None:
    angle = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    for radius, difference in ((0.42, 2.2), (0.34, -3.4)):
        ring = np.stack(
            [x + radius * np.cos(angle), np.zeros(28), z + radius * np.sin(angle)], axis=1
        )
        canvas.warm(ring, difference)


def _paint_tree(
    canvas: Canvas, x: float, z: float, height: float, rng: np.random.Generator
) -> None:
    """A broad-leaved tree: its leaves have the temperature of the air."""
    camera = canvas.camera
    scale = camera.focal / z
    _paint_trunk(canvas, x, z, 0.55 * height, 0.16, 9.8)
    middle = camera.project(np.array([[x, 0.68 * height, z]]))[0]
    radii = np.array([0.36, 0.34]) * height * scale
    box = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * radii * 1.45 + middle
    where, mask = canvas.stencil(box)
    if mask.size == 0:
        return
    rows, columns = np.mgrid[where]
    position = np.stack([columns, rows], axis=-1) + 0.5
    offset = (position - middle * canvas.fine) / (radii * canvas.fine)
    cell = float(radii[0] * canvas.fine)
    leaves = noise(rng, mask.shape, [cell / 1.6, cell / 3.2, cell / 6, cell / 13, cell / 26])
    edge = np.hypot(offset[..., 0], offset[..., 1]) + 0.17 * leaves
    gaps = noise(rng, mask.shape, [cell / 5, cell / 12, cell / 24])
    crown = (edge < 1) & (gaps + 1.2 * edge < 2.2)
    clumps = noise(rng, mask.shape, [cell / 3, cell / 7])
    twigs = noise(rng, mask.shape, [cell / 14, cell / 28, cell / 56])
    temperature = 6.9 + 0.8 * clumps + 0.8 * twigs + 0.5 * offset[..., 1]
    canvas.temperature[where][crown] = temperature[crown]
    canvas.label[where][crown] = VEGETATION
    canvas.depth[where][crown] = z


def _paint_palm(
    canvas: Canvas, x: float, z: float, height: float, rng: np.random.Generator
) -> None:
    """A palm: a long trunk and a crown of drooping fronds."""
    camera = canvas.camera
    _paint_trunk(canvas, x, z, height, 0.17, 10.2)
    for _ in range(34):
        angle, lift = rng.uniform(0, 2 * np.pi), rng.uniform(-0.5, 1.0)
        reach = rng.uniform(1.3, 1.9)
        along = np.linspace(0, 1, 9)
        spine = np.stack(
            [
                x + reach * along * np.cos(angle),
                height + lift * along - 1.25 * along**2,
                np.full(9, z) + 0.3 * reach * along * np.sin(angle),
            ],
            axis=1,
        )
        temperature = 6.4 + rng.normal(0, 1.2)
        pixels = camera.project(spine)
        width = 0.05 * camera.focal / z
        canvas.line(pixels, width, temperature, VEGETATION, depth=z)
        for step in range(2, 9):  # leaflets hang from the spine
            drop = np.array([rng.normal(0, 0.12), -0.34, 0.0])
            leaflet = camera.project(np.stack([spine[step], spine[step] + drop]))
            canvas.line(leaflet, width * 0.7, temperature + 0.5, VEGETATION, depth=z)


def _paint_hedge(canvas: Canvas, x: float, z: float, size: float, rng: np.random.Generator) -> None:
    """A shrub in front of a house."""
    camera = canvas.camera
    angle = np.linspace(0, np.pi, 26)
    rough = 1 + 0.1 * rng.standard_normal(26)
    outline = np.stack(
        [
            x + size * np.cos(angle) * rough,
            0.75 * size * np.sin(angle) * rough,
            np.full(26, z),
        ],
        axis=1,
    )
    where, mask = canvas.stencil(camera.project_polygon(outline))
    if not mask.any():
        return
    cell = size * camera.focal / z * canvas.fine
    leaves = noise(rng, mask.shape, [cell / 2, cell / 5, cell / 10])
    canvas.temperature[where][mask] = 8.2 + 0.9 * leaves[mask]
    canvas.label[where][mask] = VEGETATION
    canvas.depth[where][mask] = z


def _paint_trunk(
    canvas: Canvas, x: float, z: float, height: float, radius: float, temperature: float
) -> None:
    """An upright cylinder: bands from left to right, warmer in the middle that faces us."""
    edges = np.linspace(-1, 1, 8)
    for left, right in pairwise(edges):
        middle = (left + right) / 2
        band = np.array(
            [
                [x + left * radius, 0.0, z],
                [x + right * radius, 0.0, z],
                [x + 0.75 * right * radius, height, z],
                [x + 0.75 * left * radius, height, z],
            ]
        )
        canvas.polygon(band, temperature + 1.2 * (1 - middle**2) - 0.6, VEGETATION)


def _paint_pole(
    canvas: Canvas, x: float, z: float, height: float, rng: np.random.Generator
) -> None:
    """A street lamp with an arm over the road, some of them with a banner."""
    camera = canvas.camera
    reach = -1.4 if x > 0 else 1.4
    for left, right, temperature in ((-0.075, -0.02, 6.0), (-0.02, 0.05, 8.2), (0.05, 0.075, 6.4)):
        canvas.polygon(upright(x + left, x + right, 0.0, height - 0.2, z), temperature, POLE)
    canvas.polygon(upright(x - 0.14, x + 0.14, 0.0, 0.9, z), 8.6, POLE)
    arm = np.array([[x, height - 0.4, z], [x + reach / 2, height - 0.1, z], [x + reach, height, z]])
    canvas.line(camera.project(arm), 0.08 * camera.focal / z, 6.8, POLE, depth=z)
    lamp = upright(x + reach - 0.28, x + reach + 0.28, height - 0.1, height + 0.06, z)
    canvas.polygon(lamp, 24.0, POLE)
    if rng.random() < 0.5:
        canvas.polygon(upright(x + 0.1, x + 0.7, 3.7, 5.1, z), rng.uniform(4.0, 5.5), SIGN)


def _paint_traffic_light(
    canvas: Canvas, x: float, z: float, height: float, rng: np.random.Generator
) -> None:
    """A signal head on its pole; one lamp is lit."""
    for left, right, temperature in ((-0.06, 0.0, 7.0), (0.0, 0.06, 8.6)):
        canvas.polygon(upright(x + left, x + right, 0.0, height - 0.1, z), temperature, POLE)
    canvas.polygon(upright(x - 0.2, x + 0.2, height - 1.0, height, z), 9.6, LIGHT)
    lit = rng.integers(3)
    for lens in range(3):
        middle = height - 0.2 - 0.3 * lens
        disc = _disc(x, middle, z, 0.11, corners=14)
        canvas.polygon(disc, 18.0 if lens == lit else 8.0, LIGHT)


def _paint_sign(
    canvas: Canvas, x: float, z: float, height: float, rng: np.random.Generator
) -> None:
    """An octagonal plate that mirrors the sky."""
    canvas.polygon(upright(x - 0.03, x + 0.03, 0.0, height, z), 8.0, POLE)
    canvas.polygon(_disc(x, height, z, 0.36, corners=8), rng.uniform(3.0, 4.5), SIGN)


def _disc(x: float, y: float, z: float, radius: float, *, corners: int) -> np.ndarray:
    angle = 2 * np.pi * (np.arange(corners) + 0.5) / corners
    return np.stack(
        [x + radius * np.cos(angle), y + radius * np.sin(angle), np.full(corners, z)], axis=1
    )


def _paint_wires(canvas: Canvas) -> None:
    """Cables that hang from side to side, faint against the sky."""
    camera = canvas.camera
    along = np.linspace(0, 1, 20)
    for start, end in (
        ((-12.5, 8.2, 24.0), (5.5, 7.6, 24.0)),
        ((-12.5, 8.2, 24.0), (-12.5, 8.2, 95.0)),
        ((-12.5, 7.7, 24.0), (-12.5, 7.7, 95.0)),
    ):
        points = np.array(start) + along[:, None] * (np.array(end) - np.array(start))
        points[:, 1] -= 1.2 * (1 - (2 * along - 1) ** 2)
        canvas.line(camera.project(points), 0.5, 3.0, SKY, depth=24.0)


_Paint = Callable[[Canvas, float, float, float, np.random.Generator], None]


def _furniture(rng: np.random.Generator) -> Iterator[tuple[float, _Paint, float, float]]:
    """Place what stands along the street: distance, how to paint it, x, height; in any order."""
    for z in np.arange(15.0, 130.0, 16.0):
        yield z + rng.uniform(-1, 1), _paint_pole, RIGHT_KERB + 0.6, 6.8
        yield z + 6 + rng.uniform(-1, 1), _paint_pole, LEFT_KERB - 0.6, 6.8
    for z in np.arange(21.0, 135.0, 9.0):
        for x in (RIGHT_KERB + 1.0, LEFT_KERB - 1.0):
            if rng.random() < 0.2:
                continue
            place = z + rng.uniform(-2, 2), x + rng.uniform(-0.3, 0.3)
            if rng.random() < 0.4:
                yield place[0], _paint_palm, place[1], rng.uniform(7.5, 11.5)
            else:
                yield place[0], _paint_tree, place[1], rng.uniform(5.0, 8.5)
    for z in np.arange(9.0, 80.0, 4.5):
        for x in (RIGHT_WALL - 0.5, LEFT_WALL + 0.5):
            if rng.random() < 0.45:
                yield z + rng.uniform(-1, 1), _paint_hedge, x, rng.uniform(0.4, 0.7)
    yield CROSSWALK[0] - 0.6, _paint_traffic_light, RIGHT_KERB + 0.5, 3.4
    yield CROSSWALK[1] + 0.6, _paint_traffic_light, LEFT_KERB - 0.5, 3.4
    yield 27.0, _paint_sign, RIGHT_KERB + 0.5, 2.4
