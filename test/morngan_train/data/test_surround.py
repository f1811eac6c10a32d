"""Contours of thermal pictures: lone edges stay, texture goes."""

import cv2
import numpy as np
import pytest

from morngan_train.data import surround
from morngan_train.data.surround import contour_strength
from morngan_train.data.surround import surround_edges


def step_and(texture: np.ndarray) -> np.ndarray:
    """A step of 80 grey levels in the left half of 128x256, a texture in the right half."""
    picture = np.full((128, 256), 80, np.uint8)
    picture[:, 48:] = 160
    picture[:, 128:] = texture
    return picture


def grating() -> np.ndarray:
    return np.where(np.arange(128) // 5 % 2, 160, 80).astype(np.uint8)[None].repeat(128, 0)


def noise() -> np.ndarray:
    coarse = np.random.default_rng(0).integers(60, 180, (32, 32), np.uint8)
    return cv2.resize(coarse, (128, 128), interpolation=cv2.INTER_NEAREST)


def test_a_step_gives_one_thin_line():
    picture = np.full((64, 64), 90, np.uint8)
    picture[:, 32:] = 150
    edges = surround_edges(picture)
    assert edges.dtype == np.uint8
    columns = np.flatnonzero(edges[1:-1].all(0))
    assert len(columns) == 1
    assert columns[0] in (31, 32)
    assert np.count_nonzero(edges) == 62  # and nothing else; the border is never an edge


@pytest.mark.parametrize('level', [0, 7, 255])
def test_a_flat_picture_gives_nothing(level):
    assert not surround_edges(np.full((48, 60), level, np.uint8)).any()


@pytest.mark.parametrize('texture', [grating, noise])
def test_texture_is_inhibited_more_than_a_lone_edge(texture):
    picture = step_and(texture())
    # Not near the seam in the middle, nor near the border, where the ring sees mirrored pixels.
    lone, textured = (slice(24, -24), slice(44, 52)), (slice(24, -24), slice(168, 216))
    plain, _ = contour_strength(picture, inhibition=0)
    inhibited, _ = contour_strength(picture)
    kept_lone = inhibited[lone].max(1).mean() / plain[lone].max(1).mean()
    kept_texture = inhibited[textured].mean() / plain[textured].mean()
    assert kept_lone > 0.7
    assert kept_texture < 0.2


def test_edges_of_a_grating_vanish_and_the_lone_edge_stays():
    picture = step_and(grating())
    inside = np.s_[24:-24, 168:216]
    without = surround._thin(*contour_strength(picture, inhibition=0))
    assert np.count_nonzero(without[inside]) > 0.15 * without[inside].size
    edges = surround_edges(picture)
    assert not edges[inside].any()
    assert edges[24:-24, 44:52].any(1).all()


def test_turning_the_picture_turns_the_edges():
    rng = np.random.default_rng(1)
    blobs = cv2.GaussianBlur(rng.random((96, 120)).astype(np.float32), (0, 0), 6)
    picture = cv2.normalize(blobs, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    upright = surround_edges(picture) > 0
    turned = np.rot90(surround_edges(np.ascontiguousarray(np.rot90(picture))), -1) > 0
    assert upright.any()
    # Where two pixels are equally strong the other one may be taken: 3x3 is tolerated.
    near = cv2.dilate(upright.astype(np.uint8), np.ones((3, 3))) > 0
    assert (turned & near).sum() >= 0.98 * turned.sum()
    assert abs(int(turned.sum()) - int(upright.sum())) <= 0.03 * upright.sum()


def test_brightness_does_not_matter_where_nothing_saturates():
    """E scales with the picture, all features but the orientation's maximum are ratios."""
    rng = np.random.default_rng(2)
    half = cv2.resize(rng.integers(20, 120, (8, 10), np.uint8), (120, 96))
    weak, _ = contour_strength(half)
    strong, _ = contour_strength(half * 2)
    np.testing.assert_allclose(strong, 2 * weak, atol=1e-4)


def test_ring_and_hole():
    ring, hole = surround._surround(2.0)
    assert ring.sum() == pytest.approx(1, abs=1e-5)
    assert hole.sum() == pytest.approx(1, abs=1e-5)
    # exp(−r²/128) / 64 = exp(−r²/8) / 4 at r² = ln 16 / (1/8 − 1/128): r = 4.86
    middle = ring.shape[0] // 2
    assert ring[middle, middle + 4] == 0
    assert ring[middle, middle + 5] > 0
    expected = (np.exp(-100 / 128) / 64 - np.exp(-100 / 8) / 4) / (
        np.exp(-36 / 128) / 64 - np.exp(-36 / 8) / 4
    )
    assert ring[middle, middle + 10] / ring[middle, middle + 6] == pytest.approx(expected, rel=1e-4)


def test_resemblance_equals_a_loop_over_the_ring():
    rng = np.random.default_rng(3)
    feature = cv2.GaussianBlur(rng.random((40, 44)).astype(np.float32), (0, 0), 2)
    feature = (feature - feature.min()) / np.ptp(feature)
    ring, _ = surround._surround(2.0)
    radius = ring.shape[0] // 2
    padded = np.pad(feature, radius, mode='edge')
    expected = np.zeros_like(feature)
    for dy in range(2 * radius + 1):
        for dx in range(2 * radius + 1):
            shifted = padded[dy : dy + 40, dx : dx + 44]
            expected += ring[dy, dx] * np.exp(-((feature - shifted) ** 2) / (2 * 0.05**2))
    np.testing.assert_allclose(surround._alike(feature, 0.05, ring), expected, atol=0.01)


def test_energy_of_a_step():
    """Across a step of height h the derivative of the smoothed picture is h / (σ √(2π))."""
    picture = np.full((65, 65), 51, np.uint8)
    picture[:, 32:] = 204
    energy, orientation = contour_strength(picture, inhibition=0)
    # Half a pixel off the step, with a kernel cut at 3 σ.
    expected = 0.6 / (2 * np.sqrt(2 * np.pi)) * np.exp(-(0.5**2) / (2 * 2**2))
    assert energy[32, 32] == pytest.approx(expected, rel=0.02)
    assert orientation[32, 32] == 0  # across: along x
    assert contour_strength(picture.T, inhibition=0)[1][32, 32] == 4


def test_hysteresis_follows_weak_pixels_from_strong_ones():
    thin = np.zeros((5, 7), np.float32)
    thin[1, 1:5] = (1.0, 0.6, 0.6, 0.4)  # starts, goes on, goes on, too weak
    thin[3, 1:3] = 0.6  # never started
    thin[2, 4] = 0.6  # joined over a corner
    edges = surround._hysteresis(thin, 1.0)
    assert set(zip(*np.nonzero(edges), strict=True)) == {(1, 1), (1, 2), (1, 3), (2, 4)}


def test_pictures_smaller_than_the_ring():
    picture = np.zeros((16, 20), np.uint8)
    picture[:, 10:] = 200
    assert surround_edges(picture)[2:-2, 9:11].any(1).all()


def test_night_frames(shared):
    """On real frames some percent of the pixels are contours, fewer than Canny finds edges."""
    frames = sorted((shared / 'data' / 'flir' / 'trainB').glob('*.png'))[::40]
    for file in frames:
        frame = cv2.resize(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE), (360, 288))
        assert 0.005 < (surround_edges(frame) > 0).mean() < 0.1
