"""Where conditional gradient repair acts: the background masks, id by id."""

import pytest
import torch

from morngan_train.classes import Label
from morngan_train.losses.conditional_gradient import background_mask
from morngan_train.losses.conditional_gradient import cgr_loss

IDS = [*range(19), 255]


@pytest.mark.parametrize(
    ('unlabelled', 'inside'),
    [
        (True, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255}),
        (False, {0, 1, 2, 3, 4, 5, 8, 9, 10}),  # buildings have windows; no light, sign or 255
    ],
)
def test_mask_of_every_id(unlabelled, inside):
    labels = torch.tensor(IDS).view(1, 4, 5).repeat(2, 1, 1)
    mask = background_mask(labels, unlabelled=unlabelled)
    assert mask.shape == (2, 1, 4, 5)
    assert mask.dtype == torch.float32
    assert torch.equal(mask[0], mask[1])
    assert dict(zip(IDS, mask[0].flatten().tolist(), strict=True)) == {
        i: float(i in inside) for i in IDS
    }


def test_the_paper_repairs_window_frames():
    """Section 3.5 wants the edges within buildings kept; those of lights are objects' own."""
    source, fake = step(0.8), step(0.4)
    labels = torch.zeros(1, 24, 24, dtype=torch.long)
    for label, expected in [(Label.BUILDING, 0.5), (Label.LIGHT, 0.0)]:
        mask = background_mask(labels.fill_(label), unlabelled=False)
        assert cgr_loss(fake, source, mask).item() == pytest.approx(expected, rel=1e-3)


def step(height: float) -> torch.Tensor:
    """One step of a height in u in the middle of a picture of 24 x 24 pixels."""
    x = torch.full((1, 3, 24, 24), -1.0)
    x[..., 12:] += 2 * height
    return x


def test_mask_decides_what_is_repaired():
    """Half of the step is missing: on the road that costs 0.5, on a car nothing."""
    source, fake = step(0.8), step(0.4)
    labels = torch.zeros(1, 24, 24, dtype=torch.long)
    for label, expected in [(0, 0.5), (13, 0.0)]:
        mask = background_mask(labels.fill_(label), unlabelled=True)
        assert cgr_loss(fake, source, mask).item() == pytest.approx(expected, rel=1e-3)


def test_a_batch_with_an_empty_mask():
    """The second picture has no background: it adds 0 to the mean and finite gradients."""
    source, fake = step(0.8).repeat(2, 1, 1, 1), step(0.4).repeat(2, 1, 1, 1).requires_grad_()
    labels = torch.full((2, 24, 24), 255)
    labels[0] = 10
    loss = cgr_loss(fake, source, background_mask(labels, unlabelled=False))
    assert loss.item() == pytest.approx(0.25, rel=1e-3)
    loss.backward()
    assert torch.isfinite(fake.grad).all()
    assert fake.grad[0].abs().sum() > 0
    assert (fake.grad[1] == 0).all()
