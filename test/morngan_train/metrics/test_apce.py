"""APCE: exact cases, and the anchors that were measured on registered pairs."""

from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

from morngan_train.evaluation.colorizers import repeat
from morngan_train.metrics.apce import average_curve
from morngan_train.metrics.apce import kept_edges
from morngan_train.metrics.segmentation import mean


def apce(pictures: Sequence[np.ndarray]) -> float:
    """As `evaluate` makes one number of it: averaged over pictures, then over thresholds."""
    return mean(average_curve(pictures))


def test_identity_and_inversion_keep_every_edge() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (40, 50), np.uint8)
    assert apce([kept_edges(picture, repeat(picture))]) == 1.0
    assert apce([kept_edges(picture, repeat(255 - picture))]) == pytest.approx(1.0, abs=1e-3)


def test_it_is_a_recall() -> None:
    """Edges that colour adds cost nothing; those that it loses do."""
    few = np.zeros((40, 60), np.uint8)
    few[:, 20:] = 200
    more = few.copy()
    more[:, 40:] = 0
    assert apce([kept_edges(few, repeat(more))]) == 1.0
    assert apce([kept_edges(more, repeat(few))]) == pytest.approx(0.5)


def test_a_pixel_beside_is_lost() -> None:
    step, moved = np.zeros((2, 20, 40), np.uint8)
    step[:, 20:] = 200
    moved[:, 21:] = 200
    # Two columns of edges each, one in common.
    assert apce([kept_edges(step, repeat(moved))]) == pytest.approx(0.5)


def test_pictures_without_edges_do_not_count() -> None:
    flat = np.full((20, 40), 9, np.uint8)
    step = flat.copy()
    step[:, 20:] = 200
    empty, full = kept_edges(flat, repeat(step)), kept_edges(step, repeat(step))
    assert np.isnan(empty).all()
    assert apce([full, empty]) == 1.0
    assert apce([full, kept_edges(step, repeat(flat))]) == 0.5
    assert np.isnan(apce([empty]))


def test_pictures_are_averaged_before_thresholds() -> None:
    first, second = np.full((2, 99), np.nan)
    first[:] = 1.0
    second[:9] = 0.0
    # 9 thresholds at 1/2, 90 at 1: not the mean of the means of pictures.
    assert apce([first, second]) == pytest.approx((9 * 0.5 + 90) / 99)


def test_sizes_must_agree() -> None:
    with pytest.raises(ValueError, match='differ in size'):
        kept_edges(np.zeros((8, 9), np.uint8), np.zeros((9, 8, 3), np.uint8))


def _stretch(picture: np.ndarray) -> np.ndarray:
    low, high = int(picture.min()), int(picture.max())
    return np.rint((picture.astype(float) - low) * 255 / (high - low)).astype(np.uint8)


CHANGES: dict[str, tuple[Callable[[np.ndarray], np.ndarray], float]] = {
    'identity': (lambda p: p, 1.0),
    'inversion': (lambda p: 255 - p, 1.0),
    'stretch': (_stretch, 0.997),
    'shift': (lambda p: np.roll(p, 1, axis=1), 0.527),
    'blur': (lambda p: cv2.GaussianBlur(p, (0, 0), 1.5), 0.596),
}


@pytest.mark.parametrize('change', CHANGES)
def test_anchors(change: str, flir: Path) -> None:
    function, expected = CHANGES[change]
    frames = [cv2.imread(str(p), 0) for p in sorted((flir / 'testB_aligned_ir').glob('*.jpg'))]
    score = apce([kept_edges(frame, repeat(function(frame))) for frame in frames])
    assert score == pytest.approx(expected, abs=0.03)


def test_agrees_with_the_yardstick(flir: Path, yardstick: ModuleType) -> None:
    from PIL import Image

    frames = [cv2.imread(str(p), 0) for p in sorted((flir / 'testB').glob('*.png'))[::7]]
    colors = []
    for frame in frames:
        red = cv2.GaussianBlur(frame, (0, 0), 1.2)
        colors.append(np.stack([red, red, np.roll(frame, 1, axis=0)], axis=2))
    ours = apce([kept_edges(f, c) for f, c in zip(frames, colors, strict=True)])
    pairs = [(Image.fromarray(f), Image.fromarray(c)) for f, c in zip(frames, colors, strict=True)]
    assert ours == pytest.approx(yardstick.apce(pairs), abs=0.02)
    assert 0.1 < ours < 0.9
