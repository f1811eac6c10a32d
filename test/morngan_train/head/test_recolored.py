"""Other colours at low resolution, the same detail."""

import torch
from torch.nn import functional as F

from morngan_train.head.training import recolored


def test_colours_change_where_they_are_known_and_detail_stays():
    torch.manual_seed(0)
    detail = 0.1 * torch.randn(2, 3, 64, 64)
    detail -= F.interpolate(F.adaptive_avg_pool2d(detail, 4), size=(64, 64), mode='bilinear')
    picture = detail + 0.2
    color = torch.full((2, 3, 4, 4), -0.3)
    result = recolored(picture, color, torch.tensor([True, False]))
    assert torch.equal(result[1], picture[1])
    torch.testing.assert_close(F.adaptive_avg_pool2d(result[:1], 4), color[:1], atol=0.03, rtol=0)
    change = (result - picture)[0]
    assert change.std() < 0.1 * detail.std() + 0.02


def test_what_leaves_the_range_is_cut():
    result = recolored(torch.ones(1, 3, 8, 8), torch.ones(1, 3, 2, 2) * 1.5, torch.tensor([True]))
    assert result.max() == 1
