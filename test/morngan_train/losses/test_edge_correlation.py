"""The local pattern of gradients, against numpy."""

import numpy as np
import pytest
import torch

from morngan_train.losses.edge_correlation import edge_correlation_loss
from morngan_train.losses.edge_correlation import FLATNESS
from morngan_train.losses.edge_correlation import WINDOW
from morngan_train.losses.gradient import gradient_magnitude


def noise(seed: int, side: int = 64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, 1, side, side, generator=generator).expand(-1, 3, -1, -1) * 2 - 1


def test_one_window_by_hand():
    fake, source = noise(1, WINDOW), noise(2, WINDOW)
    f, r = (gradient_magnitude(x).flatten().double().numpy() for x in (fake, source))
    covariance = np.mean(f * r) - f.mean() * r.mean()
    expected = 1 - covariance / np.sqrt((f.var() + FLATNESS) * (r.var() + FLATNESS))
    assert edge_correlation_loss(fake, source).item() == pytest.approx(expected, rel=1e-3)


def test_inversion_and_contrast_cost_little():
    source = noise(1)
    assert edge_correlation_loss(-source, source).item() < 0.01
    assert edge_correlation_loss(0.3 * source, source).item() < 0.05


def test_another_picture_costs_one():
    assert edge_correlation_loss(noise(3), noise(4)).item() == pytest.approx(1, abs=0.1)


def test_places_with_strong_edges_count_more():
    source, fake = noise(1), noise(1).clone()
    source = source.clone()
    source[..., :32] *= 0.02  # hardly any edges on the left
    wrong_left, wrong_right = fake.clone(), fake.clone()
    wrong_left[..., :32] = noise(7)[..., :32]
    wrong_right[..., 32:] = noise(7)[..., 32:]
    left = edge_correlation_loss(wrong_left, source).item()
    assert edge_correlation_loss(wrong_right, source).item() > 3 * left


def test_no_gradient_reaches_the_source():
    fake, source = (noise(i).clone().requires_grad_() for i in (1, 2))
    edge_correlation_loss(fake, source).backward()
    assert torch.isfinite(fake.grad).all()
    assert source.grad is None
