"""What one optimisation step minimises: every loss by name, with its weight of the phase."""

import torch

from morngan_train.data.unpaired import Sample
from morngan_train.losses.adversarial import generator_loss
from morngan_train.losses.aligned import aligned_loss
from morngan_train.losses.conditional_gradient import cgr_loss
from morngan_train.losses.cycle import cycle_loss
from morngan_train.losses.monochrome import monochrome_loss
from morngan_train.losses.structured_gradient import sga_loss
from morngan_train.losses.total_variation import total_variation
from morngan_train.networks.discriminator import Scores
from morngan_train.recipe import LossRecipe
from morngan_train.recipe import Phase
from morngan_train.system import Translations

Losses = dict[str, torch.Tensor]


def generator_losses(
    batch: Sample,
    made: Translations,
    real: tuple[Scores, Scores],
    fake: tuple[Scores, Scores],
    recipe: LossRecipe,
    phase: Phase,
) -> Losses:
    """Return the weighted losses of the generators; their sum is minimised.

    Args:
        batch: Real crops.
        made: Their translations, attached.
        real: Scores of the real crops of domains A and B.
        fake: Scores of `fake_day` and `fake_night`, attached.
        recipe: Constant factors.
        phase: Factors of the present phase; terms with factor 0 are left out.

    Returns:
        Scalars by name.
    """
    r = recipe
    losses = {
        'adversarial_a': r.adversarial * generator_loss(real[0], fake[0]),
        'adversarial_b': r.adversarial * generator_loss(real[1], fake[1]),
        'cycle_a': _cycle(made.again_day, batch['day'], r, phase),
        'cycle_b': _cycle(made.again_night, batch['night'], r, phase),
        'tv_a': r.tv * total_variation(made.fake_day),
        'tv_b': r.tv * total_variation(made.fake_night),
        'sga_a': _sga(made.fake_night, batch['day_edges'], r),
        'sga_b': _sga(made.fake_day, batch['night_edges'], r),
        'monochrome': r.monochrome * monochrome_loss(made.fake_night),
    }
    if phase.cgr > 0:
        repair = cgr_loss(made.fake_day, batch['night'], padding=r.gradient_padding)
        losses['cgr'] = phase.cgr * repair
    if made.colored_day is not None:
        losses |= pair_losses(batch, made.colored_day, recipe, phase)
    return losses


def pair_losses(batch: Sample, colored: torch.Tensor, recipe: LossRecipe, phase: Phase) -> Losses:
    """Return the weighted losses of registered day pairs; `colored` is G_BA(day thermal)."""
    loss = aligned_loss(
        colored, batch['day'], sigma=recipe.aligned_blur, chroma_weight=recipe.aligned_chroma
    )
    return {'aligned': phase.aligned * loss, 'tv_pairs': recipe.tv * total_variation(colored)}


def _cycle(again: torch.Tensor, real: torch.Tensor, r: LossRecipe, phase: Phase) -> torch.Tensor:
    return cycle_loss(again, real, weight=r.cycle, ssim_weight=phase.ssim, window=r.ssim_window)


def _sga(fake: torch.Tensor, edges: torch.Tensor, r: LossRecipe) -> torch.Tensor:
    return r.sga * sga_loss(fake, edges, r.sga_threshold, padding=r.gradient_padding)
