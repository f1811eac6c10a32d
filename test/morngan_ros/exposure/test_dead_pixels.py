"""Pixels that are no number: a few are filled and counted, many refuse the frame."""

from collections import Counter

import numpy as np
import pytest

from morngan_ros.errors import FrameError
from morngan_ros.exposure import Exposure
from morngan_ros.exposure import MODES
from morngan_ros.exposure.dead_pixels import fill_dead_pixels
from morngan_ros.exposure.dead_pixels import MOST_FILLED


def ramp(height: int = 60, width: int = 80) -> np.ndarray:
    """Kelvin that rise along both axes, so that each place has its own."""
    rows, columns = np.mgrid[:height, :width]
    return (280 + 0.1 * rows + 0.05 * columns).astype(np.float32)


PLACES = {
    'one inside': np.s_[30, 40],
    'corner': np.s_[0, 0],
    'other corner': np.s_[-1, -1],
    'cluster': np.s_[20:26, 30:36],
    'part of a row': np.s_[11, 5:45],
    'part of a column': np.s_[10:50, 79],
}


@pytest.mark.parametrize('place', PLACES.values(), ids=PLACES)
def test_holes_get_what_is_around_them(place):
    scene = ramp()
    broken = scene.copy()
    broken[place] = np.nan
    changed = np.isnan(broken)
    filled, dead = fill_dead_pixels(broken)
    assert dead == changed.sum()
    np.testing.assert_array_equal(np.isnan(broken), changed)  # what came stays as it came
    np.testing.assert_array_equal(filled[~changed], scene[~changed])
    assert np.abs(filled - scene)[changed].max() < 0.5


def test_infinities_stay_hot_and_cold():
    broken = ramp()
    broken[5, 5], broken[9, 9] = np.inf, -np.inf
    filled, dead = fill_dead_pixels(broken)
    assert dead == 2
    assert filled[5, 5] == np.max(broken[np.isfinite(broken)])
    assert filled[9, 9] == np.min(broken[np.isfinite(broken)])


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16, np.float32])
def test_a_whole_frame_is_not_copied(dtype):
    counts = ramp().astype(dtype)
    filled, dead = fill_dead_pixels(counts)
    assert filled is counts
    assert dead == 0


def test_a_frame_that_may_not_be_written_to_is_filled_beside():
    broken = ramp()
    broken[3, 3] = np.nan
    broken.flags.writeable = False  # as the view of a message is
    assert np.isfinite(fill_dead_pixels(broken)[0]).all()


def test_a_cropped_frame_is_filled():
    scene = ramp()
    broken = scene.copy()
    broken[30, 40] = np.nan
    broken[:, :5] = np.nan
    filled, dead = fill_dead_pixels(broken[2:-2, 5:-5])
    assert dead == 1
    np.testing.assert_allclose(filled, scene[2:-2, 5:-5], atol=0.01)


@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_more_than_a_few_are_refused(value):
    broken = ramp()
    most = int(MOST_FILLED * broken.size)
    broken.reshape(-1)[:most] = value
    assert fill_dead_pixels(broken)[1] == most
    broken.reshape(-1)[most] = value
    with pytest.raises(FrameError, match=rf'{most + 1} of 4800 pixels.*1% .*crop_rows') as caught:
        fill_dead_pixels(broken)
    assert caught.value.cause == 'not finite'


@pytest.mark.parametrize('scale', [1e-30, 1.0, 1e36])
def test_counts_of_any_size_stay_finite(scale):
    broken = ramp() * np.float32(scale)
    broken[7, 7] = np.nan
    filled, _ = fill_dead_pixels(broken)
    assert filled[7, 7] == pytest.approx(ramp()[7, 7] * scale, rel=1e-3)


@pytest.mark.parametrize('mode', MODES)
def test_exposure_fills_and_counts(mode):
    scene, broken = ramp(), ramp()
    broken[PLACES['cluster']] = np.nan
    broken[0, 0] = np.nan
    arguments = {'mode': mode, 'range_low': 280.0, 'range_high': 290.0}
    whole, exposure = Exposure(**arguments), Exposure(**arguments)
    difference = exposure(broken, 0.0).astype(int) - whole(scene, 0.0)
    assert np.abs(difference).max() < 30
    assert np.count_nonzero(np.abs(difference) > 2) < 50
    assert +exposure.counts == Counter({'dead pixels': 37})


def test_a_refused_frame_counts_no_dead_pixels():
    exposure = Exposure()
    with pytest.raises(FrameError):
        exposure(np.full((60, 80), np.nan, np.float32), 0.0)
    assert not exposure.counts
