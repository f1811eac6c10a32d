"""The term that keeps colours from one moment to the next."""

import pytest
import torch

from morngan_train.losses.steadiness import MOST_NOISE
from morngan_train.losses.steadiness import MOST_SHIFT
from morngan_train.losses.steadiness import second_view
from morngan_train.losses.steadiness import steadiness_loss


def test_the_second_view_moves_by_its_shift(monkeypatch):
    monkeypatch.setattr('morngan_train.losses.steadiness.MOST_NOISE', 0.0)
    frame = torch.rand(1, 1, 40, 50).expand(1, 3, 40, 50) * 2 - 1
    shifts = set()
    for _ in range(40):
        view, (dy, dx) = second_view(frame)
        shifts.add((dy, dx))
        assert view.shape == frame.shape
        assert max(abs(dy), abs(dx)) <= MOST_SHIFT
        assert torch.equal(view[0, 0, 20, 25], frame[0, 0, 20 + dy, 25 + dx])
    assert len(shifts) > 30


def test_noise_is_the_same_in_all_channels_and_bounded():
    frame = torch.zeros(64, 3, 64, 64)
    view, _ = second_view(frame)
    assert torch.equal(view, view[:, :1].expand(-1, 3, -1, -1))
    spreads = view[:, 0].flatten(1).std(1) / 2
    assert spreads.max() < 1.1 * MOST_NOISE
    assert spreads.mean() == pytest.approx(MOST_NOISE / 2, rel=0.25)


@pytest.mark.parametrize('shift', [(0, 0), (3, -5), (-7, 2), (12, 12), (-1, -12)])
def test_a_picture_that_moves_along_costs_nothing(shift):
    dy, dx = shift
    wide = torch.rand(2, 3, 64, 64)
    earlier = wide[..., 12:52, 12:52]
    later = wide[..., 12 + dy : 52 + dy, 12 + dx : 52 + dx]
    assert steadiness_loss(later, earlier, shift) == 0
    assert steadiness_loss(later, earlier, (dy + 1, dx)) > 0.1


def test_by_hand():
    earlier = torch.tensor([[[[0.0, 1.0, 0.5]]]])
    later = torch.tensor([[[[0.8, 0.5, -1.0]]]])  # moved by one column to the left
    # 0.8 against 1.0 and 0.5 against 0.5; the third has come in from outside.
    assert steadiness_loss(later, earlier, (0, 1)) == pytest.approx(0.1)


def test_only_the_later_picture_learns():
    earlier, later = (torch.rand(1, 3, 8, 8, requires_grad=True) for _ in range(2))
    steadiness_loss(later, earlier, (1, 2)).backward()
    assert earlier.grad is None
    assert later.grad is not None
