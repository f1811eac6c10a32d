"""People are warmer than the road at night: a regulariser of fake thermal pictures (Eq. 3)."""

import torch
from torch.nn import functional as F

from morngan_train.classes import Label
from morngan_train.colorspace import luminance
from morngan_train.colorspace import to_unit

EPSILON = 1e-4


def temperature_loss(fake_thermal: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return T_tr = relu(v̄_road − ṽ_ped) / (v̄_road + ε), v being the luminance in [0, 1].

    v̄_road is the mean over the road and detached, so that people are made warmer rather than roads
    colder; ṽ_ped is the minimum over people. Mean over the batch.

    Args:
        fake_thermal: G_AB(x_a), [N, 3, H, W] in [-1, 1].
        labels: Of x_a, int64 [N, H, W], trainIds or 255.

    Returns:
        Scalar in [0, 1); pictures without road or without people give a graph-connected 0.
    """
    v = to_unit(luminance(fake_thermal)).flatten(1)
    road = labels.flatten(1) == Label.ROAD
    person = labels.flatten(1) == Label.PERSON
    warmth = (v.detach() * road).sum(1) / road.sum(1).clamp_min(1)
    coldest = v.masked_fill(~person, 1.0).amin(1)
    both = road.any(1) & person.any(1)
    return (both * F.relu(warmth - coldest) / (warmth + EPSILON)).mean()
