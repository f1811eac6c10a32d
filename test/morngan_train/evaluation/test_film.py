"""Warp error: by hand, and on the simulated street with colours that are steady or are not."""

import numpy as np
import pytest

from morngan_train.evaluation.colorizers import repeat
from morngan_train.evaluation.film import film
from morngan_train.evaluation.film import HEIGHT
from morngan_train.evaluation.film import PAN
from morngan_train.evaluation.film import unsteadiness
from morngan_train.evaluation.film import WIDTH
from morngan_train.metrics.pictures import contrast
from morngan_train.metrics.pictures import warp_error


@pytest.fixture(scope='module')
def raw() -> dict[int, float]:
    """How unsteady the frames themselves are, by the pan."""
    return {pan: unsteadiness(repeat, pan) for pan in (0, PAN)}


def to_right(width: int, height: int) -> np.ndarray:
    """All has moved to the right by one pixel and a half."""
    x, y = np.meshgrid(np.arange(width) - 1.5, np.arange(height))
    return np.stack([x, y], axis=2).astype(np.float32)


def test_warp_error_by_hand() -> None:
    earlier = np.tile(np.arange(0, 80, 8, dtype=np.uint8)[None, :, None], (4, 1, 3))
    source = to_right(10, 4)
    known = source[..., 0] >= 0
    later = np.zeros_like(earlier)
    later[:, 2:] = earlier[:, 1:9] - 4  # half way between two columns
    assert warp_error(earlier, later, source, known) == 0
    later[0, 2:] += 8  # a row of four is brighter
    assert warp_error(earlier, later, source, known) == pytest.approx(2)
    later[:, :2] = 255  # of what was outside of the picture nothing is asked
    assert warp_error(earlier, later, source, known) == pytest.approx(2)


def test_contrast_is_that_of_channels() -> None:
    grey = np.zeros((1, 2, 2, 3), np.uint8)
    grey[0, 0] = 100
    assert contrast(grey) == pytest.approx(50)
    grey[..., 0] = 200  # a cast is no contrast
    assert contrast(grey) == pytest.approx(50 * np.sqrt(2 / 3))


def smooth(frame: np.ndarray) -> np.ndarray:
    """Show half of the contrast, tinted."""
    return (repeat(frame) * [0.5, 0.4, 0.6]).astype(np.uint8)


@pytest.mark.parametrize('pan', [0, PAN])
def test_less_contrast_is_not_steadier(pan: int, raw: dict[int, float]) -> None:
    assert unsteadiness(smooth, pan) == pytest.approx(raw[pan], rel=0.05)


@pytest.mark.parametrize('pan', [0, PAN])
def test_colours_that_pulse_are_unsteady(pan: int, raw: dict[int, float]) -> None:
    calls = 0

    def pulse(frame: np.ndarray) -> np.ndarray:
        nonlocal calls
        calls += 1
        return (repeat(frame) * (0.8 + 0.1 * (calls % 2))).astype(np.uint8)

    assert unsteadiness(pulse, pan) > 3 * raw[pan]


def test_colours_that_hang_on_the_screen_are_seen_when_the_camera_pans(
    raw: dict[int, float],
) -> None:
    """A pattern that does not go with the scene is steady only as long as the camera stands."""

    def curtain(frame: np.ndarray) -> np.ndarray:
        stripes = 0.7 + 0.3 * np.sin(np.arange(WIDTH) / 5)[:, None]
        return (repeat(frame) * stripes).astype(np.uint8)

    assert unsteadiness(curtain, 0) < 1.5 * raw[0]
    assert unsteadiness(curtain, PAN) > 4 * raw[PAN]


def test_a_colour_without_contrast_has_no_score() -> None:
    assert np.isnan(unsteadiness(lambda frame: np.zeros((*frame.shape, 3), np.uint8), 0))


def test_the_camera_pans_over_the_same_street() -> None:
    for frames, motions in film(PAN):
        assert {frame.shape for frame in frames} == {(HEIGHT, WIDTH)}
        for earlier, later, motion in zip(frames, frames[1:], motions, strict=False):
            assert motion.known.mean() > 0.85
            # As noisy as the frames are: what is not shifted differs far more.
            change = np.abs(later.astype(float) - earlier)[motion.known].mean()
            told = warp_error(repeat(earlier), repeat(later), motion.source, motion.known)
            assert told < 0.5 * change
