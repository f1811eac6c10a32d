"""Attentional diversity of PearlGAN by hand."""

import pytest
import torch

from morngan_train.losses.attention_diversity import attention_diversity
from morngan_train.losses.attention_diversity import attention_integration

MAPS = torch.tensor([[[[0.5, 1.0]], [[0.5, 0.0]], [[0.5, 0.0]]]])
"""Three maps of two pixels: the first belongs to all of them, the second to one alone."""


def test_diversity_by_hand():
    """Sums are 1.5 and 1, so that ((0.5 / 2)² + 0) / 2 = 1/32."""
    assert attention_diversity(MAPS).item() == pytest.approx(1 / 32)


def test_integration_by_hand():
    """The largest are 0.5 and 1: 1 − 0.75."""
    assert attention_integration(MAPS).item() == pytest.approx(0.25)


def test_one_scale_for_every_place_costs_nothing():
    owners = torch.randint(3, (2, 8, 8), generator=torch.Generator().manual_seed(0))
    maps = torch.nn.functional.one_hot(owners, 3).permute(0, 3, 1, 2).float()
    assert attention_diversity(maps) == attention_integration(maps) == 0


def test_the_mean_over_a_batch():
    other = torch.rand(1, 3, 1, 2, generator=torch.Generator().manual_seed(0))
    for loss in (attention_diversity, attention_integration):
        together = loss(torch.cat([MAPS, other]))
        torch.testing.assert_close(together, (loss(MAPS) + loss(other)) / 2)
