"""What one optimisation step minimises: every loss by name, with its weight of the phase."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch

from morngan_train.data.unpaired import Sample
from morngan_train.losses.adversarial import generator_loss
from morngan_train.losses.aligned import aligned_loss
from morngan_train.losses.attention_diversity import attention_diversity
from morngan_train.losses.attention_diversity import attention_integration
from morngan_train.losses.attention_similarity import accs_loss
from morngan_train.losses.boundary import boundary_loss
from morngan_train.losses.chroma_smoothness import chroma_smoothness
from morngan_train.losses.collaborative_attention import aca_loss
from morngan_train.losses.collaborative_attention import MERGED
from morngan_train.losses.collaborative_attention import SEPARATE
from morngan_train.losses.conditional_gradient import background_mask
from morngan_train.losses.conditional_gradient import cgr_loss
from morngan_train.losses.cycle import cycle_loss
from morngan_train.losses.edge_correlation import edge_correlation_loss
from morngan_train.losses.edge_recall import edge_recall_loss
from morngan_train.losses.low_resolution import low_resolution_loss
from morngan_train.losses.monochrome import monochrome_loss
from morngan_train.losses.objects import objects_loss
from morngan_train.losses.perceptual import perceptual_loss
from morngan_train.losses.scale_robustness import sr_loss
from morngan_train.losses.segmentation import segmentation_loss
from morngan_train.losses.steadiness import Shift
from morngan_train.losses.steadiness import steadiness_loss
from morngan_train.losses.structured_gradient import sga_loss
from morngan_train.losses.temperature import temperature_loss
from morngan_train.losses.total_variation import total_variation
from morngan_train.networks.discriminator import Scores
from morngan_train.recipe import Recipe
from morngan_train.recipe.phases import Phase
from morngan_train.training.segmentation import resize_labels
from morngan_train.training.segmentation import Semantics
from morngan_train.training.system import Translations

Losses = dict[str, torch.Tensor]
Seen = Sequence[torch.Tensor]
"""Features of a batch of pictures by level, as `Perception` gives them."""


@dataclass(frozen=True, slots=True)
class StepOutputs:
    """All that the losses of the generators and segmenters look at, besides the batch itself."""

    made: Translations
    real: tuple[Scores, Scores]
    """Scores of the real crops of domains A and B."""
    fake: tuple[Scores, Scores]
    """Scores of `fake_day` and `fake_night`, attached."""
    semantics: Semantics | None
    scaled_day: torch.Tensor | None
    """G_BA of the rescaled night frame, [N, 3, s, s]."""
    scaled_night: torch.Tensor | None
    """G_AB of the rescaled day picture."""
    seen_pairs: tuple[Seen, Seen] | None = None
    """Features of G_BA(day thermal) and of the day picture."""


def generator_losses(batch: Sample, judged: StepOutputs, recipe: Recipe, phase: Phase) -> Losses:
    """Return the weighted losses of generators and segmenters; their sum (Eq. 23) is minimised.

    Args:
        batch: Real crops.
        judged: Their translations, scores and segmentations.
        recipe: Constant factors and choices.
        phase: Factors of the present phase; terms with factor 0 are left out.

    Returns:
        Scalars by name.
    """
    made = judged.made
    losses = _translation_losses(batch, judged, recipe, phase)
    losses |= _attention_losses(made, recipe, phase)
    if phase.cgr > 0:
        losses['cgr'] = phase.cgr * _cgr(batch, judged, recipe)
    if judged.scaled_day is not None and judged.scaled_night is not None:
        window = recipe.losses.ssim_window
        losses['sr_a'] = phase.sr * sr_loss(judged.scaled_night, made.fake_night, window=window)
        losses['sr_b'] = phase.sr * sr_loss(judged.scaled_day, made.fake_day, window=window)
    if judged.semantics is not None:
        losses |= segmentation_losses(judged.semantics, phase)
        if phase.aca > 0:
            losses['aca'] = phase.aca * _aca(judged, judged.semantics, recipe)
    losses |= structure_losses(made.fake_day, batch['night'], recipe)
    if made.colored_day is not None:
        losses |= pair_losses(batch, made.colored_day, recipe, phase, judged.seen_pairs)
    return losses


def pair_losses(
    batch: Sample,
    colored: torch.Tensor,
    recipe: Recipe,
    phase: Phase,
    seen: tuple[Seen, Seen] | None = None,
) -> Losses:
    """Return the weighted losses of registered day pairs.

    Args:
        batch: With the pairs.
        colored: G_BA(day thermal).
        recipe: Constant factors.
        phase: Its weight of pairs.
        seen: Features of `colored` and of the day picture; None where nobody looks.
    """
    r = recipe.losses
    loss = aligned_loss(
        colored,
        batch['day'],
        sigma=r.aligned_blur,
        ssim_weight=r.aligned_ssim,
        blurred_weight=r.aligned_l1,
        chroma_weight=r.aligned_chroma,
    )
    losses = {'aligned': phase.aligned * loss}
    if r.tv > 0:
        losses['tv_pairs'] = r.tv * total_variation(colored)
    if r.perceptual > 0 and seen is not None:
        losses['perceptual'] = r.perceptual * perceptual_loss(*seen)
    structure = structure_losses(colored, batch['day_thermal'], recipe)
    factor = r.structure_on_pairs
    return losses | {f'{name}_pairs': factor * loss for name, loss in structure.items()}


def structure_losses(color: torch.Tensor, thermal: torch.Tensor, recipe: Recipe) -> Losses:
    """Return what ties the edges of a colour picture to those of the thermal frame."""
    r = recipe.losses
    weights = {
        'edge_recall': (r.edge_recall, edge_recall_loss),
        'edge_correlation': (r.edge_correlation, edge_correlation_loss),
        'chroma': (r.chroma_smoothness, chroma_smoothness),
    }
    return {
        name: weight * loss(color, thermal)
        for name, (weight, loss) in weights.items()
        if weight > 0
    }


def to_day_losses(
    batch: Sample,
    fake_day: torch.Tensor,
    low_day: torch.Tensor | None,
    scores: tuple[Scores, Scores] | None,
    recipe: Recipe,
    phase: Phase,
    later: tuple[torch.Tensor, Shift] | None = None,
) -> Losses:
    """Return the weighted losses of G_BA on night frames and on colour at low resolution.

    Args:
        batch: Real crops.
        fake_day: G_BA(night).
        low_day: G_BA of the thermal frames whose colour is known at low resolution, if any.
        scores: D_A of the day pictures and of `fake_day`, attached; None before it acts.
        recipe: Constant factors and choices.
        phase: Factors of the present phase.
        later: G_BA of a second view of the first night frames, and its shift, if any.
    """
    r = recipe.losses
    losses = structure_losses(fake_day, batch['night'], recipe)
    if scores is not None:
        adversarial = generator_loss(*scores, form=r.adversarial_form)
        losses['adversarial_a'] = phase.adversarial * r.adversarial * adversarial
    if r.tv > 0:
        losses['tv_a'] = r.tv * total_variation(fake_day)
    if phase.cgr > 0:
        padding = recipe.choices.gradient_padding
        losses['cgr'] = phase.cgr * cgr_loss(fake_day, batch['night'], padding=padding)
    if later is not None:
        view, shift = later
        losses['steadiness'] = r.steadiness * steadiness_loss(view, fake_day[: len(view)], shift)
    if low_day is not None:
        losses['low'] = r.low * low_resolution_loss(low_day, batch['low_color'])
    return losses


def head_losses(batch: Sample, found: tuple[torch.Tensor, torch.Tensor], recipe: Recipe) -> Losses:
    """Return the weighted loss of the head on night frames and on the thermal side of day pairs.

    Args:
        batch: With the boxes of both.
        found: Centres and distances in the night frames, the pairs, and perhaps in more.
        recipe: Constant factors.
    """
    n = len(batch['night']) + len(batch['day_thermal'])
    centres, sides = (told[:n].float() for told in found)
    objects = torch.cat([batch['night_objects'], batch['day_objects']])
    boxed = torch.cat([batch['night_boxed'], batch['day_boxed']])
    loss = objects_loss(centres, sides, objects, boxed)
    return {'objects': recipe.losses.objects * loss}


def identity_losses(
    batch: Sample, same_day: torch.Tensor, same_night: torch.Tensor, weight: float
) -> Losses:
    """Return CycleGAN's identity losses; `same_day` is G_BA(day), `same_night` is G_AB(night)."""
    return {
        'identity_a': weight * (same_day - batch['day']).abs().mean(),
        'identity_b': weight * (same_night - batch['night']).abs().mean(),
    }


def _translation_losses(batch: Sample, judged: StepOutputs, recipe: Recipe, phase: Phase) -> Losses:
    """Return the baseline's: adversarial, cycle, TV, SGA with its regularisers of domain A."""
    r, choices, made = recipe.losses, recipe.choices, judged.made
    adversarial = partial(generator_loss, form=r.adversarial_form)
    cycle = partial(
        cycle_loss,
        weight=r.cycle,
        ssim_weight=phase.ssim,
        window=r.ssim_window,
        form=r.cycle_form,
    )
    sga = partial(
        sga_loss,
        threshold=r.sga_threshold,
        padding=choices.gradient_padding,
        region=choices.sga_region,
    )
    regulariser = r.sga if choices.scale_whole_sga else 1.0
    weight = phase.adversarial * r.adversarial
    losses = {
        'adversarial_a': weight * adversarial(judged.real[0], judged.fake[0]),
        'adversarial_b': weight * adversarial(judged.real[1], judged.fake[1]),
        'cycle_a': cycle(made.again_day, batch['day']),
        'cycle_b': cycle(made.again_night, batch['night']),
    }
    if r.tv > 0:
        losses['tv_a'] = r.tv * total_variation(made.fake_day)
        losses['tv_b'] = r.tv * total_variation(made.fake_night)
    if r.sga > 0:
        losses['sga_a'] = r.sga * sga(made.fake_night, batch['day_edges'])
        losses['sga_b'] = r.sga * sga(made.fake_day, batch['night_edges'])
    if r.monochrome > 0:
        losses['monochrome'] = regulariser * r.monochrome * monochrome_loss(made.fake_night)
    if phase.temperature > 0:
        warm = temperature_loss(made.fake_night, batch['day_labels'])
        losses['temperature'] = regulariser * phase.temperature * warm
    return losses


def _attention_losses(made: Translations, recipe: Recipe, phase: Phase) -> Losses:
    """Return PearlGAN's attentional losses of both encoders; their coarsest map is left free."""
    if made.maps_day is None or made.maps_night is None:
        return {}
    assert made.encoded_night is not None
    assert made.encoded_fake_night is not None
    day, night = made.maps_day[:, 1:], made.maps_night[:, 1:]
    losses = {}
    if recipe.losses.attention > 0:
        for name, maps in (('attention_a', day), ('attention_b', night)):
            halves = attention_diversity(maps) + attention_integration(maps)
            losses[name] = recipe.losses.attention * 0.5 * halves
    weight = recipe.losses.accs * phase.accs
    if weight > 0:
        fake_day, fake_night = made.encoded_fake_day, made.encoded_fake_night
        losses['accs_a'] = weight * accs_loss(made.encoded_day, day, fake_day, night)
        losses['accs_b'] = weight * accs_loss(made.encoded_night, night, fake_night, day)
    return losses


def segmentation_losses(semantics: Semantics, phase: Phase) -> Losses:
    """Return the weighted terms of Eq. 10, those whose logits there are."""
    losses = {}
    if semantics.day is not None:
        loss = segmentation_loss(semantics.day, semantics.day_labels)
        if phase.boundary > 0:
            edges = boundary_loss(semantics.day, semantics.day_labels)
            losses['boundary'] = phase.ra * phase.boundary * edges
        losses['segmentation_ra'] = phase.ra * loss
    if semantics.day_thermal is not None:
        loss = segmentation_loss(semantics.day_thermal, semantics.day_labels)
        losses['segmentation_ta'] = phase.ta * loss
    if semantics.fake_night is not None:
        loss = segmentation_loss(semantics.fake_night, semantics.day_labels)
        losses['segmentation_fb'] = phase.fb * loss
    if phase.mb > 0 and semantics.night_masks is not None and semantics.night is not None:
        loss = segmentation_loss(semantics.night, semantics.night_masks)
        losses['segmentation_mb'] = phase.mb * loss
    if phase.rb > 0 and semantics.night_labels is not None and semantics.night is not None:
        loss = segmentation_loss(semantics.night, semantics.night_labels)
        losses['segmentation_rb'] = phase.rb * loss
    if semantics.night_labels is not None and semantics.fake_day is not None:
        loss = segmentation_loss(semantics.fake_day, semantics.night_labels)
        losses['segmentation_fa'] = phase.fa * loss
    return losses


def _cgr(batch: Sample, judged: StepOutputs, recipe: Recipe) -> torch.Tensor:
    """Repair gradients on the background; without labels every pixel is unlabelled."""
    choices, night = recipe.choices, batch['night']
    labels = judged.semantics.night_labels if judged.semantics else None
    mask = None
    if labels is not None:
        labels = resize_labels(labels, night.shape[-1])
        mask = background_mask(labels, unlabelled=choices.cgr_unlabelled)
    return cgr_loss(judged.made.fake_day, night, mask, padding=choices.gradient_padding)


def _aca(judged: StepOutputs, semantics: Semantics, recipe: Recipe) -> torch.Tensor:
    assert semantics.night_labels is not None
    merged = recipe.choices.aca_groups == 'merged'
    return aca_loss(
        judged.made.encoded_day,
        judged.made.encoded_fake_day,
        semantics.day_labels,
        semantics.night_labels,
        groups=MERGED if merged else SEPARATE,
        clusters=recipe.semantics.clusters,
        mean_over='present' if merged else 'all',
    )
