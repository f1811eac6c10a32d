"""The temperature regulariser by hand."""

import pytest
import torch

from morngan_train.losses.temperature import temperature_loss

ROAD, PERSON = 0, 11


def scene(road: tuple[float, float], people: tuple[float, ...]) -> torch.Tensor:
    """Two pixels of road, then people, then a wall that is colder than everything: u in [0, 1]."""
    u = torch.tensor([*road, *people, 0.0])
    return (2 * u - 1).expand(1, 3, 1, -1).clone()


LABELS = torch.tensor([[[ROAD, ROAD, PERSON, PERSON, 3]]])


def test_cold_people_by_hand():
    """The road's mean is 0.5, the coldest person's pixel 0.2."""
    loss = temperature_loss(scene((0.4, 0.6), (0.9, 0.2)), LABELS)
    assert loss.item() == pytest.approx(0.3 / 0.5001, rel=1e-5)


def test_warm_people_cost_nothing():
    assert temperature_loss(scene((0.4, 0.6), (0.9, 0.51)), LABELS).item() == 0


def test_colour_counts_by_its_luminance():
    fake = scene((0.5, 0.5), (0.9, 0.0))
    fake[0, 0, 0, 3] = 1.0  # pure red: 0.299
    loss = temperature_loss(fake, LABELS)
    assert loss.item() == pytest.approx((0.5 - 0.299) / 0.5001, rel=1e-5)


def test_only_the_coldest_pixel_of_people_is_taught():
    fake = scene((0.4, 0.6), (0.9, 0.2)).requires_grad_()
    temperature_loss(fake, LABELS).backward()
    taught = fake.grad[0].sum(0)[0]
    # d/dx of −v / 0.5001 with v = (x + 1) / 2: towards warmer.
    assert taught.tolist() == pytest.approx([0, 0, 0, -0.5 / 0.5001, 0], rel=1e-5)


@pytest.mark.parametrize('missing', [ROAD, PERSON])
def test_road_or_people_missing_is_a_connected_zero(missing):
    labels = LABELS.masked_fill(LABELS.eq(missing), 255)
    fake = scene((0.4, 0.6), (0.9, 0.2)).requires_grad_()
    loss = temperature_loss(fake, labels)
    assert loss.item() == 0
    loss.backward()
    assert (fake.grad == 0).all()


def test_without_road_even_a_rounding_error_costs_nothing():
    """People a hair below black: 1e-6 / ε would be a hundredth."""
    people = torch.full((1, 3, 4, 4), -1 - 2e-6)
    assert temperature_loss(people, torch.full((1, 4, 4), PERSON)).item() == 0


def test_black_road_gives_no_nan():
    fake = scene((0.0, 0.0), (0.0, 0.0)).requires_grad_()
    loss = temperature_loss(fake, LABELS)
    assert loss.item() == 0
    loss.backward()
    assert torch.isfinite(fake.grad).all()


def test_batch_is_the_mean_over_all_pictures():
    fakes = scene((0.4, 0.6), (0.9, 0.2)).repeat(3, 1, 1, 1)
    fakes[1] = scene((1.0, 1.0), (0.5, 0.6))
    labels = LABELS.repeat(3, 1, 1)
    labels[2] = 255
    expected = (0.3 / 0.5001 + 0.5 / 1.0001) / 3
    assert temperature_loss(fakes, labels).item() == pytest.approx(expected, rel=1e-5)
