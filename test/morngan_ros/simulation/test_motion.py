"""The true motion of the simulated street: what it carries along is what the next frame shows."""

import cv2
import numpy as np
import pytest

from morngan_ros.simulation import ThermalScene
from morngan_ros.simulation.canvas import Camera
from morngan_ros.simulation.canvas import upright
from morngan_ros.simulation.motion import Motion
from morngan_ros.simulation.trace import Trace

WIDTH, HEIGHT = 640, 512
STEP = 0.1
# Walkers on the crosswalk from both sides; cars come, pass and go.
MOMENTS = (2.0, 6.0, 11.0, 15.0, 17.0, 21.0)
CROSSWALK = 2.0


@pytest.fixture(scope='module')
def street() -> ThermalScene:
    return ThermalScene(WIDTH, HEIGHT, seed=0)


def moved(motion: Motion) -> np.ndarray:
    """Find pixels that are known to have moved visibly."""
    own = np.stack(np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT)), axis=2)
    return motion.known & (np.hypot(*(motion.source - own).transpose(2, 0, 1)) > 0.5)


@pytest.mark.parametrize('t', MOMENTS)
def test_warmth_and_class_travel_with_the_pixels(street: ThermalScene, t: float) -> None:
    """Warped by its motion, the street without noise is the street of the next moment."""
    early, late = street.render(t), street.render(t + STEP)
    motion = street.motion(t, t + STEP)
    x, y = motion.source.transpose(2, 0, 1)
    warped = cv2.remap(early.temperature, x, y, cv2.INTER_LINEAR)
    moving = moved(motion)
    assert moving.sum() > 400
    error = np.abs(warped - late.temperature)
    assert error[moving].mean() < 0.35
    unwarped = np.abs(early.temperature - late.temperature)[moving].mean()
    assert error[moving].mean() < 0.3 * unwarped
    # Where nothing moves, nothing changes at all.
    standing = motion.known & ~np.isin(late.mask, (11, 13, 255))
    assert error[standing].max() == 0.0
    before = early.mask[np.rint(y[motion.known]).astype(int), np.rint(x[motion.known]).astype(int)]
    assert (before != late.mask[motion.known]).mean() < 1e-4


@pytest.mark.parametrize('t', MOMENTS)
def test_most_of_the_street_is_known(street: ThermalScene, t: float) -> None:
    """All but the borders of what moves, the road below engines, and what was hidden."""
    assert street.motion(t, t + STEP).known.mean() > 0.9


def test_what_walkers_hid_is_not_known(street: ThermalScene) -> None:
    early, late = street.render(CROSSWALK), street.render(CROSSWALK + STEP)
    uncovered = (early.mask == 11) & (late.mask != 11)
    assert uncovered.sum() > 100
    assert not street.motion(CROSSWALK, CROSSWALK + STEP).known[uncovered].any()


def test_arms_and_legs_move_by_themselves(street: ThermalScene) -> None:
    """Limbs of a walker who crosses overtake the trunk, or stay behind it."""
    motion = street.motion(CROSSWALK, CROSSWALK + STEP)
    boxes = [b for b in street.render(CROSSWALK + STEP).boxes if b[0] == 'person']
    _, x1, y1, x2, y2 = max(boxes, key=lambda box: (box[3] - box[1]) * (box[4] - box[2]))
    where = slice(int(y1), int(y2)), slice(int(x1), int(x2))
    shift = (motion.source[..., 0] - np.arange(WIDTH))[where]
    assert np.ptp(shift[moved(motion)[where]]) > 2.0


def test_a_moment_without_time_changes_nothing(street: ThermalScene) -> None:
    motion = street.motion(15.0, 15.0)
    own = np.stack(np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT)), axis=2)
    np.testing.assert_allclose(motion.source[motion.known], own[motion.known], atol=0.01)


def test_a_face_comes_nearer_as_a_pinhole_camera_sees_it() -> None:
    """By hand: from 11 m to 10 m, all is 1.1 times as far from the vanishing point."""
    camera = Camera(WIDTH, HEIGHT)
    face = upright(-2.0, 2.0, 0.0, 2.0, 10.0)
    trace = Trace(camera, camera.project(face), np.array([0.0, 0.0, -1.0]))
    trace.polygon(face, 0.0)
    source = trace.source()
    rows, columns = np.nonzero(np.isfinite(source[..., 0]))
    assert len(rows) > 0.9 * 4 * 2 * (camera.focal / 10) ** 2
    x, y = columns + trace.left + 0.5, rows + trace.top + 0.5
    expected_x = WIDTH / 2 + (x - WIDTH / 2) / 1.1
    expected_y = camera.horizon + (y - camera.horizon) / 1.1
    np.testing.assert_allclose(source[rows, columns, 0] + 0.5, expected_x, atol=1e-3)
    np.testing.assert_allclose(source[rows, columns, 1] + 0.5, expected_y, atol=1e-3)
