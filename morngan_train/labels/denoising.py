"""Semantic denoising (SDP, Eq. 5-7): labels must look like their class.

Within one picture sky, trees, poles and people each have a typical colour or temperature. A pixel
whose feature is nearer to the mean of a class that often swallows or spills over its own is taken
for noise and becomes unlabelled.
"""

from collections.abc import Sequence

import numpy as np
import torch

from morngan_train.classes import Label
from morngan_train.classes import UNLABELLED
from morngan_train.colorspace import luminance

Order = Sequence[tuple[int, Sequence[int]]]
"""Classes in the order of their denoising, each with its confusers, Z of Eq. 7."""

DAY_ORDER: Order = (
    (Label.VEGETATION, (Label.SKY,)),
    (Label.POLE, (Label.SKY,)),
    (Label.SKY, (Label.VEGETATION, Label.POLE)),
)


def denoise_day(labels: np.ndarray, rgb: np.ndarray) -> np.ndarray:
    """Denoise vegetation, poles and sky of a day picture by colour (Sec. 3.3.2).

    Trees and poles spill into the sky, so both are compared with the mean of the sky as it is
    labelled, and the sky then with the means of what is left of them.

    Args:
        labels: Label map, uint8 [H, W]; it is not changed.
        rgb: The picture, uint8 [H, W, 3].

    Returns:
        The label map with noise set to 255, uint8 [H, W].

    Raises:
        ValueError: Labels and picture differ in size.
    """
    if rgb.shape != (*labels.shape, 3):
        raise ValueError(f'labels {labels.shape} do not fit the picture {rgb.shape}')
    # Data workers do this for every draw: only the pixels in question are touched, channel by
    # channel in memory, which is several times faster.
    chosen = np.flatnonzero(np.isin(labels, [label for label, _ in DAY_ORDER]))
    before = labels.ravel()[chosen]
    colors = np.ascontiguousarray(rgb.reshape(-1, 3).take(chosen, axis=0).T, dtype=np.float32)
    after = _denoise(torch.from_numpy(before)[None], torch.from_numpy(colors)[None], DAY_ORDER)
    denoised = labels.flatten()
    denoised[chosen] = after[0].numpy()
    return denoised.reshape(labels.shape)


@torch.no_grad()
def denoise_night(
    labels: torch.Tensor,
    thermal: torch.Tensor,
    *,
    sky_confusers: Sequence[int] = (Label.VEGETATION,),
    pole_with_sky: bool = True,
) -> torch.Tensor:
    """Denoise sky, poles, people and vegetation of night thermal pictures (Sec. 3.3.3).

    The feature is grey, min-max normalised per picture. The device is never waited for.

    Args:
        labels: Mined label maps, int64 [N, H, W]; they are not changed.
        thermal: The pictures, [N, 3, H, W] in [-1, 1].
        sky_confusers: Z_s. The paper has vegetation and pole, the released code vegetation only.
        pole_with_sky: Compare poles with the middle between their mean and that of the sky, which
            keeps more of them (released code), or with their mean alone (paper).

    Returns:
        The label maps with noise set to 255, int64 [N, H, W].
    """
    order = (
        (Label.SKY, sky_confusers),
        (Label.POLE, (Label.SKY,)),
        (Label.PERSON, (Label.VEGETATION,)),
        (Label.VEGETATION, (Label.SKY, Label.PERSON)),
    )
    gray = _normalized(luminance(thermal.float()).flatten(2))
    return _denoise(labels.flatten(1), gray, order, pole_with_sky=pole_with_sky).view_as(labels)


def _normalized(gray: torch.Tensor) -> torch.Tensor:
    """Stretch each picture, [N, 1, P], to [0, 1]; a constant one becomes 0."""
    low, high = gray.aminmax(dim=2, keepdim=True)
    return (gray - low) / (high - low).clamp_min(torch.finfo(gray.dtype).tiny)


def _denoise(
    labels: torch.Tensor, features: torch.Tensor, order: Order, *, pole_with_sky: bool = False
) -> torch.Tensor:
    """Denoise the classes of `order` one after the other (Eq. 5-7); means are per picture.

    A pixel goes when its distance to the mean of a confuser is smaller than that to the mean of
    its own class. Means are refreshed after the denoising of their class, so confusers that come
    earlier in the order are clean already; an emptied class keeps its old mean.

    Args:
        labels: Integers [N, P].
        features: float32 [N, C, P]. Only elementwise operations and sums touch them, so they stay
            float32 under autocast.
        order: See `Order`.
        pole_with_sky: See `denoise_night`.

    Returns:
        Like labels.
    """
    # A class that is missing lies at infinity: no pixel is nearer to it than to another.
    nowhere = features.new_full(features.shape[:2], torch.inf)
    classes = {label for step, confusers in order for label in (step, *confusers)}
    means = {label: _mean(features, labels == label, nowhere) for label in classes}
    own = dict(means)
    if pole_with_sky:
        own[Label.POLE] = (means[Label.POLE] + means[Label.SKY]) / 2
    for label, confusers in order:
        mask = kept = labels == label
        distance = _distance(features, own[label])
        for confuser in confusers:
            kept = kept & (_distance(features, means[confuser]) >= distance)
        labels = labels.masked_fill(mask & ~kept, UNLABELLED)
        means[label] = _mean(features, kept, means[label])
    return labels


def _mean(features: torch.Tensor, mask: torch.Tensor, otherwise: torch.Tensor) -> torch.Tensor:
    """Return f of Eq. 5, the mean of the masked pixels [N, C]; `otherwise` for empty masks."""
    count = mask.sum(1, keepdim=True)
    total = (features * mask[:, None]).sum(2)
    return torch.where(count > 0, total / count.clamp_min(1), otherwise)


def _distance(features: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
    """Return Q of Eq. 5, the squared distance of each pixel to a mean [N, C]: [N, P]."""
    return (features - mean[..., None]).square().sum(1)
