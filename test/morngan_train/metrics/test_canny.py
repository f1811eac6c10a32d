"""Canny: small pictures worked out by hand, and hysteresis against the plain definition."""

import numpy as np
from scipy import ndimage

from morngan_train.metrics.canny import canny
from morngan_train.metrics.canny import edge_levels
from morngan_train.metrics.canny import gray
from morngan_train.metrics.canny import ridges


def test_a_step_has_an_edge_on_both_sides_of_it() -> None:
    """Columns 9 and 10 see the same half of the derivative, 1 times the step: a tie, kept twice."""
    step = np.zeros((12, 20), np.uint8)
    step[:, 10:] = 200
    thinned = ridges(step)
    expected = np.zeros((12, 20))
    expected[1:-1, 9:11] = 1.0  # the border never has edges
    np.testing.assert_allclose(thinned, expected, atol=1e-12)
    assert (canny(step, 99) == (expected > 0)).all()


def test_magnitude_is_relative_to_the_strongest_edge_of_the_picture() -> None:
    """A step of 50 beside one of 200 is an edge of its own until its 0.25 is no longer > high."""
    two = np.zeros((12, 60), np.uint8)
    two[:, 20:] = 50
    two[:, 40:] = 250
    assert canny(two, 24)[:, 19:21].any()
    assert not canny(two, 26)[:, 19:21].any()
    assert canny(two, 99)[:, 39:41].any()


def test_weak_pixels_stay_only_beside_strong_ones() -> None:
    thinned = np.zeros((5, 9))
    thinned[1, 1:4] = 0.3, 0.45, 0.8  # strong at the end
    thinned[2, 4] = 0.35  # touches it by a corner
    thinned[3, 6:8] = 0.35, 0.38  # alone
    edges = edge_levels(thinned) >= 60  # high 0.6, low 0.3, both exclusive
    assert {(int(y), int(x)) for y, x in np.argwhere(edges)} == {(1, 2), (1, 3), (2, 4)}
    # high 0.38 is not exceeded by 0.38, high 0.37 is.
    assert edge_levels(thinned)[3, 6:8].tolist() == [37, 37]


def test_rows_do_not_touch_around_the_border() -> None:
    thinned = np.zeros((4, 6))
    thinned[1, 5], thinned[2, 0] = 0.9, 0.5
    assert (edge_levels(thinned) >= 80).sum() == 1


def test_hysteresis_is_that_of_every_single_threshold() -> None:
    rng = np.random.default_rng(3)
    thinned = ridges(ndimage.gaussian_filter(rng.normal(size=(60, 80)), 1.5))
    levels = edge_levels(thinned)
    for j in range(1, 100):
        high = 0.01 * j
        parts, _ = ndimage.label(thinned > high / 2, np.ones((3, 3)))
        strong = np.unique(parts[thinned > high])
        np.testing.assert_array_equal(levels >= j, np.isin(parts, strong[strong > 0]))


def test_a_single_threshold_is_one_of_all() -> None:
    noise = np.random.default_rng(4).normal(size=(60, 80))
    image = ndimage.gaussian_filter(noise, 1.5)
    levels = edge_levels(ridges(image))
    for j in range(1, 100):
        np.testing.assert_array_equal(canny(image, j), levels >= j)
    assert not canny(np.full((30, 40), 7, np.uint8), 20).any()


def test_a_picture_of_one_level_has_no_edges() -> None:
    for level in (0, 77, 255):
        flat = np.full((30, 40), level, np.uint8)
        assert not ridges(flat).any()
        assert not edge_levels(ridges(flat)).any()


def test_gray_keeps_grey_and_weighs_colours() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(gray(np.repeat(levels[..., None], 3, axis=2)), levels)
    primaries = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    assert gray(primaries).tolist() == [[76, 150, 29]]
