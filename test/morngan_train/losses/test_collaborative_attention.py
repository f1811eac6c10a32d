"""Adaptive collaborative attention by hand and against plain loops."""

import numpy as np
import pytest
import torch

from morngan_train.classes import Label
from morngan_train.losses.collaborative_attention import aca_loss
from morngan_train.losses.collaborative_attention import MERGED
from morngan_train.losses.collaborative_attention import SEPARATE
from morngan_train.losses.kmeans import cosine_kmeans

SIDE = 6
PARTS = torch.eye(4)


def empty() -> torch.Tensor:
    return torch.full((1, SIDE, SIDE), 255)


def features(*rows: torch.Tensor) -> torch.Tensor:
    """Put features in reading order into a map [1, 4, 6, 6]; noise fills the rest."""
    rest = torch.randn(SIDE * SIDE - len(rows), 4, generator=torch.Generator().manual_seed(0))
    return torch.cat([torch.stack(rows), rest]).T.reshape(1, 4, SIDE, SIDE).clone()


def first(pixels: int, *labels: int) -> torch.Tensor:
    """Label the first pixels in reading order, with the labels in turn."""
    mask = empty()
    for i in range(pixels):
        mask.view(-1)[i] = labels[i % len(labels)]
    return mask


REAL = features(*PARTS, *PARTS)
"""A real object of four orthogonal parts, each on two pixels: these parts are the centres."""


def test_groups():
    assert [[int(label) for label in group] for group in MERGED] == [
        [6],
        [7],
        [11],
        [13, 14, 15, 16],
        [17],
    ]
    assert [[int(label) for label in group] for group in SEPARATE] == [
        [6],
        [7],
        [11],
        [14],
        [15],
        [17],
    ]


@pytest.mark.parametrize('seed', range(5))
def test_a_fake_of_one_part_by_hand(seed):
    """Every pixel looks like a part (μ = 1) but three of four parts are missing (τ = 1/4)."""
    torch.manual_seed(seed)
    fake = features(*[PARTS[0] * 3] * 6)
    loss = aca_loss(REAL, fake, first(8, Label.PERSON), first(6, Label.PERSON))
    assert loss.item() == pytest.approx(0.9 - 0.25, rel=1e-5)


def test_a_blurred_fake_by_hand():
    """The mean of all parts has cosine 1/2 to each: μ = τ = 1/2."""
    fake = features(*[PARTS.mean(0)] * 6)
    loss = aca_loss(REAL, fake, first(8, Label.SIGN), first(6, Label.SIGN))
    assert loss.item() == pytest.approx(2 * (0.9 - 0.5), rel=1e-5)


def test_the_real_object_costs_nothing():
    loss = aca_loss(REAL, REAL, first(8, Label.LIGHT), first(8, Label.LIGHT))
    assert loss.item() == 0


def reference(real, fake, day, night, clusters) -> float:
    """Equations 13 to 16 for one group with plain loops, around the same centres."""
    ra = [real[:, i, j] for i in range(SIDE) for j in range(SIDE) if day[i, j] == Label.PERSON]
    fa = [fake[:, i, j] for i in range(SIDE) for j in range(SIDE) if night[i, j] == Label.PERSON]
    centres = cosine_kmeans(torch.stack(ra), clusters)

    def statistics(rows):
        y = np.array([[float(u @ f / (u.norm() * f.norm())) for f in rows] for u in centres])
        return sum(y.max(0)) / len(rows), sum(y.max(1)) / clusters

    (mu_ra, tau_ra), (mu_fa, tau_fa) = statistics(ra), statistics(fa)
    return max(0.9 * mu_ra - mu_fa, 0) + max(0.9 * tau_ra - tau_fa, 0)


@pytest.mark.parametrize('clusters', [2, 4, 6])
def test_equals_plain_loops(clusters):
    generator = torch.Generator().manual_seed(clusters)
    real, fake = torch.randn(2, 7, SIDE, SIDE, generator=generator)
    day, night = torch.where(torch.rand(2, SIDE, SIDE, generator=generator) < 0.5, 11, 10)
    torch.manual_seed(5)
    loss = aca_loss(real[None], fake[None], day[None], night[None], clusters=clusters)
    torch.manual_seed(5)
    expected = reference(real, fake, day, night, clusters)
    assert expected > 0
    assert loss.item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(('day', 'night', 'present'), [(5, 5, True), (4, 5, False), (5, 4, False)])
def test_a_group_needs_more_pixels_than_clusters_in_both(day, night, present):
    fake = features(*[-PARTS.mean(0)] * 5)
    loss = aca_loss(REAL, fake, first(day, Label.SIGN), first(night, Label.SIGN))
    assert (loss.item() > 0) == present


def test_the_mean_over_groups():
    """Person costs 0.65 and sign 0.8; of five or six groups the others are absent."""
    real = features(*PARTS, *PARTS, *PARTS, *PARTS)
    fake = features(*[PARTS[0]] * 8, *[PARTS.mean(0)] * 8)
    labels = first(16, Label.PERSON)
    labels.view(-1)[8:16] = Label.SIGN
    pair = (real, fake, labels, labels)
    assert aca_loss(*pair).item() == pytest.approx((0.65 + 0.8) / 2, rel=1e-5)
    assert aca_loss(*pair, mean_over='all').item() == pytest.approx(1.45 / 5, rel=1e-5)
    separate = aca_loss(*pair, groups=SEPARATE, mean_over='all')
    assert separate.item() == pytest.approx(1.45 / 6, rel=1e-5)


def test_vehicles_are_one_group_only_when_merged():
    """Four cars, trucks, buses by day meet trains by night; alone none of them is present."""
    fake = features(*[PARTS[0]] * 6)
    pair = (REAL, fake, first(8, 13, 14, 15), first(6, 16))
    assert aca_loss(*pair).item() == pytest.approx(0.65, rel=1e-5)
    assert aca_loss(*pair, groups=SEPARATE).item() == 0


def test_real_features_of_zero_are_dropped():
    """Four zeros would pull the responses down, and do not count as pixels."""
    zeros = [torch.zeros(4)] * 4
    fake = features(*[PARTS[0]] * 6)
    night = first(6, Label.PERSON)
    real = features(*zeros, *PARTS, *PARTS)
    assert aca_loss(real, fake, first(12, 11), night).item() == pytest.approx(0.65, rel=1e-5)
    assert aca_loss(real, fake, first(8, 11), night).item() == 0


def test_labels_are_resized_to_the_features_by_nearest_neighbour():
    """Of each 4x4 pixels the first one counts; ids are never mixed."""
    day, night = first(8, Label.PERSON), first(6, Label.PERSON)
    large = [torch.full((1, 4 * SIDE, 4 * SIDE), int(Label.SKY)) for _ in range(2)]
    large[0][:, ::4, ::4], large[1][:, ::4, ::4] = day, night
    fake = features(*[PARTS[0]] * 6)
    assert aca_loss(REAL, fake, *large).item() == pytest.approx(0.65, rel=1e-5)


def test_a_batch_is_the_mean_over_pictures():
    """Pair 1 costs 0.65, pair 2 has nothing in common, pair 3 costs 0.8."""
    fakes = [features(*[PARTS[0]] * 6), REAL, features(*[PARTS.mean(0)] * 6)]
    days = [first(8, 11), first(8, 11), first(8, 7)]
    nights = [first(6, 11), first(8, 7), first(6, 7)]
    loss = aca_loss(REAL.repeat(3, 1, 1, 1), torch.cat(fakes), torch.cat(days), torch.cat(nights))
    assert loss.item() == pytest.approx((0.65 + 0 + 0.8) / 3, rel=1e-5)


def test_only_the_fake_pixels_of_the_group_are_taught():
    real, fake = REAL.clone().requires_grad_(), features(*[PARTS.mean(0)] * 6).requires_grad_()
    # Off the mean, so that there is a direction in which the cosine rises.
    tilted = fake + torch.tensor([0.1, 0.0, 0.0, 0.0]).view(1, 4, 1, 1)
    aca_loss(real, tilted, first(8, 11), first(6, 11)).backward()
    assert real.grad is None
    taught = fake.grad[0].abs().sum(0).view(-1) > 0
    assert taught.nonzero().flatten().tolist() == list(range(6))


@pytest.mark.parametrize('n', [1, 2])
def test_nothing_in_common_is_a_connected_zero(n):
    fake = REAL.repeat(n, 1, 1, 1).requires_grad_()
    day, night = first(8, 11).repeat(n, 1, 1), empty().repeat(n, 1, 1)
    loss = aca_loss(REAL.repeat(n, 1, 1, 1), fake, day, night)
    assert loss.item() == 0
    loss.backward()
    assert (fake.grad == 0).all()


def test_fake_features_of_zero_give_finite_gradients():
    fake = torch.zeros(1, 4, SIDE, SIDE, requires_grad=True)
    loss = aca_loss(REAL, fake, first(8, 11), first(6, 11))
    assert loss.item() == pytest.approx(1.8, rel=1e-5)
    loss.backward()
    assert torch.isfinite(fake.grad).all()


def test_half_precision_features_are_compared_in_float32():
    fake = features(*[PARTS[0]] * 6)
    loss = aca_loss(REAL.bfloat16(), fake.bfloat16(), first(8, 11), first(6, 11))
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(0.65, rel=1e-5)
