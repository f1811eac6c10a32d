"""The colours that need no generator, on pictures whose answer is known."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from morngan_train.data.reading import DataError
from morngan_train.evaluation.baselines import HistogramColors
from morngan_train.evaluation.baselines import MeanPicture
from morngan_train.evaluation.colorizers import BASELINES
from morngan_train.evaluation.colorizers import open_colorizer
from morngan_train.metrics.canny import gray

RANGES = (-1.0, 1.0), (-1.0, 1.0)


def _save(path: Path, rgb: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    return path


def test_the_mean_covers_the_frame_with_the_middle_of_the_day(tmp_path: Path) -> None:
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, 20:40] = 200, 100, 0  # what a square frame sees of it
    square = np.full((40, 40, 3), 100, np.uint8)
    day = [_save(tmp_path / 'a.png', wide), _save(tmp_path / 'b.png', square)]
    guess = MeanPicture(day)
    picture = guess(np.zeros((40, 40), np.uint8))
    np.testing.assert_array_equal(picture, np.full((40, 40, 3), (150, 100, 50)))
    np.testing.assert_array_equal(guess(np.full((40, 40), 255, np.uint8)), picture)
    assert guess(np.zeros((10, 12), np.uint8)).shape == (10, 12, 3)


def test_ranks_decide_the_colour(tmp_path: Path) -> None:
    """Half of the day is dark blue, half bright yellow: so are the halves of any frame."""
    day = np.zeros((40, 40, 3), np.uint8)
    day[:20], day[20:] = (0, 0, 200), (220, 220, 0)
    guess = HistogramColors.of([_save(tmp_path / 'a.png', day)])
    for low, high in ((10, 11), (100, 255)):
        frame = np.full((8, 8), low, np.uint8)
        frame[:, 4:] = high
        picture = guess(frame)
        np.testing.assert_array_equal(picture[:, :4], np.full((8, 4, 3), (0, 0, 200)))
        np.testing.assert_array_equal(picture[:, 4:], np.full((8, 4, 3), (220, 220, 0)))


def test_the_histogram_becomes_that_of_the_day(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    day = rng.normal(150, 20, (200, 200, 3)).clip(0, 255).astype(np.uint8)
    guess = HistogramColors.of([_save(tmp_path / 'a.png', day)])
    frame = np.rint(rng.exponential(30, (100, 100))).clip(0, 255).astype(np.uint8)
    picture = gray(guess(frame))
    quantiles = [0.1, 0.25, 0.5, 0.75, 0.9]
    expected = np.quantile(gray(day), quantiles)
    np.testing.assert_allclose(np.quantile(picture, quantiles), expected, atol=2)
    # Order stays: warmer is brighter.
    order = np.argsort(frame.ravel(), kind='stable')
    assert (np.diff(picture.ravel()[order].astype(int)) >= -1).all()


def test_every_baseline_opens(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 256, (20, 24), np.uint8)
    colors = rng.integers(0, 256, (20, 24, 3), np.uint8)
    cv2.imwrite(str(_save(tmp_path / 'testB/a.png', colors)), frame)
    _save(tmp_path / 'trainA/day.png', colors)
    _save(tmp_path / 'testB_visible/a.png', colors)
    frames = [tmp_path / 'testB/a.png']
    pictures = {}
    for name in BASELINES:
        colorizer = open_colorizer(name, tmp_path, frames, 'cpu', RANGES)
        assert colorizer.about['model'] == name
        pictures[name], as_it_was = colorizer.picture(0, frame)
        assert as_it_was
        assert pictures[name].shape == (20, 24, 3)
    np.testing.assert_array_equal(pictures['visible'], colors)
    np.testing.assert_array_equal(pictures['raw'][..., 1], frame)
    (tmp_path / 'testB_visible/a.png').unlink()
    with pytest.raises(DataError, match='testB_visible lacks'):
        open_colorizer('visible', tmp_path, frames, 'cpu', RANGES)
