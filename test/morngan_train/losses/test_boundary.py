"""The boundary loss by hand and against plain loops."""

import numpy as np
import pytest
import torch

from morngan_train.losses.boundary import boundary_loss


def scores(n: int, size: int = 7) -> torch.Tensor:
    return torch.randn(n, 19, size, size, generator=torch.Generator().manual_seed(n)) * 2


def outline(z: np.ndarray) -> np.ndarray:
    """Loop over pixels: |z − sum of the 3x3 neighbours within the picture / 9|."""
    height, width = z.shape
    out = np.zeros_like(z)
    for i in range(height):
        for j in range(width):
            around = z[max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2]
            out[i, j] = abs(z[i, j] - around.sum() / 9)
    return out


def reference(logits: torch.Tensor, labels: torch.Tensor) -> float:
    p = np.exp(logits.double().numpy())
    p /= p.sum(0)
    wrong = wanted = 0.0
    for c in range(19):
        b_y, b_p = outline((labels.numpy() == c).astype(float)), outline(p[c])
        wrong += np.abs(b_y - b_p).sum()
        wanted += b_y.sum()
    return wrong / wanted


def test_equals_plain_loops():
    logits = scores(1)
    labels = torch.randint(0, 19, (1, 7, 7), generator=torch.Generator().manual_seed(0))
    labels[0, 2:5, 3:] = 255
    expected = reference(logits[0], labels[0])
    assert boundary_loss(logits, labels).item() == pytest.approx(expected, rel=1e-5)


def test_undecided_prediction_by_hand():
    """One class everywhere: its outline is the frame, and p = 1/19 shows 1/19 of it in each class.

    What is wrong is 18/19 of it in the class itself and 1/19 in each of the 18 others.
    """
    labels = torch.zeros(1, 4, 4, dtype=torch.long)
    loss = boundary_loss(torch.zeros(1, 19, 4, 4), labels)
    assert loss.item() == pytest.approx(36 / 19, rel=1e-5)


def test_perfect_prediction_costs_nothing():
    labels = torch.randint(0, 19, (2, 6, 6), generator=torch.Generator().manual_seed(0))
    logits = torch.nn.functional.one_hot(labels, 19).movedim(-1, 1) * 100.0
    assert boundary_loss(logits, labels).item() == pytest.approx(0, abs=1e-6)


def test_batch_is_the_mean_over_pictures_with_labels():
    logits = scores(3)
    labels = torch.randint(0, 19, (3, 7, 7), generator=torch.Generator().manual_seed(0))
    labels[1] = 255
    labels[2, :5] = 255
    expected = (reference(logits[0], labels[0]) + reference(logits[2], labels[2])) / 2
    assert boundary_loss(logits, labels).item() == pytest.approx(expected, rel=1e-5)


def test_a_single_labelled_pixel_counts_in_full():
    """The smallest outline there can be, in the corner: 8/9 + 3 · 1/9 = 11/9."""
    labels = torch.full((1, 7, 7), 255)
    labels[0, 0, 0] = 4
    expected = reference(scores(1)[0], labels[0])
    assert boundary_loss(scores(1), labels).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize('n', [1, 2])
def test_nothing_labelled_is_a_connected_zero(n):
    logits = scores(n).requires_grad_()
    loss = boundary_loss(logits, torch.full((n, 7, 7), 255))
    assert loss.item() == 0
    loss.backward()
    assert (logits.grad == 0).all()
