"""Conditional gradient repair (CGR, Eq. 18-19): strong edges of the source must not fade."""

import torch
from torch.nn import functional as F

from morngan_train.classes import Label
from morngan_train.classes import UNLABELLED
from morngan_train.losses.gradient import gradient_magnitude


def background_mask(labels: torch.Tensor, *, unlabelled: bool) -> torch.Tensor:
    """Return M_bg^B of Eq. 18: where the gradients of the source must not fade.

    Args:
        labels: Of the source, int64 [N, H, W], trainIds or 255.
        unlabelled: True takes everything that is no object, as the authors ran it: ids below 11 and
            255. False takes C_bg of Eq. 9 and buildings, as the paper has it: section 3.5 names
            window frames among the edges to keep. It takes neither lights, signs nor 255.

    Returns:
        float32 [N, 1, H, W] of 0 and 1.
    """
    if unlabelled:
        mask = (labels < Label.PERSON) | (labels == UNLABELLED)
    else:
        mask = (labels < Label.PERSON) & (labels != Label.LIGHT) & (labels != Label.SIGN)
    return mask[:, None].float()


def cgr_loss(
    fake: torch.Tensor,
    source: torch.Tensor,
    mask: torch.Tensor | None = None,
    *,
    padding: str = 'replicate',
) -> torch.Tensor:
    """Return Σ relu(H·R − H·F) / Σ H·R, with R = M·G(source), F = M·G(fake), H = [R > ρ].

    ρ = ΣR / ΣM is the mean gradient within the mask, so H marks what stands out of it. Only a
    gradient that is too weak costs; R and the denominator are detached. Mean over the batch.

    Args:
        fake: Translation G_BA(source), [N, 3, H, W] in [-1, 1].
        source: Night thermal, same shape and range.
        mask: M, [N, 1, H, W] of 0 and 1: background and unlabelled pixels. Without labels every
            pixel is unlabelled, so None stands for ones everywhere.
        padding: Of the gradient operator, see `gradient_magnitude`.

    Returns:
        Scalar in [0, 1]; a graph-connected 0 where the mask is empty or nothing stands out.
    """
    f = gradient_magnitude(fake, padding=padding)
    r = gradient_magnitude(source, padding=padding).detach()
    m = torch.ones_like(r) if mask is None else mask
    r, f = m * r, m * f
    rho = r.sum((1, 2, 3), keepdim=True) / m.sum((1, 2, 3), keepdim=True).clamp_min(1)
    strong = r * (r > rho)
    missing = F.relu(strong - f * (r > rho)).sum((1, 2, 3))
    return (missing / strong.sum((1, 2, 3)).clamp_min(1e-6)).mean()
