"""Distance of normalised features, by hand."""

import pytest
import torch

from morngan_train.losses.perceptual import perceptual_loss


def features(*channels: float) -> torch.Tensor:
    """One place with these channels, twice over."""
    return torch.tensor(channels, dtype=torch.float32).view(1, -1, 1, 1).expand(1, -1, 1, 2)


def test_only_directions_count():
    assert perceptual_loss([features(3, 4)], [features(6, 8)]).item() == pytest.approx(0, abs=1e-6)


def test_orthogonal_and_opposite_features():
    assert perceptual_loss([features(2, 0)], [features(0, 5)]).item() == pytest.approx(2)
    assert perceptual_loss([features(1, 1)], [features(-1, -1)]).item() == pytest.approx(4)


def test_levels_count_alike_whatever_their_size():
    fine = torch.zeros(1, 2, 8, 8)
    fine[:, 0] = 1
    other = fine.roll(1, dims=1)
    same = features(1, 0)
    assert perceptual_loss([fine, same], [other, same]).item() == pytest.approx(1)


def test_no_gradient_reaches_the_target():
    fake, target = (torch.randn(1, 3, 4, 4, requires_grad=True) for _ in range(2))
    perceptual_loss([fake], [target]).backward()
    assert fake.grad is not None
    assert target.grad is None
