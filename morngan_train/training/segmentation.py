"""Labels and segmentations within one step: every picture is segmented at most once."""

from dataclasses import dataclass
from dataclasses import replace
from functools import partial

import torch
from torch.nn import functional as F

from morngan_train.classes import UNLABELLED
from morngan_train.labels.denoising import denoise_night
from morngan_train.labels.distillation import complete
from morngan_train.labels.distillation import mine
from morngan_train.recipe import Recipe
from morngan_train.recipe.phases import Phase
from morngan_train.training.system import SegmentationNetwork
from morngan_train.training.system import Segmenters
from morngan_train.training.system import Translations

SIDES = (32, 79)
"""Segmenters learn from pictures of 4n pixels a side, for n in this range at a crop of 256."""


@dataclass(frozen=True, slots=True)
class Semantics:
    """Label maps int64 [N, s, s] and logits [N, 19, s, s]; None where the phase has no use."""

    day_labels: torch.Tensor
    """M_A, completed by S_A if the phase says so."""
    night_labels: torch.Tensor | None = None
    """M_B, by online semantic distillation and denoising."""
    night_masks: torch.Tensor | None = None
    """True labels of x_b, 255 where there are none."""
    day: torch.Tensor | None = None
    """S_A(x_a)."""
    day_thermal: torch.Tensor | None = None
    """S_B of the thermal picture registered to x_a."""
    night: torch.Tensor | None = None
    """S_B(x_b)."""
    fake_day: torch.Tensor | None = None
    """S_A(fake_a), attached to the generators."""
    fake_night: torch.Tensor | None = None
    """S_B(fake_b), attached to the generators if the phase says so."""


@dataclass(frozen=True, slots=True)
class _Parsed:
    logits: torch.Tensor | None = None
    confidence: torch.Tensor | None = None
    """Softmax without gradient, [N, 19, s, s]."""


_NOTHING = _Parsed()


class Segmentation:
    """Runs the segmenters on a batch, and makes the labels that the losses of a phase need.

    Args:
        segmenters: S_A and S_B.
        recipe: Thresholds and choices.
    """

    def __init__(self, segmenters: Segmenters, recipe: Recipe) -> None:
        self.segmenters = segmenters
        self.recipe = recipe

    def __call__(
        self,
        day: torch.Tensor,
        night: torch.Tensor,
        made: Translations,
        labels: torch.Tensor,
        phase: Phase,
        day_thermal: torch.Tensor | None = None,
        night_masks: torch.Tensor | None = None,
    ) -> Semantics:
        """Segment what the phase needs, and label day and night.

        Learning segmenters see all pictures at one random side, frozen ones at the side of the
        crop. Networks run under the caller's autocast; labels are made in float32.

        Args:
            day: x_a, [N, 3, S, S] in [-1, 1].
            night: x_b, likewise.
            made: fake_a and fake_b.
            labels: M_A, int64 [N, S, S].
            phase: What acts.
            day_thermal: Registered to x_a, where the phase has a use for it.
            night_masks: True labels of x_b, likewise.

        Returns:
            Labels and logits, all of one side.
        """
        frozen = phase.segmenters == 'frozen'
        side = day.shape[-1] if frozen else draw_side(day.shape[-1])
        a, b = self.segmenters.a, self.segmenters.b
        night = _resize(night, side)
        fake_night = made.fake_night.detach() if phase.fake_night == 'detached' else made.fake_night
        # Once the generators are judged by S_A(fake_a), it is circular to label by it.
        both = not frozen or self.recipe.choices.labellers_after_freeze == 'both'

        by_day = self.day(day, labels, phase, day_thermal, side)
        on_night = self._parse(b, night, frozen, max(phase.rb, phase.mb) > 0, phase.mines)
        on_fake_day = self._parse(
            a, _resize(made.fake_day, side), frozen, phase.fa > 0, phase.mines and both
        )
        on_fake_night = self._parse(b, _resize(fake_night, side), frozen, phase.fb > 0, False)

        return replace(
            by_day,
            night_labels=self._label_night(on_night.confidence, on_fake_day.confidence, night),
            night_masks=None if night_masks is None else resize_labels(night_masks, side),
            night=on_night.logits,
            fake_day=on_fake_day.logits,
            fake_night=on_fake_night.logits,
        )

    def day(
        self,
        day: torch.Tensor,
        labels: torch.Tensor,
        phase: Phase,
        day_thermal: torch.Tensor | None = None,
        side: int | None = None,
    ) -> Semantics:
        """Segment what is of the day alone, and complete its labels if the phase says so.

        Args:
            day: x_a, [N, 3, S, S] in [-1, 1].
            labels: M_A, int64 [N, S, S].
            phase: What acts.
            day_thermal: Registered to x_a, likewise; None where there is none.
            side: Of what the segmenter sees; None draws one.
        """
        side = draw_side(day.shape[-1]) if side is None else side
        frozen = phase.segmenters == 'frozen'
        image = _resize(day, side)
        parsed = self._parse(self.segmenters.a, image, frozen, phase.ra > 0, phase.complete)
        day_labels = resize_labels(labels, side)
        if parsed.confidence is not None:
            threshold = self.recipe.semantics.completion
            day_labels = complete(day_labels, parsed.confidence, threshold)
        on_thermal = _NOTHING
        if day_thermal is not None:
            thermal = _resize(day_thermal, side)
            on_thermal = self._parse(self.segmenters.b, thermal, frozen, phase.ta > 0, False)
        return Semantics(day_labels, day=parsed.logits, day_thermal=on_thermal.logits)

    def _parse(
        self,
        segmenter: SegmentationNetwork,
        image: torch.Tensor,
        frozen: bool,
        loss: bool,
        label: bool,
    ) -> _Parsed:
        """Segment once: `loss` wants logits with gradient, `label` confidences.

        Labels are made without dropout, or by choice with that of the loss. A label from the mask
        of the loss is one that the loss agrees with already: at θ = 0.95 it costs 0.05 at most.
        """
        if not (loss or label):
            return _NOTHING
        mining_dropout = self.recipe.choices.mining_dropout
        with torch.set_grad_enabled(loss):
            features = segmenter.features(image)
        logits = confidence = None
        if loss:
            dropout = mining_dropout or not frozen
            logits = segmenter.classify(features, dropout=dropout).float()
        if label:
            with torch.no_grad():
                seen = logits if mining_dropout else None
                if seen is None:
                    seen = segmenter.classify(features.detach(), dropout=mining_dropout)
                confidence = seen.float().softmax(1)
        return _Parsed(logits, confidence)

    def _label_night(
        self, p_b: torch.Tensor | None, p_a: torch.Tensor | None, night: torch.Tensor
    ) -> torch.Tensor | None:
        """Mine labels (Eq. 8-9), then denoise them (Eq. 5-7)."""
        if p_b is None:
            return None
        choices, constants = self.recipe.choices, self.recipe.semantics
        theta_bg = constants.theta_bg
        # S_B alone, after the freeze, needs no more of background than of objects.
        if p_a is None or theta_bg is None:
            theta_bg = constants.theta_fg
        mine_above = partial(
            mine, p_b, p_a, theta_fg=constants.theta_fg, agreement=choices.agreement
        )
        mined = mine_above(theta_bg=theta_bg)
        if not self.recipe.denoises:
            return mined
        early = choices.denoise_before_theta_bg
        denoised = denoise_night(
            mine_above(theta_bg=constants.theta_fg) if early else mined,
            night,
            sky_confusers=choices.sky_confuser_ids,
            pole_with_sky=choices.pole_with_sky,
        )
        return denoised.masked_fill(mined == UNLABELLED, UNLABELLED)


def draw_side(crop: int) -> int:
    """Draw the side at which segmenters learn: 128 to 316 by fours at a crop of 256."""
    low, high = (max(8, round(n * crop / 256)) for n in SIDES)
    return 4 * int(torch.randint(low, high + 1, ()))


def resize_labels(labels: torch.Tensor, side: int) -> torch.Tensor:
    """Resize label maps int64 [N, H, W] to [N, side, side] by nearest neighbour."""
    if labels.shape[-2:] == (side, side):
        return labels
    return F.interpolate(labels[:, None].float(), size=(side, side))[:, 0].long()


def _resize(image: torch.Tensor, side: int) -> torch.Tensor:
    if image.shape[-1] == side:
        return image
    return F.interpolate(image, size=(side, side), mode='bilinear', align_corners=False)
