"""Adaptive collaborative attention (ACA, Eq. 12-17): small objects look like real ones by day."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch.nn import functional as F

from morngan_train.classes import Label
from morngan_train.classes import SMALL_SAMPLE
from morngan_train.losses.kmeans import cosine_kmeans

Groups = Sequence[Sequence[Label]]
"""Classes whose pixels are treated as one."""

SEPARATE: Groups = tuple((label,) for label in SMALL_SAMPLE)
"""C_ss as the paper has it: every class for itself."""

MERGED: Groups = (
    (Label.LIGHT,),
    (Label.SIGN,),
    (Label.PERSON,),
    (Label.CAR, Label.TRUCK, Label.BUS, Label.TRAIN),
    (Label.MOTORCYCLE,),
)
"""As the authors ran it: trucks and buses alone are hardly ever present at feature resolution."""

PHI = 0.9
"""φ_l and φ_g of Eq. 16."""


def aca_loss(
    real: torch.Tensor,
    fake: torch.Tensor,
    day_labels: torch.Tensor,
    night_labels: torch.Tensor,
    *,
    groups: Groups = MERGED,
    clusters: int = 4,
    mean_over: Literal['present', 'all'] = 'present',
) -> torch.Tensor:
    """Return the mean over groups of relu(φ·μ_ra − μ_fa) + relu(φ·τ_ra − τ_fa), φ = 0.9.

    K-means finds N_u parts U of a group in the real features; Y = cos(U, F) is the response of each
    part at each pixel of the group. μ is the mean over pixels of the strongest response, τ the mean
    over parts. A group is present where both pictures have more than N_u of its pixels. Mean over
    the batch.

    Args:
        real: F^ra = E_A(x_a), [N, C, h, w]; detached here, and so are the centres.
        fake: F^fa = E_A(G_BA(x_b)), [N, C, h, w].
        day_labels: M^A of x_a, int64 [N, H, W]; resized to h x w by nearest neighbour.
        night_labels: M^B of x_b, likewise.
        groups: `MERGED` or `SEPARATE`.
        clusters: N_u.
        mean_over: Divide by the number of groups that are `present`, or of `all` (N_ssc, Eq. 17).

    Returns:
        Scalar, at least 0; a graph-connected 0 where no group is present.
    """
    reals = _rows(real.detach())
    fakes = _rows(fake)
    days = _resize(day_labels, real).flatten(1)
    nights = _resize(night_labels, fake).flatten(1)
    something = reals.abs().sum(2) > 0  # the operation E of Eq. 12
    total = 0 * fake.sum()
    in_day = torch.stack([_members(days, group) & something for group in groups], 1)
    in_night = torch.stack([_members(nights, group) for group in groups], 1)
    # How many pixels each group has decides what is computed: the one thing waited for.
    sizes = torch.stack([in_day.sum(2), in_night.sum(2)], 2).tolist()
    for picture in range(len(reals)):
        losses = [
            _group_loss(
                reals[picture][_where(in_day[picture, group], day)],
                fakes[picture][_where(in_night[picture, group], night)],
                clusters,
            )
            for group, (day, night) in enumerate(sizes[picture])
            if min(day, night) > clusters
        ]
        if losses:
            count = len(losses) if mean_over == 'present' else len(groups)
            total = total + torch.stack(losses).sum() / count
    return total / len(real)


def _rows(features: torch.Tensor) -> torch.Tensor:
    """List the feature of each pixel: [N, C, h, w] -> float32 [N, h·w, C]."""
    return features.float().flatten(2).mT


def _resize(labels: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return F.interpolate(labels[:, None].float(), size=like.shape[-2:], mode='nearest')[:, 0].long()


def _members(labels: torch.Tensor, group: Sequence[Label]) -> torch.Tensor:
    return torch.stack([labels == label for label in group]).any(0)


def _where(mask: torch.Tensor, count: int) -> torch.Tensor:
    """List the places of a mask [n] in order; `count` is their number, known to the host."""
    return mask.byte().argsort(descending=True, stable=True)[:count]


def _group_loss(ra: torch.Tensor, fa: torch.Tensor, clusters: int) -> torch.Tensor:
    centres = F.normalize(cosine_kmeans(ra, clusters), dim=1)
    mu_ra, tau_ra = _responses(ra, centres)
    mu_fa, tau_fa = _responses(fa, centres)
    return F.relu(PHI * mu_ra - mu_fa) + F.relu(PHI * tau_ra - tau_fa)


def _responses(features: torch.Tensor, centres: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return μ and τ (Eq. 13-15) of features [n, C] to unit centres [N_u, C]."""
    y = F.normalize(features, dim=1) @ centres.T
    return y.amax(1).mean(), y.amax(0).mean()
