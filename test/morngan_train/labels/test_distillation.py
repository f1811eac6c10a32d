"""Label mining and completion against cases worked by hand."""

import pytest
import torch

from morngan_train.classes import CLASSES
from morngan_train.classes import Label
from morngan_train.classes import UNLABELLED
from morngan_train.labels.distillation import complete
from morngan_train.labels.distillation import mine

BACKGROUND = [0, 1, 3, 4, 5, 8, 9, 10]
FOREGROUND = [2, 6, 7, *range(11, 19)]


def predictions(*pixels: tuple[int, float]) -> torch.Tensor:
    """One row of pixels, each with a class and its probability; the others share the rest."""
    p = torch.stack([torch.full((CLASSES,), (1 - value) / (CLASSES - 1)) for _, value in pixels])
    for row, (label, value) in zip(p, pixels, strict=True):
        row[label] = value
    return p.T[None, :, None]


def test_each_class_has_its_threshold():
    """.97 is enough for buildings and objects, not for the background (Eq. 9)."""
    p = predictions(*((label, 0.97) for label in range(CLASSES)))
    mined = mine(p, p)[0, 0]
    assert mined.dtype == torch.int64
    assert mined[FOREGROUND].tolist() == FOREGROUND
    assert mined[BACKGROUND].tolist() == [UNLABELLED] * len(BACKGROUND)


@pytest.mark.parametrize('p_b', [0.96, 0.94])
@pytest.mark.parametrize('p_a', [0.96, 0.94])
def test_both_must_be_sure_or_the_first_only(p_b, p_a):
    first, second = predictions((Label.CAR, p_b)), predictions((Label.CAR, p_a))
    assert (mine(first, second).item() == Label.CAR) == (p_b > 0.95 and p_a > 0.95)
    assert (mine(first, second, agreement='first').item() == Label.CAR) == (p_b > 0.95)


@pytest.mark.parametrize('agreement', ['both', 'first'])
def test_disagreement_is_unlabelled(agreement):
    p_b = predictions((Label.CAR, 0.999), (Label.ROAD, 0.999))
    p_a = predictions((Label.TRUCK, 0.999), (Label.ROAD, 0.999))
    assert mine(p_b, p_a, agreement=agreement)[0, 0].tolist() == [UNLABELLED, Label.ROAD]


def test_without_the_second_network_the_first_decides():
    p_b = predictions((Label.CAR, 0.96), (Label.ROAD, 0.96), (Label.ROAD, 0.995), (Label.CAR, 0.9))
    assert mine(p_b, None)[0, 0].tolist() == [Label.CAR, UNLABELLED, Label.ROAD, UNLABELLED]
    relaxed = mine(p_b, None, theta_bg=0.95)[0, 0].tolist()
    assert relaxed == [Label.CAR, Label.ROAD, Label.ROAD, UNLABELLED]


def test_the_threshold_itself_is_sure():
    """Eq. 8 has ≥; .75 and .5 are exact in binary."""
    p = predictions((Label.CAR, 0.5), (Label.ROAD, 0.75), (Label.ROAD, 0.5))
    mined = mine(p, p, theta_fg=0.5, theta_bg=0.75)[0, 0].tolist()
    assert mined == [Label.CAR, Label.ROAD, UNLABELLED]


def test_completion_only_fills_what_is_open_and_sure():
    """Above .95 where the label is 255; known labels stay."""
    labels = torch.tensor([[[UNLABELLED, UNLABELLED, Label.SKY, UNLABELLED]]])
    p_a = predictions((Label.ROAD, 0.96), (Label.ROAD, 0.94), (Label.ROAD, 0.99), (Label.BUS, 1.0))
    completed = complete(labels, p_a)
    assert completed.dtype == torch.int64
    assert completed[0, 0].tolist() == [Label.ROAD, UNLABELLED, Label.SKY, Label.BUS]
    assert labels[0, 0].tolist() == [UNLABELLED, UNLABELLED, Label.SKY, UNLABELLED]


def test_completion_must_exceed_the_threshold():
    labels = torch.full((1, 1, 1), UNLABELLED)
    assert complete(labels, predictions((Label.ROAD, 0.75)), 0.75).item() == UNLABELLED
    assert complete(labels, predictions((Label.ROAD, 0.75)), 0.74).item() == Label.ROAD


def test_labels_carry_no_gradient_and_batches_are_independent():
    p = torch.randn(3, CLASSES, 8, 8, generator=torch.Generator().manual_seed(0)).mul(8)
    p = p.requires_grad_().softmax(1)
    labels = torch.full((3, 8, 8), UNLABELLED)
    for rule in (lambda p, i: mine(p, p), lambda p, i: complete(labels[i], p)):
        together = rule(p, slice(None))
        assert not together.requires_grad
        apart = torch.cat([rule(p[i : i + 1], slice(i, i + 1)) for i in range(3)])
        assert torch.equal(together, apart)
        assert 0 < (together == UNLABELLED).sum() < together.numel()
