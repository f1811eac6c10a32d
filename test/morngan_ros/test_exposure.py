"""From counts to a steady 8-bit picture."""

import numpy as np
import pytest

from morngan_ros.errors import FrameError
from morngan_ros.exposure import Exposure


def ramp(low: int, high: int, shape: tuple[int, int] = (64, 80)) -> np.ndarray:
    return np.linspace(low, high, shape[0] * shape[1]).round().astype(np.uint16).reshape(shape)


def scene(seed: int, offset: int = 7000, spread: float = 300.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(offset, spread, (64, 80)).clip(0, 65535).astype(np.uint16)


def test_8_bits_pass_untouched() -> None:
    frame = np.arange(64, dtype=np.uint8).reshape(8, 8)
    assert Exposure()(frame, 0.0) is frame


@pytest.mark.parametrize(('low', 'high'), [(7000, 8200), (0, 65535), (30000, 30200)])
def test_window_is_linear_between_its_percentiles(low: int, high: int) -> None:
    """With percentiles 0 and 100 the least count of every fourth pixel is 0, the largest 255."""
    counts = ramp(low, high)
    picture = Exposure(low=0, high=100)(counts, 0.0)
    least, most = counts[::2, ::2].min(), counts[::2, ::2].max()
    expected = np.rint((counts.astype(float) - least) * 255 / (float(most) - least)).clip(0, 255)
    assert picture.dtype == np.uint8
    assert np.abs(picture - expected).max() <= 1
    assert picture[counts == least].max() == 0
    assert picture[counts == most].min() == 255


def test_tails_are_cut_off() -> None:
    """A hot row, 80 pixels of 5120 and half as many again in the sample, is less than the tail.

    The 95th percentile of the rest becomes its 98th: the window grows by a ninth. A window up to
    the largest count would grow tenfold and squeeze the rest into 25 levels.
    """
    counts = scene(0)
    hot = counts.copy()
    hot[10] = 16000
    rest = np.arange(64) != 10
    plain, with_hot = (Exposure(low=5, high=95)(c, 0.0) for c in (counts, hot))
    assert (with_hot[10] == 255).all()
    assert with_hot[rest].std() > 0.85 * plain[rest].std()


def test_step_is_followed_with_the_time_constant() -> None:
    """One second at a time constant of one second covers 1 - 1/e of a step, in however many frames.

    The window is that of every fourth pixel. Both its ends go from where the first ramp has them
    toward where the second has them.
    """
    before, after = ramp(1000, 2000), ramp(3000, 4000)
    ends = [np.array([r[::2, ::2].min(), r[::2, ::2].max()], float) for r in (before, after)]
    low, high = ends[0] + (1 - np.exp(-1)) * (ends[1] - ends[0])
    probe = ramp(1000, 4000)
    expected = ((probe - low) * 255 / (high - low)).clip(0, 255)
    for frames in (1, 10):
        exposure = Exposure(low=0, high=100, time_constant=1.0)
        exposure(before, 0.0)
        for k in range(1, frames + 1):
            # A count more or less makes frames differ, as noise does.
            exposure(after + np.uint16(k % 2), k / frames)
        # At the same stamp the window does not move, so this reads it off.
        assert np.abs(exposure(probe, 1.0) - expected).max() < 1.2


def test_no_time_constant_follows_at_once() -> None:
    exposure = Exposure(time_constant=0.0)
    exposure(scene(0), 0.0)
    moved = scene(1, offset=9000)
    np.testing.assert_array_equal(exposure(moved, 0.1), Exposure()(moved, 0.0))


def test_same_frames_and_stamps_give_the_same_pictures() -> None:
    frames = [(scene(k, offset=7000 + 40 * k), 0.033 * k) for k in range(20)]
    one, two = Exposure(), Exposure()
    for counts, stamp in frames:
        np.testing.assert_array_equal(one(counts, stamp), two(counts, stamp))


@pytest.mark.parametrize('stamp', [103.0, 99.0])
def test_gap_and_jump_back_start_anew(stamp: float) -> None:
    exposure = Exposure(reset_after=2.0)
    exposure(scene(0), 100.0)
    other = scene(1, offset=12000)
    np.testing.assert_array_equal(exposure(other, stamp), Exposure()(other, 0.0))


@pytest.mark.parametrize(
    'shutter',
    [np.full((64, 80), 7400, np.uint16), scene(9, offset=7400, spread=3.0)],
    ids=['flat', 'almost flat'],
)
def test_shut_shutter_does_not_move_the_window(shutter: np.ndarray) -> None:
    with_shutter, without = Exposure(), Exposure()
    for exposure in (with_shutter, without):
        exposure(scene(0), 0.0)
    for k in range(1, 6):
        with_shutter(shutter, 0.1 * k)
    assert with_shutter.held == 5
    probe = scene(2)
    np.testing.assert_array_equal(with_shutter(probe, 0.5), without(probe, 0.0))


def test_frozen_frames_do_not_move_the_window() -> None:
    exposure = Exposure()
    exposure(scene(0), 0.0)
    step = scene(1, offset=9000)
    first = exposure(step, 0.1)
    frozen = [exposure(step, 0.1 + 0.1 * k) for k in range(1, 6)]
    assert exposure.held == 5
    for picture in frozen:
        np.testing.assert_array_equal(picture, first)


def test_hold_ends_when_the_scene_really_is_flat() -> None:
    """A wall that fills the picture is no shutter: after `reset_after` the window goes there."""
    exposure = Exposure(reset_after=2.0, time_constant=0.0)
    exposure(scene(0, spread=400.0), 0.0)
    for k in range(1, 25):
        picture = exposure(scene(100 + k, spread=10.0), 0.1 * k)
    assert picture.std() > 40


def test_flat_frames_only_are_black() -> None:
    exposure = Exposure()
    assert not exposure(np.full((8, 8), 7000, np.uint16), 0.0).any()
    assert exposure(scene(0), 0.1).max() == 255


@pytest.mark.parametrize(
    'frame',
    [
        np.zeros((8, 8), np.float32),
        np.zeros((8, 8, 1), np.uint16),
        np.zeros((0, 8), np.uint16),
        np.zeros((0, 8), np.uint8),
        np.zeros((8, 8), '>u2'),
    ],
)
def test_other_frames_are_refused(frame: np.ndarray) -> None:
    with pytest.raises(FrameError, match=r'uint8 or uint16 \[H, W\], got'):
        Exposure()(frame, 0.0)


@pytest.mark.parametrize(
    'arguments',
    [{'low': 99.0, 'high': 1.0}, {'high': 101.0}, {'time_constant': -1.0}, {'reset_after': 0.0}],
)
def test_wrong_arguments_are_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(ValueError, match='must'):
        Exposure(**arguments)
