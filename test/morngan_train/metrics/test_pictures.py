"""PSNR, SSIM and flicker: values that can be worked out, and scikit-image."""

import numpy as np
import pytest

from morngan_train.evaluation.colorizers import repeat
from morngan_train.metrics.pictures import flicker
from morngan_train.metrics.pictures import psnr
from morngan_train.metrics.pictures import ssim


def test_psnr() -> None:
    picture = np.full((8, 8, 3), 100, np.uint8)
    assert psnr(picture, picture) == float('inf')
    assert psnr(picture, picture + np.uint8(10)) == pytest.approx(20 * np.log10(25.5))
    # Not wrapped around: 0 and 255 are far apart.
    assert psnr(picture * np.uint8(0), np.full_like(picture, 255)) == pytest.approx(0.0)


def test_ssim_against_scikit_image() -> None:
    metrics = pytest.importorskip('skimage.metrics')
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 256, (40, 50, 3), np.uint8)
    picture = (truth * 0.6 + rng.integers(0, 100, truth.shape)).astype(np.uint8)
    _, full = metrics.structural_similarity(
        picture,
        truth,
        channel_axis=2,
        gaussian_weights=True,
        use_sample_covariance=False,
        data_range=255,
        full=True,
    )
    expected = full[5:-5, 5:-5].mean()  # windows that lie inside
    assert ssim(picture, truth) == pytest.approx(expected, abs=1e-4)
    assert ssim(truth, truth) == pytest.approx(1.0)


def test_flicker_of_noise_that_passes_and_of_none() -> None:
    scene = np.full((120, 160), 128, np.uint8)
    # The difference of two normal values of deviation 2 is on average 2 * 2 / sqrt(pi).
    assert flicker(repeat, scene) == pytest.approx(4 / np.pi**0.5, rel=0.03)
    assert flicker(lambda frame: repeat(scene), scene) == 0.0
