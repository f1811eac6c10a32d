"""ACCS of PearlGAN, by hand and against plain loops."""

import math

import pytest
import torch

from morngan_train.losses.attention_similarity import accs_loss

RANDOM = torch.Generator().manual_seed(0)


def picture(n: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    features = torch.randn(n, 5, 4, 3, generator=RANDOM)
    return features, torch.rand(n, 3, 4, 3, generator=RANDOM)


def two_pixels(left: list[float], right: list[float]) -> torch.Tensor:
    """Return the features of two pixels, [1, 2, 1, 2]."""
    return torch.tensor([left, right]).T[None, :, None, :]


EAST_AND_NORTH = two_pixels([2.0, 0.0], [0.0, 3.0])
LEFT_THEN_RIGHT = torch.tensor([[[[1.0, 0.0]], [[0.0, 0.5]]]])
"""The first scale looks at the left pixel, the second one, half as sure, at the right."""


def test_scales_that_find_the_same_cost_nothing():
    loss = accs_loss(EAST_AND_NORTH, LEFT_THEN_RIGHT, 7 * EAST_AND_NORTH, LEFT_THEN_RIGHT)
    assert loss.item() == 0


def test_scales_that_are_exchanged_by_hand():
    """Each finds what the other one finds abroad: 1 − 0 for both, whatever their weights are."""
    exchanged = two_pixels([0.0, 3.0], [2.0, 0.0])
    loss = accs_loss(EAST_AND_NORTH, LEFT_THEN_RIGHT, exchanged, LEFT_THEN_RIGHT)
    assert loss.item() == pytest.approx(1, abs=1e-5)


def test_one_scale_that_strays_by_hand():
    """Abroad both scales find the north: only the first is missed, and they overlap there.

    Cosines are [[0, 0], [1, 1]] with the diagonal 0 and 1: nothing is nearer. Seen from abroad,
    [[0, 1], [0, 1]]: the first misses 1 − 0, with the weight min(1, 1) of 1 + 0.5. The overlap
    abroad is 2 of 4 cosines.
    """
    north = two_pixels([0.0, 1.0], [0.0, 1.0])
    there = accs_loss(EAST_AND_NORTH, LEFT_THEN_RIGHT, north, LEFT_THEN_RIGHT)
    assert there.item() == pytest.approx(0.25 * 0.5)
    back = accs_loss(north, LEFT_THEN_RIGHT, EAST_AND_NORTH, LEFT_THEN_RIGHT)
    assert back.item() == pytest.approx(1 / 1.5 + 0.25 * 0.5, rel=1e-5)


def by_loops(
    features: torch.Tensor, maps: torch.Tensor, others: torch.Tensor, other_maps: torch.Tensor
) -> float:
    """Follow the definition pixel by pixel, for one picture."""

    def means(features, maps):
        channels, height, width = features.shape
        result = []
        for scale in maps:
            mean = [0.0] * channels
            for c in range(channels):
                for y in range(height):
                    for x in range(width):
                        mean[c] += float(scale[y, x] * features[c, y, x]) / float(scale.sum())
            length = math.sqrt(sum(value**2 for value in mean))
            result.append([value / length for value in mean])
        return result

    def cosine(a, b):
        return sum(x * y for x, y in zip(a, b, strict=True))

    def overlap(parts):
        pairs = [cosine(a, b) for i, a in enumerate(parts) for j, b in enumerate(parts) if i != j]
        return max(sum(pairs) / len(parts) ** 2, 0)

    ours, theirs = means(features, maps), means(others, other_maps)
    top = bottom = 0.0
    for i, mine in enumerate(ours):
        cosines = [cosine(mine, other) for other in theirs]
        weight = min(float(maps[i].max()), float(other_maps[i].max()))
        top += weight * (max(cosines) - cosines[i])
        bottom += weight
    return top / (bottom + 1e-6) + 0.25 * (overlap(ours) + overlap(theirs))


def test_equals_plain_loops():
    ours, theirs = picture(3), picture(3)
    expected = [by_loops(*pair) for pair in zip(*ours, *theirs, strict=True)]
    assert accs_loss(*ours, *theirs).item() == pytest.approx(sum(expected) / 3, rel=1e-5)


def test_the_maps_alone_learn():
    inputs = [x.requires_grad_() for x in (*picture(), *picture())]
    accs_loss(*inputs).backward()
    assert [x.grad is not None for x in inputs] == [False, True, False, True]
