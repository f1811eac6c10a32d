"""Colour that is known at low resolution only."""

import pytest
import torch

from morngan_train.losses.low_resolution import low_resolution_loss


def test_detail_costs_nothing():
    """Pixels of -1 and 1 in turn are grey from afar."""
    board = torch.ones(1, 3, 8, 8)
    board[..., ::2] = -1
    assert low_resolution_loss(board, torch.zeros(1, 3, 2, 2)).item() == 0


def test_a_wrong_colour_costs_its_distance():
    fake = torch.zeros(1, 3, 8, 8)
    fake[:, 0, :4] = 0.5  # the upper half is too red
    loss = low_resolution_loss(fake, torch.zeros(1, 3, 2, 2))
    assert loss.item() == pytest.approx(0.5 / 2 / 3)
