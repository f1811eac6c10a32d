"""The simulated street: plausible, repeatable, and true to its own ground truth."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from morngan_ros.exposure import Exposure
from morngan_ros.simulation import ThermalScene
from morngan_ros.simulation.__main__ import main
from morngan_ros.simulation.picture import Box
from morngan_ros.simulation.picture import SMALLEST_OBJECT

# 2 s: walkers on the crosswalk. 21 s: the first car has just come past.
MOMENTS = (0.0, 2.0, 9.0, 14.0, 21.0)
CLASSES = {'person': 11, 'car': 13}


@pytest.fixture(scope='module')
def street() -> ThermalScene:
    return ThermalScene(320, 256, seed=0)


def pixels(box: Box) -> tuple[slice, slice]:
    _, x1, y1, x2, y2 = box
    return slice(int(y1), int(y2)), slice(int(x1), int(x2))


@pytest.mark.parametrize('size', [(640, 512), (160, 128), (360, 288)])
def test_shapes_types_and_14_bits(size: tuple[int, int]) -> None:
    width, height = size
    frame = ThermalScene(width, height, seed=3).render(1.0)
    assert (frame.counts.shape, frame.counts.dtype) == ((height, width), np.uint16)
    assert (frame.mask.shape, frame.mask.dtype) == ((height, width), np.uint8)
    assert frame.counts.max() < 2**14
    assert frame.counts.min() > 0


def test_same_seed_and_time_give_the_same_frame(street: ThermalScene) -> None:
    again = ThermalScene(320, 256, seed=0)
    for t in (21.0, 2.0):  # in any order
        one, two = street.render(t), again.render(t)
        np.testing.assert_array_equal(one.counts, two.counts)
        np.testing.assert_array_equal(one.mask, two.mask)
        assert one.boxes == two.boxes


def test_seeds_build_other_streets(street: ThermalScene) -> None:
    other = ThermalScene(320, 256, seed=1).render(0.0)
    assert (other.mask != street.render(0.0).mask).mean() > 0.05


def test_masks_hold_the_classes_of_a_street(street: ThermalScene) -> None:
    seen = set(np.unique(street.render(2.0).mask))
    assert {0, 1, 2, 5, 8, 10, 11, 13} <= seen
    assert seen <= {*range(19), 255}


@pytest.mark.parametrize('t', MOMENTS)
def test_boxes_and_mask_agree(street: ThermalScene, t: float) -> None:
    """Every box is filled with its class to its borders; no object is without a box."""
    frame = street.render(t)
    left_over = {name: (frame.mask == value).copy() for name, value in CLASSES.items()}
    for box in frame.boxes:
        inside = frame.mask[pixels(box)] == CLASSES[box[0]]
        assert inside.sum() >= SMALLEST_OBJECT
        for border in (inside[0], inside[-1], inside[:, 0], inside[:, -1]):
            assert border.any()
        left_over[box[0]][pixels(box)] = False
    for rest in left_over.values():
        assert not rest.any()


@pytest.mark.parametrize('t', MOMENTS)
def test_boxes_enclose_what_moves(street: ThermalScene, t: float) -> None:
    """Where two moments differ by more than noise, there is an object in one of them.

    The warm ground under an engine moves with its car and is no part of it: it is left out by
    looking above the ground only.
    """
    one, two = street.render(t), street.render(t + 0.5)
    drift = np.median(one.counts.astype(int) - two.counts)
    changed = np.abs(one.counts.astype(int) - two.counts - drift) > 60
    ground = np.isin(one.mask, (0, 1)) | np.isin(two.mask, (0, 1))
    boxed = np.zeros(changed.shape, np.uint8)
    for box in (*one.boxes, *two.boxes):
        boxed[pixels(box)] = 1
    near = cv2.dilate(boxed, np.ones((7, 7), np.uint8)) > 0
    tiny = ~near & changed & ~ground
    assert tiny.sum() < SMALLEST_OBJECT


def test_movers_move_and_the_rest_stands(street: ThermalScene) -> None:
    early, late = street.render(2.0), street.render(3.0)
    moved = early.mask != late.mask
    assert moved.sum() > 100
    objects = np.isin(early.mask, (11, 13, 255)) | np.isin(late.mask, (11, 13, 255))
    assert not (moved & ~objects).any()


def test_a_car_comes_nearer_and_grows(street: ThermalScene) -> None:
    """From 11 to 13 s a car comes down its lane on the left half of the picture."""
    areas = []
    for t in (11.5, 12.5, 13.5, 14.5):
        found = [box for box in street.render(t).boxes if box[0] == 'car']
        before = street.render(t + 0.2).mask != street.render(t).mask
        moving = [b for b in found if before[pixels(b)].mean() > 0.02]
        areas.append(max((b[3] - b[1]) * (b[4] - b[2]) for b in moving))
    assert areas == sorted(areas)
    assert areas[-1] > 2 * areas[0]


@pytest.mark.parametrize('seed', [0, 1, 2])
def test_warmth_is_that_of_a_clear_night(seed: int) -> None:
    """Sky is coldest, leaves cooler than asphalt, people warmest: as in real frames."""
    frame = ThermalScene(320, 256, seed=seed).render(2.0)

    def warmth(*values: int) -> float:
        return float(np.median(frame.counts[np.isin(frame.mask, values)]))

    assert warmth(10) < warmth(8) < warmth(2) < warmth(0) < warmth(11)
    assert warmth(10) < warmth(13) < warmth(11)


@pytest.mark.parametrize('seed', [0, 1, 2])
def test_tone_is_that_of_real_frames(seed: int) -> None:
    """Of 95 FLIR night frames most have a mean of 115 to 150 and a deviation of 40 to 72."""
    street = ThermalScene(seed=seed)
    picture = Exposure()(street.render(0.0).counts, 0.0)
    assert 105 < picture.mean() < 155
    assert 45 < picture.std() < 80


def test_noise_differs_from_frame_to_frame(street: ThermalScene) -> None:
    sky = street.render(0.0).mask[:40, 100:140] == 10
    one, two = (street.render(t).counts[:40, 100:140].astype(float)[sky] for t in (0.0, 0.1))
    assert 1.0 < (one - two).std() < 20.0


def test_command_writes_pictures_masks_and_boxes(tmp_path: Path) -> None:
    size = ['--width', '160', '--height', '128']
    main(['--out', str(tmp_path), '--frames', '3', '--fps', '2', '--seed', '4', *size])
    scene = ThermalScene(160, 128, seed=4).render(0.5)
    picture = cv2.imread(str(tmp_path / '000001.png'), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(picture, scene.counts)
    mask = cv2.imread(str(tmp_path / 'masks' / '000001.png'), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(mask, scene.mask)
    lines = (tmp_path / 'boxes' / '000001.txt').read_text().splitlines()
    assert len(lines) == len(scene.boxes) > 0
    index, cx, cy, width, height = map(float, lines[0].split())
    label, x1, y1, x2, y2 = scene.boxes[0]
    assert index == {'person': 0, 'car': 2}[label]
    assert (cx * 160, cy * 128) == pytest.approx(((x1 + x2) / 2, (y1 + y2) / 2), abs=1e-3)
    assert (width * 160, height * 128) == pytest.approx((x2 - x1, y2 - y1), abs=1e-3)
    assert len(list(tmp_path.glob('*.png'))) == 3


def test_command_writes_8_bits_through_the_exposure(tmp_path: Path) -> None:
    main(
        ['--out', str(tmp_path), '--frames', '2', '--bits', '8', '--width', '96', '--height', '80']
    )
    exposure, scene = Exposure(), ThermalScene(96, 80)
    for k in range(2):
        expected = exposure(scene.render(k / 10).counts, k / 10)
        picture = cv2.imread(str(tmp_path / f'{k:06d}.png'), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(picture, expected)


@pytest.mark.parametrize('arguments', [(32, 256, 0), (256, 32, 0), (256, 256, -1)])
def test_impossible_streets_are_refused(arguments: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match='at least 64x64'):
        ThermalScene(*arguments)
