"""Boundary loss: the outlines of a segmentation lie where those of the labels lie."""

import torch
from torch.nn import functional as F

from morngan_train.classes import CLASSES
from morngan_train.classes import UNLABELLED


def _outline(z: torch.Tensor) -> torch.Tensor:
    """Return b(z) = |z − avgpool3x3(z)|, same shape; the border sees zeros outside."""
    return (z - F.avg_pool2d(z, 3, stride=1, padding=1)).abs()


def boundary_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return Σ |b(y) − b(p)| / Σ b(y), with p = softmax and y the one-hot labels (section 3.3.4).

    Unlabelled pixels are zero vectors in y, so borders between labelled and unlabelled count as
    outlines. The result is the mean over the pictures that have labelled pixels.

    Args:
        logits: [N, 19, H, W].
        labels: int64 [N, H, W], trainIds or 255.

    Returns:
        Scalar, at least 0; a graph-connected 0 where nothing is labelled.
    """
    labelled = labels != UNLABELLED
    one_hot = F.one_hot(labels.where(labelled, 0), CLASSES).movedim(-1, 1) * labelled[:, None]
    wanted = _outline(one_hot.to(logits))
    present = labelled.any(-1).any(-1)
    wrong = (wanted - _outline(logits.softmax(1))).abs().sum((1, 2, 3)) * present
    # The outline of a single labelled pixel is 11/9 already: the clamp acts where there is none.
    return (wrong / wanted.sum((1, 2, 3)).clamp_min(1)).sum() / present.sum().clamp_min(1)
