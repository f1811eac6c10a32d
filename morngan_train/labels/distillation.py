"""Labels from the segmentation networks themselves: mined at night, completed by day."""

from typing import Literal

import torch

from morngan_train.classes import CLASSES
from morngan_train.classes import FOREGROUND
from morngan_train.classes import UNLABELLED


@torch.no_grad()
def mine(
    p_b: torch.Tensor,
    p_a: torch.Tensor | None,
    *,
    theta_fg: float = 0.95,
    theta_bg: float = 0.99,
    agreement: Literal['both', 'first'] = 'both',
) -> torch.Tensor:
    """Mine the labels of night pictures where both networks agree and are sure (LM, Eq. 8-9).

    Background needs the higher confidence because translation tends to turn objects into it.

    Args:
        p_b: V^rb, softmax of S_B(x_b), [N, 19, H, W].
        p_a: V^fa, softmax of S_A(G_BA(x_b)), same shape; None trusts S_B alone, which is right
            once the networks are frozen: the translation is then optimised against these labels
            and must not take part in making them (the authors also lower theta_bg to theta_fg).
        theta_fg: θ_fg, the least probability of buildings and objects.
        theta_bg: θ_bg, that of every other class.
        agreement: Whose confidence counts where the two name the same class: that of 'both'
            (paper) or of the 'first', S_B, only (released code).

    Returns:
        Label maps, int64 [N, H, W], 255 where nothing is sure.
    """
    confidence, labels = p_b.max(1)
    eta = _thresholds(theta_fg, theta_bg, p_b)[labels]
    sure = confidence >= eta
    if p_a is not None:
        second_confidence, second_labels = p_a.max(1)
        sure &= second_labels == labels
        if agreement == 'both':
            sure &= second_confidence >= eta
    return labels.masked_fill(~sure, UNLABELLED)


@torch.no_grad()
def complete(labels: torch.Tensor, p_a: torch.Tensor, threshold: float = 0.95) -> torch.Tensor:
    """Label what the teachers left open in day pictures where S_A is sure (not in the paper).

    Known labels are never changed.

    Args:
        labels: Label maps, int64 [N, H, W].
        p_a: Softmax of S_A(x_a), [N, 19, H, W].
        threshold: S_A's largest probability must exceed it.

    Returns:
        New label maps, int64 [N, H, W].
    """
    confidence, predicted = p_a.max(1)
    return torch.where((labels == UNLABELLED) & (confidence > threshold), predicted, labels)


def _thresholds(theta_fg: float, theta_bg: float, like: torch.Tensor) -> torch.Tensor:
    """Return η of Eq. 9 for every class, [19]."""
    eta = like.new_full((CLASSES,), theta_bg)
    for label in FOREGROUND:  # Filling one by one keeps the device from waiting for a host copy.
        eta[label].fill_(theta_fg)
    return eta
