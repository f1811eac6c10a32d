"""Cars and walkers of the simulated street: their shapes, their warmth, their ways."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from morngan_ros.simulation.canvas import Camera
from morngan_ros.simulation.canvas import rectangle
from morngan_ros.simulation.canvas import Sprite
from morngan_ros.simulation.canvas import upright

# Side view of a car from its tail to its nose: along, height (both in metres), half width.
_SEDAN = (
    (0.00, 0.32, 0.84), (0.00, 0.72, 0.87), (0.08, 0.98, 0.85), (0.62, 1.04, 0.80),
    (1.35, 1.43, 0.60), (2.50, 1.46, 0.60), (3.35, 1.02, 0.78), (4.30, 0.82, 0.82),
    (4.48, 0.66, 0.84), (4.50, 0.30, 0.83),
)  # fmt: skip
_SUV = (
    (0.00, 0.36, 0.90), (0.00, 0.80, 0.93), (0.04, 1.10, 0.92), (0.10, 1.14, 0.88),
    (0.45, 1.68, 0.72), (2.75, 1.74, 0.70), (3.40, 1.18, 0.84), (4.45, 1.02, 0.88),
    (4.66, 0.82, 0.90), (4.68, 0.36, 0.89),
)  # fmt: skip
_WHEELS = (0.86, 3.62)
_WHEEL_RADIUS = 0.33
_STRIPS = 3

# Angles of the first end's half circle, then of the second's, from the direction between them.
_HALF_CIRCLES = np.linspace(np.pi / 2, 3 * np.pi / 2, 8)
_HALF_CIRCLES = np.concatenate([_HALF_CIRCLES, _HALF_CIRCLES + np.pi])
# How wide the shells of a limb are, and how much cooler than its middle.
_SHELLS = ((1.0, 2.6), (0.74, 0.9), (0.42, 0.0))


@dataclass(frozen=True, slots=True)
class Car:
    """A car and its looks; it stands or drives on a line along the street."""

    suv: bool
    away: bool  # whether we see its tail
    running: bool
    paint: float  # degrees by which its metal differs from that of other cars


@dataclass(frozen=True, slots=True)
class Walker:
    """A walker and the warmth of what he or she wears."""

    height: float
    skin: float
    hair: float
    jacket: float
    trousers: float
    shoes: float
    girth: float


@dataclass(frozen=True, slots=True)
class Pose:
    """Where something that moves is, and how.

    Attributes:
        x: to the right, metres; of a car's middle line.
        z: ahead, metres; of a car's nearest end.
        heading: direction of walking in radians; 0 is away from us, pi / 2 to the right.
        phase: of the stride in radians; 2 pi is two steps.
    """

    x: float
    z: float
    heading: float = 0.0
    phase: float = 0.0


def random_walker(rng: np.random.Generator) -> Walker:
    """Dress somebody."""
    return Walker(
        height=float(rng.uniform(1.58, 1.88)),
        skin=float(rng.uniform(23.0, 26.0)),
        hair=float(rng.uniform(14.5, 17.0)),
        jacket=float(rng.uniform(13.0, 17.0)),
        trousers=float(rng.uniform(14.0, 17.5)),
        shoes=float(rng.uniform(11.5, 14.5)),
        girth=float(rng.uniform(0.92, 1.18)),
    )


def draw_car(sprite: Sprite, car: Car, x: float, z: float) -> None:
    """Draw a car.

    Args:
        sprite: where to.
        car: which one.
        x: of its middle line, metres.
        z: of its nearest end, metres.
    """
    centre = np.array([x, 0.8, z + _outline(car)[-1, 0] / 2])
    eye = np.array([0.0, sprite.camera.eye, 0.0])
    seen = [face for face in _car_faces(car, x, z) if _faces_eye(face[0], centre, eye)]
    for points, temperature in sorted(seen, key=lambda face: -face[0][:, 2].mean()):
        sprite.polygon(points, temperature)
    _draw_glass(sprite, car, x, z)
    _draw_side(sprite, car, x, z)
    _draw_end(sprite, car, x, z)


def draw_glow(sprite: Sprite, x: float, z: float) -> None:
    """Draw how much warmer the road is under a running engine."""
    for grow, difference in ((0.3, 0.9), (0.05, 2.2), (-0.15, 3.6)):
        sprite.polygon(
            rectangle((x - 0.85 - grow, x + 0.85 + grow), (z - grow, z + 4.5 + grow)), difference
        )


def _outline(car: Car) -> np.ndarray:
    return np.array(_SUV if car.suv else _SEDAN)


def _depth(car: Car, z: float, along: np.ndarray) -> np.ndarray:
    """Turn metres from the tail into depth."""
    return z + (along if car.away else _outline(car)[-1, 0] - along)


def _car_faces(car: Car, x: float, z: float) -> list[tuple[np.ndarray, float]]:
    """List the panels between the two outlines, and the two sides."""
    outline = _outline(car)
    depth = _depth(car, z, outline[:, 0])
    left = np.stack([x - outline[:, 2], outline[:, 1], depth], axis=1)
    right = np.stack([x + outline[:, 2], outline[:, 1], depth], axis=1)
    hood = 12.6 if car.running else 4.6
    front = 14.5 if car.running else 8.6
    # From tail to nose: bumper, lid, ledge, rear window, roof, windscreen, hood, lip, grille.
    panels = (9.6, 8.2, 3.6, 6.4, 2.4, 6.0, hood, front - 1, front)
    faces = []
    for k, temperature in enumerate(panels):
        # Sheets of metal in strips, each as warm as the part of the sky or road that it mirrors.
        for step in range(_STRIPS):
            quad = np.stack(
                [
                    left[k] + (left[k + 1] - left[k]) * step / _STRIPS,
                    right[k] + (right[k + 1] - right[k]) * step / _STRIPS,
                    right[k] + (right[k + 1] - right[k]) * (step + 1) / _STRIPS,
                    left[k] + (left[k + 1] - left[k]) * (step + 1) / _STRIPS,
                ]
            )
            faces.append((quad, temperature + car.paint + 0.5 * (step - 1) * (-1) ** (k < 5)))
    for side in (left, right):
        low = side.copy()
        low[:, 1] = np.minimum(low[:, 1], 0.62)
        faces.append((side[[0, 1, 2, 3, 6, 7, 8, 9]], 7.0 + car.paint))
        faces.append((low[[0, 1, 8, 9]], 9.0 + car.paint))
        faces.append((side[[3, 4, 5, 6]], 6.0 + car.paint))
    return faces


def _faces_eye(points: np.ndarray, centre: np.ndarray, eye: np.ndarray) -> bool:
    middle = points.mean(axis=0)
    normal = np.cross(points[1] - points[0], points[2] - points[0])
    outward = np.sign(normal @ (middle - centre)) * normal
    return bool(outward @ (middle - eye) < 0)


def _draw_glass(sprite: Sprite, car: Car, x: float, z: float) -> None:
    """Draw the pane of the rear window or the windscreen: it mirrors the sky."""
    outline = _outline(car)
    low, high = (outline[3], outline[4]) if car.away else (outline[6], outline[5])
    corners = []
    for side, share in ((-1, 0.12), (1, 0.12), (1, 0.88), (-1, 0.88)):
        along, height, half = low + (high - low) * share
        depth = float(_depth(car, z, np.array(along)))
        corners.append([x + side * (half - 0.07), height, depth])
    sprite.polygon(np.array(corners), 4.0 if car.running else 3.0)


def _draw_side(sprite: Sprite, car: Car, x: float, z: float) -> None:
    """Draw windows, seams and wheels on the side that we see."""
    outline = _outline(car)
    if abs(x) < outline[0, 2]:
        return
    side = -1.0 if x > 0 else 1.0

    def panel(along: Sequence[float], height: Sequence[float], half: float) -> np.ndarray:
        depth = _depth(car, z, np.array(along))
        return np.stack([np.full(len(along), x + side * half), np.array(height), depth], axis=1)

    low, high = outline[3, 1] + 0.05, outline[4, 1] - 0.08
    half = (outline[3, 2] + outline[4, 2]) / 2
    rear, front = outline[4, 0], outline[5, 0]
    middle = (rear + front) / 2
    glass = 4.4 if car.running else 3.4
    for along in (
        (rear - 0.25, rear, middle - 0.05, middle - 0.05),
        (front + 0.55, front, middle + 0.05, middle + 0.05),
    ):
        sprite.polygon(panel(along, (low, high, high, low), half), glass)
    width = outline[1, 2]
    for x_seam in (middle, front + 0.35, rear - 0.1):
        along = (x_seam, x_seam + 0.03, x_seam + 0.03, x_seam)
        sprite.polygon(panel(along, (0.4, 0.4, low, low), width), 5.4)
    angle = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    tyre, rim = (18.0, 12.0) if car.running else (9.4, 6.0)
    for wheel in _WHEELS:
        for share, temperature in ((1.22, 4.5), (1.0, tyre), (0.62, rim), (0.25, tyre - 1)):
            radius = _WHEEL_RADIUS * share
            height = np.maximum(_WHEEL_RADIUS + radius * np.sin(angle), 0.0)
            along_rim = wheel + radius * np.cos(angle)
            sprite.polygon(panel(along_rim.tolist(), height.tolist(), width), temperature)


def _draw_end(sprite: Sprite, car: Car, x: float, z: float) -> None:
    """Draw lamps, plate, tyres and exhaust of the end that we see."""
    half = _outline(car)[1, 2]

    def fill(left: float, right: float, low: float, high: float, temperature: float) -> None:
        sprite.polygon(upright(x + left, x + right, low, high, z), temperature)

    def both(inner: float, outer: float, low: float, high: float, temperature: float) -> None:
        fill(-outer, -inner, low, high, temperature)
        fill(inner, outer, low, high, temperature)

    both(half - 0.28, half - 0.06, 0.0, 0.34, 17.0 if car.running else 9.6)
    if car.away:
        both(half - 0.32, half - 0.04, 0.72, 0.92, 12.0 if car.running else 7.0)
        fill(-0.26, 0.26, 0.56, 0.68, 5.0)
        fill(-half + 0.1, half - 0.1, 0.40, 0.44, 6.4)
        if car.running:
            fill(0.38, 0.52, 0.26, 0.36, 30.0)
        return
    both(half - 0.42, half - 0.06, 0.56, 0.68, 17.0 if car.running else 6.4)
    fill(-0.45, 0.45, 0.42, 0.56, 20.0 if car.running else 7.6)


def car_extent(car: Car, camera: Camera, x: float, z: float) -> np.ndarray:
    """Project the corners of the car's box: [M, 2] pixels, empty if it is behind the camera."""
    outline = _outline(car)
    half, length, height = outline[1, 2] + 0.1, outline[-1, 0], outline[:, 1].max()
    ends = [z - 0.05, z + length + 0.05]
    faces = [
        np.array([[x - half, y, ends[0]], [x + half, y, ends[0]], [x + half, y, ends[1]],
                  [x - half, y, ends[1]]])
        for y in (-0.05, height + 0.05)
    ]  # fmt: skip
    return np.concatenate([camera.project_polygon(face) for face in faces])


def walker_extent(walker: Walker, camera: Camera, x: float, z: float) -> np.ndarray:
    """Project the corners of what the walker may fill: [M, 2] pixels, empty if too near."""
    if z < 1.5:
        return np.zeros((0, 2))
    reach, top = 0.75, 1.08 * walker.height
    corners = np.array([[x + dx, y, z - 0.4] for dx in (-reach, reach) for y in (-0.1, top)])
    return camera.project(corners)


def draw_walker(sprite: Sprite, walker: Walker, pose: Pose) -> None:
    """Draw somebody who walks."""
    ends, radii, temperatures = walker_capsules(walker, pose)
    order = far_to_near(ends)
    _draw_capsules(sprite, ends[order], radii[order], temperatures[order])


def walker_capsules(walker: Walker, pose: Pose) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pose a body in the world, always limb by limb in the same order.

    Returns:
        Ends [K, 2, 3] and radii at both [K, 2] in metres, and temperatures [K].
    """
    limbs = _limbs(walker, pose.phase)
    # Rows: forward, right, up of the body, seen in the world.
    axes = np.array(
        [
            [np.sin(pose.heading), 0.0, np.cos(pose.heading)],
            [np.cos(pose.heading), 0.0, -np.sin(pose.heading)],
            [0.0, 1.0, 0.0],
        ]
    )
    ends = np.array([limb[:2] for limb in limbs]) @ axes + np.array([pose.x, 0.0, pose.z])
    return ends, np.array([limb[2:4] for limb in limbs]), np.array([limb[4] for limb in limbs])


def far_to_near(ends: np.ndarray) -> np.ndarray:
    """Order limbs [K, 2, 3] for drawing."""
    return np.argsort(-ends[..., 2].sum(axis=1), kind='stable')


_Point = tuple[float, float, float]  # forward, right, up
_Limb = tuple[_Point, _Point, float, float, float]


def _limbs(walker: Walker, phase: float) -> list[_Limb]:
    """Pose a body: capsules from point to point with two radii and a temperature."""
    k, g = walker.height / 1.75, walker.girth
    legs = [_leg(walker, phase + shift, side, k, g) for shift, side in ((0.0, -1), (np.pi, 1))]
    lowest = min(limb[1][2] - limb[3] for leg in legs for limb in leg)
    lift = -lowest  # the lower foot stands on the ground
    limbs = [limb for leg in legs for limb in leg]
    shoulder, hip = 1.42 * k, 0.94 * k
    jacket, skin = walker.jacket, walker.skin
    for side in (-1, 1):
        limbs.append(((0.0, side * 0.09 * k, hip), (0.0, side * 0.13 * k * g, shoulder - 0.06),
                      0.115 * k * g, 0.105 * k * g, jacket))  # fmt: skip
        limbs += _arm(walker, phase + (np.pi if side < 0 else 0.0), side, k, g)
    limbs.append(((0.0, 0.0, hip), (0.0, 0.0, shoulder - 0.05), 0.13 * k * g, 0.13 * k * g,
                  jacket + 0.8))  # fmt: skip
    limbs.append(((0.01, 0.0, shoulder), (0.02, 0.0, 1.53 * k), 0.055 * k, 0.055 * k, skin))
    limbs.append(((-0.01, 0.0, 1.64 * k), (-0.01, 0.0, 1.65 * k), 0.105 * k, 0.1 * k, walker.hair))
    limbs.append(((0.05, 0.0, 1.59 * k), (0.05, 0.0, 1.63 * k), 0.075 * k, 0.078 * k, skin))
    return [
        ((a[0], a[1], a[2] + lift), (b[0], b[1], b[2] + lift), ra, rb, t)
        for a, b, ra, rb, t in limbs
    ]


def _leg(walker: Walker, phase: float, side: int, k: float, g: float) -> list[_Limb]:
    thigh = 0.42 * np.sin(phase)
    bend = 0.12 + 0.75 * max(0.0, np.sin(phase + 1.9)) ** 2
    hip = (0.0, side * 0.09 * k, 0.93 * k)
    knee = (hip[0] + 0.45 * k * np.sin(thigh), hip[1], hip[2] - 0.45 * k * np.cos(thigh))
    shin = thigh - bend
    ankle = (knee[0] + 0.42 * k * np.sin(shin), hip[1], knee[2] - 0.42 * k * np.cos(shin))
    toe = (ankle[0] + 0.17 * k * np.cos(shin), hip[1], ankle[2] + 0.17 * k * np.sin(shin) - 0.02)
    return [
        (hip, knee, 0.098 * k * g, 0.068 * k * g, walker.trousers),
        (knee, ankle, 0.068 * k * g, 0.048 * k, walker.trousers - 0.7),
        (ankle, toe, 0.05 * k, 0.04 * k, walker.shoes),
    ]


def _arm(walker: Walker, phase: float, side: int, k: float, g: float) -> list[_Limb]:
    upper = 0.42 * np.sin(phase)
    lower = upper + 0.4
    shoulder = (0.0, side * 0.2 * k * g, 1.38 * k)
    elbow = (0.28 * k * np.sin(upper), side * 0.24 * k * g, shoulder[2] - 0.28 * k * np.cos(upper))
    wrist = (elbow[0] + 0.24 * k * np.sin(lower), elbow[1], elbow[2] - 0.24 * k * np.cos(lower))
    hand = (wrist[0] + 0.07 * k * np.sin(lower), elbow[1], wrist[2] - 0.07 * k * np.cos(lower))
    return [
        (shoulder, elbow, 0.06 * k * g, 0.05 * k, walker.jacket + 0.3),
        (elbow, wrist, 0.05 * k, 0.04 * k, walker.jacket + 0.6),
        (wrist, hand, 0.042 * k, 0.038 * k, walker.skin - 0.8),
    ]


def _draw_capsules(
    sprite: Sprite, ends: np.ndarray, radii: np.ndarray, temperatures: np.ndarray
) -> None:
    """Draw limbs in shells: cloth and skin that are seen from the side seem cooler.

    Args:
        sprite: where to.
        ends: [K, 2, 3] metres, the farthest limb first.
        radii: [K, 2] metres at both ends.
        temperatures: [K].
    """
    points, sizes = project_capsules(sprite.camera, ends, radii)
    shells = _SHELLS if sizes.max() > 2.5 else _SHELLS[1:2]
    shares = np.array([share for share, _ in shells])
    cooler = np.array([difference for _, difference in shells])
    outlines = capsule_outlines(
        np.repeat(points, len(shells), axis=0), (sizes[:, None] * shares[:, None]).reshape(-1, 2)
    )
    sprite.shapes(outlines, (temperatures[:, None] - cooler).ravel())


def project_capsules(
    camera: Camera, ends: np.ndarray, radii: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Project ends [K, 2, 3] and radii [K, 2] from metres to pixels: [K, 2, 2] and [K, 2]."""
    points = camera.project(ends.reshape(-1, 3)).reshape(-1, 2, 2)
    return points, radii * camera.focal / ends[..., 2]


def capsule_outlines(ends: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Outline two circles and what lies between them: [K, 2, 2] and [K, 2] to [K, 16, 2]."""
    along = ends[:, 1] - ends[:, 0]
    direction = np.arctan2(along[:, 1], along[:, 0])
    angle = direction[:, None] + _HALF_CIRCLES
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    result: np.ndarray = (
        np.repeat(ends, 8, axis=1) + np.repeat(radii, 8, axis=1)[..., None] * circle
    )
    return result
