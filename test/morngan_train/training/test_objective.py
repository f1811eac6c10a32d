"""The weighted sums of the paper, Eq. 4, 10 and 23: every term is there, once, with its weight."""

import math

from lightning_fabric import Fabric
import pytest
import torch
from torch.utils.data import default_collate

from morngan_train.classes import Label
from morngan_train.data.pairing import Pick
from morngan_train.data.unpaired import Sample
from morngan_train.losses.adversarial import generator_loss
from morngan_train.losses.collaborative_attention import aca_loss
from morngan_train.losses.collaborative_attention import MERGED
from morngan_train.losses.collaborative_attention import SEPARATE
from morngan_train.losses.conditional_gradient import background_mask
from morngan_train.losses.conditional_gradient import cgr_loss
from morngan_train.losses.cycle import cycle_loss
from morngan_train.losses.monochrome import monochrome_loss
from morngan_train.losses.scale_robustness import sr_loss
from morngan_train.losses.segmentation import segmentation_loss
from morngan_train.losses.structured_gradient import sga_loss
from morngan_train.losses.temperature import temperature_loss
from morngan_train.losses.total_variation import total_variation
from morngan_train.recipe import parse_recipe
from morngan_train.recipe import Recipe
from morngan_train.training import objective
from morngan_train.training.objective import generator_losses
from morngan_train.training.objective import StepOutputs
from morngan_train.training.segmentation import Semantics
from morngan_train.training.step import Step
from morngan_train.training.system import Translations
from morngan_train.training.trainer import open_data

SIDE = 32


def flir(**choices: object) -> Recipe:
    return parse_recipe({'name': 'x', 'phases': 'flir', 'choices': choices})


class Pictures:
    """Random pictures, score maps and labels: no two are alike, so none can be exchanged."""

    def __init__(self) -> None:
        self.random = torch.Generator().manual_seed(0)

    def image(self, side: int = SIDE) -> torch.Tensor:
        return torch.rand(1, 3, side, side, generator=self.random) * 2 - 1

    def edges(self) -> torch.Tensor:
        return torch.rand(1, 1, SIDE, SIDE, generator=self.random)

    def labels(self) -> torch.Tensor:
        """Blocks of 8x8 pixels of classes that the losses look for."""
        classes = torch.tensor([Label.ROAD, Label.PERSON, Label.SIGN, Label.SKY])
        blocks = classes[torch.randint(4, (1, SIDE // 8, SIDE // 8), generator=self.random)]
        return blocks.repeat_interleave(8, 1).repeat_interleave(8, 2)

    def features(self) -> torch.Tensor:
        return torch.randn(1, 8, SIDE // 4, SIDE // 4, generator=self.random)

    def logits(self) -> torch.Tensor:
        return torch.randn(1, 19, SIDE, SIDE, generator=self.random)

    def scores(self) -> list[list[torch.Tensor]]:
        return [[torch.randn(1, 1, 4, 4, generator=self.random) for _ in range(2)]]

    def batch(self) -> Sample:
        return {
            'day': self.image(),
            'day_edges': self.edges(),
            'day_labels': self.labels(),
            'day_thermal': torch.zeros(1, 3, SIDE, SIDE),
            'night': self.image(),
            'night_edges': self.edges(),
            'night_index': torch.tensor([0]),
            'night_window': torch.tensor([[0, 0, SIDE]]),
            'guided': torch.tensor([False]),
        }

    def judged(self) -> StepOutputs:
        made = Translations(
            fake_day=self.image(),
            fake_night=self.image(),
            again_day=self.image(),
            again_night=self.image(),
            encoded_day=self.features(),
            encoded_fake_day=self.features(),
            colored_day=None,
        )
        semantics = Semantics(
            day_labels=self.labels(),
            night_labels=self.labels(),
            day=None,
            night=None,
            fake_day=self.logits(),
            fake_night=self.logits(),
        )
        return StepOutputs(
            made,
            real=(self.scores(), self.scores()),
            fake=(self.scores(), self.scores()),
            semantics=semantics,
            scaled_day=self.image(SIDE // 2),
            scaled_night=self.image(SIDE // 2),
        )


@pytest.mark.parametrize('scale_whole', [False, True])
def test_improved_sga_by_hand(scale_whole):
    """Eq. 4 in a reddish fake night of which the left half is cold people, the right warm road.

    L_ori: the step of 0.5 is the largest gradient; of two edge pixels one lies on it, the other
    where G is 1e-3: (0.8 − 1e-3 / 0.5) / (2 + 1). T_mr: red is 0.1 above the others. T_tr: in u
    people are 0.5 colder than the road, whose 0.75 the red raises by 0.299 · 0.05.
    """
    fake = torch.full((1, 3, SIDE, SIDE), -0.5)
    fake[..., SIDE // 2 :] = 0.5
    fake[:, 0] += 0.1
    edges = torch.zeros(1, 1, SIDE, SIDE)
    edges[0, 0, 8, 4] = edges[0, 0, 8, SIDE // 2] = 1
    labels = torch.full((1, SIDE, SIDE), int(Label.PERSON))
    labels[..., SIDE // 2 :] = Label.ROAD
    pictures = Pictures()
    batch = {**pictures.batch(), 'day_edges': edges, 'day_labels': labels}
    judged = pictures.judged()
    judged = StepOutputs(
        judged.made._replace(fake_night=fake), judged.real, judged.fake, None, None, None
    )
    recipe = flir(scale_whole_sga=scale_whole)
    losses = generator_losses(batch, judged, recipe, recipe.schedule[1])

    original, monochrome = (0.8 - 2e-3) / 3, 0.1
    temperature = 0.5 / (0.75 + 0.299 * 0.05 + 1e-4)
    regularisers = (0.5 if scale_whole else 1.0) * (monochrome + temperature)
    total = losses['sga_a'] + losses['monochrome'] + losses['temperature']
    assert total.item() == pytest.approx(0.5 * original + regularisers, rel=1e-4)


@pytest.mark.parametrize(
    ('phase', 'ra', 'fb', 'rb', 'fa', 'boundary'),
    [
        (1, 0, 0, 0, 0, 0.0),
        (2, 1, 0, 0, 0, 0.0),
        (3, 1, 1, 0, 0, 0.5),
        (4, 1, 1, 1, 0, 0.5),
        (5, 0, 1, 0, 1, 0.0),
    ],
)
def test_segmentation_by_hand(phase, ra, fb, rb, fa, boundary):
    """Eq. 10 through the stretches of the FLIR schedule; day is road, night is sky.

    The logit of the right class is k, of all others 0: the probability of the right class is
    p = e^k / (e^k + 18), so that the cross-entropy is −ln p and, with one class everywhere, the
    boundary loss is 2 (1 − p), see test_boundary.py. Each picture has a k of its own.
    """

    def logits(label: Label, k: float) -> torch.Tensor:
        scores = torch.zeros(1, 19, SIDE, SIDE)
        scores[:, label] = k
        return scores

    def p(k: float) -> float:
        return math.exp(k) / (math.exp(k) + 18)

    semantics = Semantics(
        day_labels=torch.full((1, SIDE, SIDE), int(Label.ROAD)),
        night_labels=torch.full((1, SIDE, SIDE), int(Label.SKY)),
        day=logits(Label.ROAD, 1),
        fake_night=logits(Label.ROAD, 2),
        night=logits(Label.SKY, 3),
        fake_day=logits(Label.SKY, 4),
    )
    pictures = Pictures()
    batch, judged = pictures.batch(), pictures.judged()
    judged = StepOutputs(judged.made, judged.real, judged.fake, semantics, None, None)
    recipe = flir()
    losses = generator_losses(batch, judged, recipe, recipe.schedule[phase])
    total = sum(
        float(value)
        for name, value in losses.items()
        if name.startswith('segmentation_') or name == 'boundary'
    )
    expected = ra * (-math.log(p(1)) + boundary * 2 * (1 - p(1)))
    expected -= fb * math.log(p(2)) + rb * math.log(p(3)) + fa * math.log(p(4))
    assert total == pytest.approx(expected, rel=1e-5)


def test_the_whole_objective():
    """Eq. 23 in the last phase, where all of its terms act, term by term with the paper's weights.

    The sum over both domains stands behind each term; SGA looks at the whole picture here, because
    a random cell could not be drawn again.
    """
    pictures = Pictures()
    batch, judged = pictures.batch(), pictures.judged()
    recipe = flir(sga_region='image')
    torch.manual_seed(0)  # where K-means begins
    losses = generator_losses(batch, judged, recipe, recipe.schedule[-1])

    made, semantics = judged.made, judged.semantics
    day, night, fake_day, fake_night = batch['day'], batch['night'], made.fake_day, made.fake_night
    mask = background_mask(semantics.night_labels, unlabelled=True)
    adv = generator_loss(judged.real[0], judged.fake[0])
    adv += generator_loss(judged.real[1], judged.fake[1])
    cyc = cycle_loss(made.again_day, day) + cycle_loss(made.again_night, night)
    tv = total_variation(fake_day) + total_variation(fake_night)
    sga = sga_loss(fake_night, batch['day_edges'], region='image')
    sga += sga_loss(fake_day, batch['night_edges'], region='image')
    regularisers = monochrome_loss(fake_night) + temperature_loss(fake_night, batch['day_labels'])
    seg = segmentation_loss(semantics.fake_night, semantics.day_labels)
    seg += segmentation_loss(semantics.fake_day, semantics.night_labels)
    torch.manual_seed(0)
    aca = aca_loss(
        made.encoded_day,
        made.encoded_fake_day,
        semantics.day_labels,
        semantics.night_labels,
    )
    cgr = cgr_loss(fake_day, night, mask)
    sr = sr_loss(judged.scaled_night, fake_night) + sr_loss(judged.scaled_day, fake_day)

    terms = [adv, cyc, 5 * tv, 0.5 * sga + regularisers, seg, aca, cgr, sr]
    assert all(term > 0 for term in terms)
    assert sum(losses.values()).item() == pytest.approx(sum(terms).item(), rel=1e-5)


def test_a_step_descends_on_the_sum(tiny, shared_data):
    """What goes backward is Eq. 23 itself, not a mean of its terms, and nothing besides."""
    torch.manual_seed(0)
    step = Step(tiny, Fabric(accelerator='cpu', devices=1))
    totals: list[float] = []
    step._backward = lambda total: totals.append(float(total.detach()))
    batch = default_collate([open_data(tiny, shared_data)[Pick(0)]])
    values = step(batch, tiny.phases[-1], 1)
    judges = values['discriminator_a'] + values['discriminator_b']
    assert totals == pytest.approx([sum(values.values()) - judges, judges], rel=1e-5)


@pytest.mark.parametrize(
    ('choice', 'groups', 'mean_over'),
    [('merged', MERGED, 'present'), ('separate', SEPARATE, 'all')],
)
def test_aca_groups_are_a_choice(monkeypatch, choice, groups, mean_over):
    asked = {}
    monkeypatch.setattr(
        objective, 'aca_loss', lambda *_, **options: (asked.update(options), torch.zeros(()))[1]
    )
    pictures = Pictures()
    recipe = parse_recipe({'name': 'x', 'phases': 'flir', 'choices': {'aca_groups': choice}})
    generator_losses(pictures.batch(), pictures.judged(), recipe, recipe.schedule[-1])
    assert (asked['groups'], asked['mean_over'], asked['clusters']) == (groups, mean_over, 4)


def test_the_ssim_of_the_cycle_waits_for_its_phase():
    pictures = Pictures()
    batch, judged = pictures.batch(), pictures.judged()
    recipe = parse_recipe({'name': 'x', 'phases': 'flir'})
    for phase, weight in zip(recipe.schedule[:2], (0.0, 1.0), strict=True):
        losses = generator_losses(batch, judged, recipe, phase)
        expected = cycle_loss(judged.made.again_day, batch['day'], ssim_weight=weight)
        torch.testing.assert_close(losses['cycle_a'], expected)


def test_one_ssim_window_for_cycle_and_scale_robustness():
    pictures = Pictures()
    batch, judged = pictures.batch(), pictures.judged()
    recipe = parse_recipe({'name': 'x', 'phases': 'flir', 'losses': {'ssim_window': 7}})
    losses = generator_losses(batch, judged, recipe, recipe.schedule[-1])
    made = judged.made
    cycle = cycle_loss(made.again_day, batch['day'], window=7)
    torch.testing.assert_close(losses['cycle_a'], cycle)
    torch.testing.assert_close(
        losses['sr_a'], sr_loss(judged.scaled_night, made.fake_night, window=7)
    )
