"""PearlGAN and DlamGAN as recipes: what facts say of them, and that they train."""

from pathlib import Path

from lightning_fabric import Fabric
import pytest
import torch
from torch.utils.data import default_collate

from morngan_train import checkpoint
from morngan_train.classes import Label
from morngan_train.classes import UNLABELLED
from morngan_train.data.pairing import Pick
from morngan_train.export import load_trained
from morngan_train.losses.attention_diversity import attention_diversity
from morngan_train.losses.attention_diversity import attention_integration
from morngan_train.losses.attention_similarity import accs_loss
from morngan_train.recipe import load_recipe
from morngan_train.recipe import parse_recipe
from morngan_train.recipe import Recipe
from morngan_train.recipe import RecipeError
from morngan_train.recipe.phases import learning_rate_factor
from morngan_train.recipe.phases import phase_at
from morngan_train.recipe.phases import table
from morngan_train.recipe.phases import total_epochs
from morngan_train.training.objective import generator_losses
from morngan_train.training.objective import StepOutputs
from morngan_train.training.segmentation import Segmentation
from morngan_train.training.step import Step
from morngan_train.training.trainer import open_data

RECIPES = Path(__file__).parents[3] / 'config/train'


def shipped(name: str) -> Recipe:
    return load_recipe(RECIPES / f'{name}.yaml')


def small(recipe: Recipe, tiny: Recipe) -> Recipe:
    """Return a recipe at the sizes of tiny.yaml."""
    shape = {'ngf': 4, 'blocks': 2, 'stem': 'shuffle'}
    thresholds = {'theta_fg': tiny.semantics.theta_fg}
    return recipe.model_copy(
        update={
            'generator': recipe.generator.model_copy(update=shape),
            'discriminator': tiny.discriminator,
            'segmenter': tiny.segmenter,
            'optimizer': tiny.optimizer,
            'data': tiny.data,
            'semantics': recipe.semantics.model_copy(update=thresholds),
        }
    )


def make(recipe: Recipe, precision: str = '32-true') -> Step:
    torch.manual_seed(0)
    return Step(recipe, Fabric(accelerator='cpu', devices=1, precision=precision))


@pytest.fixture
def batch(tiny, shared_data):
    return default_collate([open_data(tiny, shared_data)[Pick(i)] for i in range(2)])


BASE = {'adversarial_a', 'adversarial_b', 'cycle_a', 'cycle_b', 'tv_a', 'tv_b', 'sga_a', 'sga_b'}
BASE |= {'discriminator_a', 'discriminator_b'}
ATTENTION = {'attention_a', 'attention_b'}
ACCS = {'accs_a', 'accs_b'}
LEARNING = {'segmentation_ra', 'segmentation_fb', 'segmentation_rb'}


@pytest.mark.parametrize(
    ('name', 'losses'),
    [
        ('pearlgan', [BASE | ATTENTION, *[BASE | ATTENTION | ACCS] * 2]),
        (
            'dlamgan',
            [
                BASE,
                BASE,
                BASE | {'segmentation_ra'},
                BASE | LEARNING,
                BASE | {'segmentation_fb', 'segmentation_fa'},
            ],
        ),
    ],
)
def test_each_phase_trains_by_its_losses(name, losses, tiny, batch):
    recipe = small(shipped(name), tiny)
    step = make(recipe)
    before = [parameter.clone() for parameter in step.generators.parameters()]
    for phase, expected in zip(recipe.schedule, losses, strict=True):
        for _ in range(2):
            values = step(batch, phase, 1)
        assert values.keys() == expected, phase.name
    now = step.generators.parameters()
    still = sum(torch.equal(old, new) for old, new in zip(before, now, strict=True))
    assert still == 0, 'every weight, those of the attention included, has moved'


def test_pearlgan_in_bf16(tiny, batch):
    recipe = small(shipped('pearlgan'), tiny)
    step = make(recipe, 'bf16-mixed')
    values = step(batch, recipe.schedule[-1], 1)
    exact = make(recipe)(batch, recipe.schedule[-1], 1)
    assert values['attention_a'] == pytest.approx(exact['attention_a'], rel=0.05)
    assert step.seen is not None
    assert {x.dtype for x in step.seen[0] if x is not None} == {torch.float32}


# PearlGAN ---------------------------------------------------------------------------------------


def test_the_schedule_of_pearlgan():
    """40 + 40 epochs; SSIM and ACCS after the tenth, and the rate falls as the authors' did."""
    recipe = shipped('pearlgan')
    phases = recipe.schedule
    assert total_epochs(phases) == 80
    for epoch in range(1, 81):
        phase = phase_at(phases, epoch)
        assert phase.ssim == phase.accs == (epoch > 10)
        fallen = max(epoch - 41, 0) / 40
        assert learning_rate_factor(phases, epoch) == pytest.approx(1 - fallen)
    assert [row['ACCS'] for row in table(phases)] == ['', '1', '1']


def test_pearlgan_is_todaygan_tir_with_attention_and_sga():
    pearl, tir = shipped('pearlgan'), shipped('todaygan_tir')
    assert pearl.generator == tir.generator.model_copy(update={'attention': True})
    added = {'sga': 0.5, 'attention': 1.0, 'accs': 1.0}
    assert pearl.losses == tir.losses.model_copy(update=added)
    assert (pearl.discriminator, pearl.optimizer) == (tir.discriminator, tir.optimizer)


@torch.no_grad()
def test_attentional_losses_by_their_parts(tiny, batch):
    """Halves of the three finer maps, and each domain's own maps and encoder first in ACCS."""
    recipe = small(shipped('pearlgan'), tiny)
    losses = recipe.losses.model_copy(update={'attention': 3.0, 'accs': 5.0})
    recipe = recipe.model_copy(update={'losses': losses})
    phase = recipe.phases[1].model_copy(update={'accs': 0.5})
    step = make(recipe)
    made = step._translate(batch, phase)
    real = step._judge(batch['day'], batch['night'])
    got = generator_losses(batch, StepOutputs(made, real, real, None, None, None), recipe, phase)
    day, night = made.maps_day[:, 1:], made.maps_night[:, 1:]
    expected = {
        'attention_a': 1.5 * (attention_diversity(day) + attention_integration(day)),
        'attention_b': 1.5 * (attention_diversity(night) + attention_integration(night)),
        'accs_a': 2.5 * accs_loss(made.encoded_day, day, made.encoded_fake_day, night),
        'accs_b': 2.5 * accs_loss(made.encoded_night, night, made.encoded_fake_night, day),
    }
    torch.testing.assert_close({name: got[name] for name in expected}, expected)


@pytest.mark.parametrize(
    ('loss', 'phase', 'reached'),
    [('attention_a', 1, {'a'}), ('attention_b', 1, {'b'}), ('accs_a', 1, {'a', 'b'})],
)
def test_attentional_losses_teach_what_lies_before_the_maps(loss, phase, reached, tiny, batch):
    recipe = small(shipped('pearlgan'), tiny)
    step = make(recipe)
    step._descend = lambda _learning, losses, _judging: losses[loss].backward()
    step(batch, recipe.schedule[phase], 1)

    def learns(module: torch.nn.Module) -> bool:
        return any(p.grad is not None and p.grad.abs().sum() > 0 for p in module.parameters())

    generators = step.generators
    encoders = {'a': generators.a.encoder, 'b': generators.b.encoder}
    assert {name for name, encoder in encoders.items() if learns(encoder)} == reached
    assert not any(learns(encoder.layers[-1]) for encoder in encoders.values())
    assert not learns(generators.a.decoder)


@pytest.mark.parametrize('loss', ['attention', 'accs'])
def test_attentional_losses_need_attention(loss):
    with pytest.raises(RecipeError, match=r'need generator: \{attention: true\}'):
        parse_recipe({'name': 'x', 'phases': 'flir', 'losses': {loss: 1.0}})


def test_others_have_no_attention():
    recipe = shipped('flir')
    assert not recipe.generator.attention
    assert not any(row['ACCS'] for row in table(recipe.schedule))


def test_a_checkpoint_with_attention_is_read(tiny, tmp_path):
    recipe = small(shipped('pearlgan'), tiny)
    step = make(recipe)
    state = {'recipe': recipe.model_dump(mode='json'), 'step': 3, 'epoch': 1}
    checkpoint.save(tmp_path / 'a.pt', state | {'average': step.average.model.state_dict()})
    read = load_trained(tmp_path / 'a.pt').colorizer.translator.state_dict()
    kept = step.average.model.state_dict()
    name = 'encoder.layers.4.prepare.0.weight'  # slopes are no parameters of an exported network
    assert torch.equal(read[name], kept[name])


# DlamGAN ----------------------------------------------------------------------------------------


def test_the_switches_of_dlamgan():
    """Three phases of the segmenters, without what MornGAN added to their labels."""
    recipe = shipped('dlamgan')
    assert 'approximation' in recipe.description
    assert not recipe.denoises
    phases = recipe.schedule
    assert total_epochs(phases) == 80
    trained = [row['trained'] for row in table(phases)]
    assert trained == ['G D', 'G D', 'G D S_A', 'G D S_A S_B', 'G D']
    assert [phase.fake_night == 'attached' for phase in phases] == [False] * 4 + [True]
    for phase in phases:
        assert not phase.complete
        assert not phase.memory
        others = (phase.temperature, phase.boundary, phase.aca, phase.cgr, phase.sr, phase.accs)
        assert others == (0,) * 6


@pytest.mark.parametrize('label', [Label.PERSON, Label.ROAD])
@pytest.mark.parametrize(('a', 'b', 'mined'), [(0.96, 0.96, True), (0.96, 0.94, False)])
def test_dlamgan_asks_the_same_of_every_class(label, a, b, mined):
    """One threshold for objects and background, and both segmenters must pass it."""
    recipe = shipped('dlamgan')
    parser = Segmentation(torch.nn.Module(), recipe)

    def sure(confidence: float) -> torch.Tensor:
        p = torch.full((1, 19, 4, 4), (1 - confidence) / 18)
        p[:, label] = confidence
        return p

    labels = parser._label_night(sure(b), sure(a), torch.zeros(1, 3, 4, 4))
    assert (labels == (label if mined else UNLABELLED)).all()


def test_both_segmenters_of_dlamgan_label_after_the_freeze():
    recipe = shipped('dlamgan')
    assert recipe.choices.labellers_after_freeze == recipe.choices.agreement == 'both'
    last = recipe.schedule[-1]
    assert (last.segmenters, last.mines) == ('frozen', True)
