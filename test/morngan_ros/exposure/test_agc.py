"""From counts to a steady 8-bit picture."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from morngan_ros.errors import FrameError
from morngan_ros.exposure import Exposure
from morngan_ros.exposure import MODES
from morngan_ros.exposure.agc import SAMPLE
from morngan_ros.exposure.fieldscale import LocalFields
from morngan_ros.exposure.tone_mapping import Percentiles
from morngan_ros.simulation import ThermalScene

every_mode = pytest.mark.parametrize('mode', MODES)
# Those whose window follows the scene.
following = pytest.mark.parametrize('mode', [mode for mode in MODES if mode != 'fixed_range'])


def ramp(low: int, high: int, shape: tuple[int, int] = (64, 80)) -> np.ndarray:
    return np.linspace(low, high, shape[0] * shape[1]).round().astype(np.uint16).reshape(shape)


def scene(seed: int, offset: int = 7000, spread: float = 300.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(offset, spread, (64, 80)).clip(0, 65535).astype(np.uint16)


@pytest.fixture(scope='module')
def street() -> np.ndarray:
    """Counts of a night street, float64 [256, 320], to lay noise over."""
    return ThermalScene(320, 256).render(0.0).counts.astype(float)


@every_mode
def test_8_bits_pass_untouched(mode: str) -> None:
    frame = np.arange(64, dtype=np.uint8).reshape(8, 8)
    assert Exposure(mode=mode)(frame, 0.0) is frame


@every_mode
@pytest.mark.parametrize('rate', [5.0, 60.0])
def test_a_static_scene_does_not_flicker(mode: str, rate: float, street: np.ndarray) -> None:
    """Under noise of a tenth of a degree, neither the picture nor a 64th of it may pump."""
    rng = np.random.default_rng(0)
    exposure = Exposure(mode=mode, range_low=7500, range_high=8500)
    means = []
    for k in range(40):
        noisy = street + rng.normal(0, 4, street.shape)
        picture = exposure(noisy.round().astype(np.uint16), 1e9 + k / rate)
        means.append(picture.reshape(8, 32, 8, 40).mean((1, 3)))
    moves = np.abs(np.diff(means, axis=0))
    assert np.abs(np.diff(np.mean(means, axis=(1, 2)))).max() < 0.3
    assert moves.max() < 1.0


@following
def test_the_rate_does_not_change_how_fast_a_scene_is_followed(
    mode: str, street: np.ndarray
) -> None:
    """Half a second after a scene grew warmer it looks the same at 4 and 40 frames a second."""
    warmer = (street + 100).astype(np.uint16)
    pictures = []
    for frames in (2, 20):
        exposure = Exposure(mode=mode)
        exposure(street.astype(np.uint16), 0.0)
        for k in range(1, frames + 1):
            # A count more in a corner makes frames differ, as noise does.
            warmer[0, 0] = 9000 + k
            picture = exposure(warmer, 0.5 * k / frames)
        pictures.append(picture.astype(int))
    assert np.abs(pictures[0] - pictures[1]).max() <= 2
    settled = Exposure(mode=mode)(warmer, 0.0)
    assert pictures[0].mean() > settled.mean() + 10


@every_mode
def test_floats_look_like_the_counts_they_are(mode: str, street: np.ndarray) -> None:
    """Degrees of 1/42 count, with the cold below zero, give the picture of the counts."""
    counts = street.astype(np.uint16)
    degrees = ((street - 7900) / 42).astype(np.float32)
    ranges = [(7500.0, 8500.0), (-400 / 42, 600 / 42)]
    of_counts, of_degrees = (
        Exposure(mode=mode, range_low=low, range_high=high)(frame, 0.0).astype(int)
        for frame, (low, high) in zip((counts, degrees), ranges, strict=True)
    )
    difference = np.abs(of_counts - of_degrees)
    assert difference.max() <= 2
    assert difference.mean() < 0.1


def test_fixed_range_depends_on_nothing_but_the_frame() -> None:
    exposure = Exposure(mode='fixed_range', range_low=7000, range_high=8000)
    for frame, stamp in ((scene(0), 0.0), (scene(1, offset=9000), 0.1), (scene(1), 0.2)):
        expected = np.rint((frame.astype(float) - 7000) * 0.255).clip(0, 255)
        assert np.abs(exposure(frame, stamp) - expected).max() <= 1
    flat = np.full((8, 8), 7600, np.uint16)
    assert (exposure(flat, 0.3) == 153).all()


@pytest.mark.parametrize(
    ('low', 'high', 'count', 'value'),
    [(-1000, 1000, 500, 191), (65000, 70000, 65000, 0), (70000, 80000, 65535, 0)],
)
def test_fixed_range_beyond_16_bits(low: float, high: float, count: int, value: int) -> None:
    exposure = Exposure(mode='fixed_range', range_low=low, range_high=high)
    assert (exposure(np.full((4, 4), count, np.uint16), 0.0) == value).all()


def two_rooms(noise: float = 1.0) -> np.ndarray:
    """A cold and a warm half, uint16 [256, 320], each with a texture much weaker than the step."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:256, :320]
    texture = 40 * np.sin(x / 3) * np.sin(y / 3)
    return (8000 + 1500 * (x >= 160) + texture + noise * rng.normal(size=x.shape)).astype(np.uint16)


@pytest.mark.parametrize(('mode', 'gain'), [('clahe', 1.6), ('fieldscale', 1.8)])
def test_local_modes_show_more_in_the_cold_and_in_the_warm(mode: str, gain: float) -> None:
    frame = two_rooms()
    plain, local = (Exposure(mode=m)(frame, 0.0).astype(float) for m in ('percentile', mode))
    for half in (slice(0, 80), slice(240, 320)):
        assert local[:, half].std() > gain * plain[:, half].std()
    # What is warm stays brighter, all the same.
    assert local[:, 240:].min() > local[:, :80].max()


@pytest.mark.parametrize(('clip', 'least', 'most'), [(0.1, 1.0, 1.2), (2, 2.4, 3), (4, 4, 5)])
def test_clip_limits_the_contrast(clip: float, least: float, most: float) -> None:
    frame = two_rooms()
    plain = Exposure()(frame, 0.0)
    picture = Exposure(mode='clahe', clahe_clip=clip)(frame, 0.0)
    assert least < picture[:, :80].std() / plain[:, :80].std() < most


@pytest.mark.parametrize('mode', ['clahe', 'fieldscale'])
def test_local_modes_leave_no_seams(mode: str) -> None:
    """Where counts change gently the picture does too, also between cells."""
    y, x = np.mgrid[:256, :320]
    frame = (8000 + 500 * np.sin(x / 50) * np.cos(y / 40)).astype(np.uint16)
    plain, local = (Exposure(mode=m)(frame, 0.0).astype(int) for m in ('percentile', mode))
    for axis in (0, 1):
        steepest = np.abs(np.diff(plain, axis=axis)).max()
        assert np.abs(np.diff(local, axis=axis)).max() <= 2.5 * steepest


def test_fieldscale_keeps_contrast_around_a_lone_hot_spot() -> None:
    frame = two_rooms()
    frame[100:110, 44:54] = 12000  # in a cell of rows 96 to 127, columns 40 to 79
    plain, local = (Exposure(mode=m, high=100)(frame, 0.0) for m in ('percentile', 'fieldscale'))
    assert (local[100:110, 44:54] == 255).all()
    contrast = [np.diff(p[96:128, 60:80].astype(int)).std() for p in (plain, local)]
    assert contrast[1] > 1.6 * contrast[0]


def test_fieldscale_widens_windows_toward_their_neighbours() -> None:
    """The step between the halves lies between the cells 3 and 4."""
    frame = two_rooms()
    lows, highs = LocalFields(0, 100).measure(frame[SAMPLE])
    assert (highs[:, 3] > highs[:, 0] + 50).all()
    assert (lows[:, 4] < lows[:, 7] - 50).all()
    cells = frame.reshape(8, 32, 8, 40)
    assert (lows <= cells.min((1, 3)) + 30).all()  # smoothed, so the very ends may stick out
    assert (highs >= cells.max((1, 3)) - 30).all()


@every_mode
def test_floats_far_beyond_the_window_are_white_and_black(mode: str) -> None:
    """A naive conversion to integers would wrap them around."""
    frame = scene(0).astype(np.float32)
    frame[3, 5], frame[7, 9] = 3e25, -3e25
    picture = Exposure(mode=mode, range_low=6000, range_high=8000)(frame, 0.0)
    assert picture[3, 5] == 255
    assert picture[7, 9] == 0


def test_fieldscale_does_not_blow_up_the_noise_of_an_even_sky() -> None:
    """A cell's window is at least 0.45 of the frame's: no more than 2.3 times its gain."""
    frame = two_rooms()
    frame[:, :160] = 8000 + np.random.default_rng(1).normal(0, 5, (256, 160))
    plain, local = (
        np.diff(Exposure(mode=mode)(frame, 0.0)[:, :80].astype(int)).std()
        for mode in ('percentile', 'fieldscale')
    )
    assert local < 2.4 * plain


@every_mode
@pytest.mark.parametrize('shape', [(1, 1), (1, 9), (2, 3), (17, 5)])
@pytest.mark.parametrize('dtype', [np.uint16, np.float32])
def test_small_frames(mode: str, shape: tuple[int, int], dtype: type) -> None:
    frame = np.arange(shape[0] * shape[1]).reshape(shape).astype(dtype)
    exposure = Exposure(mode=mode)
    for k in range(3):
        picture = exposure(frame + dtype(k), 0.1 * k)
        assert picture.shape == shape
        assert picture.dtype == np.uint8


@every_mode
@pytest.mark.parametrize('scale', [1e-42, 1e-20, 1e20, 3e38])
def test_floats_of_any_size(mode: str, scale: float) -> None:
    rng = np.random.default_rng(0)
    with np.errstate(all='raise', under='ignore'):
        frame = (scale * rng.uniform(-1, 1, (64, 80))).astype(np.float32)
        exposure = Exposure(mode=mode, range_low=-1, range_high=1)
        for k in range(3):
            picture = exposure(frame, 0.1 * k)
    assert picture.dtype == np.uint8
    if mode != 'fixed_range' and scale > 1e-30:
        assert picture.std() > 40


@pytest.mark.parametrize(('low', 'high'), [(7000, 8200), (0, 65535), (30000, 30200)])
def test_window_is_linear_between_its_percentiles(low: int, high: int) -> None:
    """With percentiles 0 and 100 the least count of the sample is 0, the largest 255."""
    counts = ramp(low, high)
    picture = Exposure(low=0, high=100)(counts, 0.0)
    least, most = counts[SAMPLE].min(), counts[SAMPLE].max()
    expected = np.rint((counts.astype(float) - least) * 255 / (float(most) - least)).clip(0, 255)
    assert picture.dtype == np.uint8
    assert np.abs(picture - expected).max() <= 1
    assert picture[counts == least].max() == 0
    assert picture[counts == most].min() == 255


@pytest.mark.parametrize('dtype', [np.uint16, np.float32])
@pytest.mark.parametrize('shape', [(64, 80), (512, 640), (1080, 1920)])
def test_percentiles_of_few_pixels_are_those_of_the_frame(
    shape: tuple[int, int], dtype: type
) -> None:
    """Of a large frame some ten thousand are looked at: a standard error is 0.1% of pixels."""
    height, _ = shape
    rng = np.random.default_rng(0)
    counts = rng.normal(8000, 400, shape) + np.linspace(0, 2000, height)[:, None]
    counts = counts.astype(dtype)
    window = Percentiles(1, 99).measure(np.ascontiguousarray(counts[SAMPLE]))
    shares = [(counts < end).mean() for end in window]
    assert shares == pytest.approx([0.01, 0.99], abs=0.01 if height < 512 else 0.002)


@pytest.mark.parametrize(('side', 'every'), [(100, 1), (200, 2), (400, 4)])
def test_of_many_counts_ten_thousand_are_looked_at(side: int, every: int) -> None:
    """Evenly by rows and columns: of rising counts the last one seen tells how many."""
    rising = np.arange(side * side, dtype=np.float32).reshape(side, side)
    assert Percentiles(0, 100).measure(rising)[1] == rising[side - every, side - every]


def test_tails_are_cut_off() -> None:
    """Half a hot row, 20 of 640 pixels of the sample, is less than the tail.

    The 95th percentile of the rest becomes its 98th: the window grows by a ninth. A window up to
    the largest count would grow tenfold and squeeze the rest into 25 levels.
    """
    counts = scene(0)
    hot = counts.copy()
    hot[12, :40] = 16000
    rest = np.arange(64) != 12
    plain, with_hot = (Exposure(low=5, high=95)(c, 0.0) for c in (counts, hot))
    assert (with_hot[12, :40] == 255).all()
    assert with_hot[rest].std() > 0.85 * plain[rest].std()


def test_step_is_followed_with_the_time_constant() -> None:
    """One second at a time constant of one second covers 1 - 1/e of a step, in however many frames.

    The window is that of the sample. Both its ends go from where the first ramp has them
    toward where the second has them.
    """
    before, after = ramp(1000, 2000), ramp(3000, 4000)
    ends = [np.array([r[SAMPLE].min(), r[SAMPLE].max()], float) for r in (before, after)]
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


@every_mode
def test_same_frames_and_stamps_give_the_same_pictures(mode: str) -> None:
    frames = [(scene(k, offset=7000 + 40 * k), 0.033 * k) for k in range(20)]
    one, two = Exposure(mode=mode), Exposure(mode=mode)
    for counts, stamp in frames:
        np.testing.assert_array_equal(one(counts, stamp), two(counts, stamp))


@every_mode
@pytest.mark.parametrize(('stamp', 'what'), [(103.0, 'gap'), (99.0, 'jump back')])
def test_gap_and_jump_back_start_anew(mode: str, stamp: float, what: str) -> None:
    exposure = Exposure(mode=mode, reset_after=2.0)
    exposure(scene(0), 100.0)
    assert not any(exposure.counts.values())
    other = scene(1, offset=12000)
    np.testing.assert_array_equal(exposure(other, stamp), Exposure(mode=mode)(other, 0.0))
    assert +exposure.counts == Counter({what: 1})


@every_mode
def test_a_change_of_depth_starts_anew(mode: str) -> None:
    exposure = Exposure(mode=mode)
    counts, floats = scene(0), scene(1, offset=300, spread=10.0).astype(np.float32)
    bytes_ = scene(2, offset=100, spread=20.0).astype(np.uint8)
    for k, frame in enumerate((counts, floats, bytes_, counts, counts)):
        fresh = Exposure(mode=mode)
        np.testing.assert_array_equal(exposure(frame, 0.1 * k), fresh(frame, 0.0))
    assert +exposure.counts == Counter({'depth change': 3, 'frozen': 1})


def test_a_frame_that_is_refused_leaves_no_trace() -> None:
    exposure, other = Exposure(), Exposure()
    wrong = np.full((64, 80), np.nan, np.float32)
    for e in (exposure, other):
        e(scene(0), 0.0)
    with pytest.raises(FrameError) as caught:
        exposure(wrong, 0.1)
    assert caught.value.cause == 'not finite'
    probe = scene(1, offset=8000)
    np.testing.assert_array_equal(exposure(probe, 0.2), other(probe, 0.2))
    assert not any(exposure.counts.values())


@pytest.mark.parametrize(
    'shutter',
    [np.full((64, 80), 7400, np.uint16), scene(9, offset=7400, spread=3.0)],
    ids=['flat', 'almost flat'],
)
@every_mode
def test_shut_shutter_does_not_move_the_window(mode: str, shutter: np.ndarray) -> None:
    with_shutter, without = Exposure(mode=mode), Exposure(mode=mode)
    for exposure in (with_shutter, without):
        exposure(scene(0), 0.0)
    for k in range(1, 6):
        with_shutter(shutter, 0.1 * k)
    assert with_shutter.held == 5
    assert +with_shutter.counts == Counter({'flat': 5, 'frozen': 4})
    probe = scene(2)
    np.testing.assert_array_equal(with_shutter(probe, 0.5), without(probe, 0.0))


@every_mode
def test_frozen_frames_do_not_move_the_window(mode: str) -> None:
    exposure = Exposure(mode=mode)
    exposure(scene(0), 0.0)
    step = scene(1, offset=9000)
    first = exposure(step, 0.1)
    frozen = [exposure(step, 0.1 + 0.1 * k) for k in range(1, 6)]
    assert exposure.held == 5
    assert +exposure.counts == Counter({'frozen': 5})
    for picture in frozen:
        np.testing.assert_array_equal(picture, first)


def test_8_bit_frames_that_repeat_or_show_nothing_are_counted() -> None:
    exposure = Exposure()
    picture = scene(0, spread=20.0).astype(np.uint8)
    for k, frame in enumerate((picture, picture, np.zeros_like(picture), picture)):
        assert exposure(frame, float(k)) is frame
    assert +exposure.counts == Counter({'frozen': 1, 'flat': 1})


@following
@pytest.mark.parametrize('offset', [5500, 7000])
def test_hold_ends_when_the_scene_really_is_flat(mode: str, offset: int) -> None:
    """A wall that fills the picture is no shutter: after `reset_after` the window goes there.

    The first 20 frames, up to two seconds, are flat; after the next one they are the usual. The
    window does not go there slowly: a step of the default time constant every two seconds would
    leave the picture black for a minute.
    """
    exposure = Exposure(mode=mode)
    exposure(scene(0, spread=400.0), 0.0)
    for k in range(1, 25):
        picture = exposure(scene(100 + k, offset, spread=10.0), 0.1 * k)
    assert picture.std() > 40
    assert 20 <= exposure.counts['flat'] <= 22


@following
@pytest.mark.parametrize(
    'broken',
    [
        np.random.default_rng(0).integers(0, 65536, (64, 80), np.uint16),
        np.where(np.arange(80) < 10, np.float32(1e20), scene(0)).astype(np.float32),
    ],
    ids=['noise of all bits', 'huge floats'],
)
def test_a_broken_first_frame_is_forgotten(mode: str, broken: np.ndarray) -> None:
    """A camera's first frame may span anything; all that follow look flat beside it."""
    exposure = Exposure(mode=mode)
    exposure(broken, 0.0)
    for k in range(1, 25):
        picture = exposure(scene(k, spread=60.0).astype(broken.dtype), 0.1 * k)
    assert picture.std() > 40


@following
def test_a_still_picture_without_noise_is_shown(mode: str) -> None:
    """Frames that repeat for longer than a shutter is shut get the window of their own."""
    exposure = Exposure(mode=mode)
    exposure(scene(0), 0.0)
    still = scene(1, offset=9000)
    for k in range(1, 25):
        picture = exposure(still, 0.1 * k)
    assert np.array_equal(picture, Exposure(mode=mode)(still, 0.0))


@following
def test_flat_frames_only_are_black(mode: str) -> None:
    exposure = Exposure(mode=mode)
    assert not exposure(np.full((8, 8), 7000, np.uint16), 0.0).any()
    assert exposure.counts['flat'] == 1
    assert exposure(scene(0), 0.1).max() == 255


@pytest.mark.parametrize(
    ('frame', 'cause'),
    [
        (np.zeros((8, 8), np.float64), 'depth'),
        (np.zeros((8, 8), np.int16), 'depth'),
        (np.zeros((8, 8, 1), np.uint16), 'depth'),
        (np.zeros((0, 8), np.uint16), 'empty'),
        (np.zeros((0, 8), np.uint8), 'empty'),
        (np.zeros((8, 8), '>u2'), 'depth'),
        (np.zeros((8, 8), '>f4'), 'depth'),
    ],
)
def test_other_frames_are_refused(frame: np.ndarray, cause: str) -> None:
    with pytest.raises(FrameError, match=r'uint8, uint16 or float32 \[H, W\], got') as caught:
        Exposure()(frame, 0.0)
    assert caught.value.cause == cause


@pytest.mark.parametrize(
    'arguments',
    [
        {'low': 99.0, 'high': 1.0},
        {'high': 101.0},
        {'time_constant': -1.0},
        {'time_constant': np.nan},
        {'reset_after': 0.0},
        {'mode': 'auto'},
        {'range_low': 100.0, 'range_high': 100.0},
        {'range_high': np.inf},
        {'clahe_clip': 0.0},
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match='must'):
        Exposure(**arguments)
