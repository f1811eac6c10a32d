"""The weighted cross-entropy by hand and picture by picture."""

import math

import pytest
import torch
from torch.nn import functional as F

from morngan_train.losses.segmentation import segmentation_loss


def scores(n: int, size: int) -> torch.Tensor:
    return torch.randn(n, 19, size, size, generator=torch.Generator().manual_seed(n)) * 2


def striped(*runs: tuple[int, int], size: int = 40) -> torch.Tensor:
    """Fill a picture of unlabelled pixels with runs of (class, pixels) in reading order."""
    flat = [label for label, pixels in runs for _ in range(pixels)]
    flat += [255] * (size * size - len(flat))
    return torch.tensor(flat).view(1, size, size)


def test_weights_by_hand():
    """1100 pixels of road weigh 1, 300 of car weigh 7: each class has a known entropy."""
    labels = striped((0, 1100), (13, 300))
    logits = torch.zeros(1, 19, 40, 40)
    logits[:, 0] = 3.0
    road = math.log(math.e**3 + 18) - 3
    car = math.log(math.e**3 + 18)
    expected = (1100 * road + 7 * 300 * car) / (1100 + 7 * 300)
    assert segmentation_loss(logits, labels).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(('pixels', 'weight'), [(1023, 7), (1024, 1)])
def test_small_means_fewer_than_1024_pixels(pixels, weight):
    labels = striped((2, pixels), (18, 10))
    logits = torch.zeros(1, 19, 40, 40)
    logits[:, 2] = 1.0
    building, bicycle = math.log(math.e + 18) - 1, math.log(math.e + 18)
    expected = (weight * pixels * building + 70 * bicycle) / (weight * pixels + 70)
    assert segmentation_loss(logits, labels).item() == pytest.approx(expected, rel=1e-5)


def test_batch_is_the_mean_over_pictures_with_labels():
    """Each picture has weights and a weighted mean of its own, which torch computes alone."""
    labels = torch.cat([striped((0, 1100), (13, 300)), striped(), striped((13, 1500), (0, 90))])
    logits = scores(3, 40)
    weights = torch.ones(3, 19)
    weights[0, 13] = weights[2, 0] = 7
    alone = [
        F.cross_entropy(logits[i : i + 1], labels[i : i + 1], weights[i], ignore_index=255)
        for i in (0, 2)
    ]
    expected = (alone[0] + alone[1]).item() / 2
    assert segmentation_loss(logits, labels).item() == pytest.approx(expected, rel=1e-5)


def test_gradient_reaches_labelled_pixels_alone():
    labels = torch.cat([striped((0, 30), (7, 20)), striped()])
    logits = scores(2, 40).requires_grad_()
    segmentation_loss(logits, labels).backward()
    taught = logits.grad.abs().sum(1) > 0
    assert torch.equal(taught, labels != 255)


@pytest.mark.parametrize('n', [1, 2])
def test_nothing_labelled_is_a_connected_zero(n):
    logits = scores(n, 8).requires_grad_()
    loss = segmentation_loss(logits, torch.full((n, 8, 8), 255))
    assert loss.item() == 0
    loss.backward()
    assert (logits.grad == 0).all()
