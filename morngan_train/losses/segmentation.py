"""Cross-entropy that weighs small classes more: the segmentation losses of Eq. 10."""

import torch
from torch.nn import functional as F

from morngan_train.classes import UNLABELLED

SMALL = 32 * 32
"""Classes with fewer pixels than this in a picture are small, whatever the size of the picture."""
SMALL_WEIGHT = 7.0


def segmentation_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return Σ w(y)·CE / Σ w(y) over the labelled pixels of a picture.

    w is 7 for classes with fewer than 32·32 pixels in that picture, else 1. The result is the mean
    over the pictures that have labelled pixels.

    Args:
        logits: [N, 19, H, W].
        labels: y, int64 [N, H, W], trainIds or 255.

    Returns:
        Scalar, at least 0; a graph-connected 0 where nothing is labelled.
    """
    labelled = (labels != UNLABELLED).flatten(1)
    entropy = F.cross_entropy(logits, labels, ignore_index=UNLABELLED, reduction='none').flatten(1)
    classes = labels.flatten(1).where(labelled, 0)
    counts = entropy.new_zeros(logits.shape[:2]).scatter_add_(1, classes, labelled.to(entropy))
    weights = torch.where(counts < SMALL, SMALL_WEIGHT, 1.0).gather(1, classes) * labelled
    means = (weights * entropy).sum(1) / weights.sum(1).clamp_min(1)
    return means.sum() / labelled.any(1).sum().clamp_min(1)
