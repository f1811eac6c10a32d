"""What is missing of the edges of a picture, by its own scale."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
import torch

from morngan_train.losses.edge_recall import edge_recall_loss
from morngan_train.losses.edge_recall import smooth_gradients
from morngan_train.losses.edge_recall import THRESHOLDS


def columns(*heights: float, width: int = 24) -> torch.Tensor:
    """Steps of these heights, in u, from left to right: [1, 3, 32, ...] in [-1, 1]."""
    u = np.repeat(np.cumsum([0.0, *heights]), width)
    gray = torch.from_numpy(u).float() * 2 - 1
    return gray.expand(1, 3, 32, -1).clone()


def test_gradients_are_those_of_a_gaussian_filter():
    u = np.random.default_rng(0).random((40, 48))
    image = torch.from_numpy(u).float().mul(2).sub(1).expand(1, 3, -1, -1)
    gx = gaussian_filter(u, 2**0.5, order=(0, 1), mode='nearest', truncate=4 / 2**0.5)
    found = smooth_gradients(image)[0, 0].numpy()
    # Both are the derivative of a Gaussian, cut after four pixels and normalised a little apart.
    assert np.abs(found - gx)[4:-4, 4:-4].max() < 0.02 * np.abs(gx).max()


def test_a_ramp_has_its_slope():
    ramp = torch.linspace(0, 1, 33).mul(2).sub(1).expand(1, 3, 33, 33)
    gx, gy = smooth_gradients(ramp)[0, :, 16, 16].tolist()
    assert gx == pytest.approx(1 / 32, rel=1e-4)
    assert gy == pytest.approx(0, abs=1e-6)


def test_the_same_picture_lacks_nothing():
    assert edge_recall_loss(columns(0.5, -0.2), columns(0.5, -0.2)).item() < 1e-3


@pytest.mark.parametrize('change', [lambda x: -x, lambda x: 0.4 * x, lambda x: 0.3 - 0.5 * x])
def test_sign_and_strength_of_a_whole_picture_do_not_matter(change):
    source = columns(0.5, -0.3)
    assert edge_recall_loss(change(source), source).item() < 1e-3


def test_by_hand():
    """Two equal steps, the second kept at half: r falls off on both sides, f is r and r / 2."""
    t = np.arange(1, 5)
    # k pixels from the step, those weights t · exp(−t² / 4) of the kernel see it that reach so far.
    side = (t * np.exp(-(t**2) / 4))[::-1].cumsum()[::-1]
    r = np.tile(side / side[0], 2)
    missing = [np.maximum(t - r[r > t] / 2, 0).mean() / t for t in THRESHOLDS]
    loss = edge_recall_loss(columns(0.4, -0.2), columns(0.4, -0.4)).item()
    assert loss == pytest.approx(np.mean(missing) / 2, rel=0.02)


def test_an_edge_of_another_direction_is_none():
    source = columns(0.5, width=16)
    turned = source.transpose(2, 3).contiguous()
    assert edge_recall_loss(turned, source).item() > 0.8


def test_a_flat_picture_lacks_everything_and_has_a_finite_gradient():
    fake = torch.zeros(1, 3, 32, 48, requires_grad=True)
    loss = edge_recall_loss(fake, columns(0.5))
    loss.backward()
    assert loss.item() > 0.95
    assert torch.isfinite(fake.grad).all()


def test_a_flat_source_asks_for_nothing():
    noise = torch.randn(1, 3, 32, 32) * 0.5
    assert edge_recall_loss(noise, torch.zeros(1, 3, 32, 32)).item() == 0
