"""One step: what learns from what, and that nothing is computed twice."""

from collections import Counter
from pathlib import Path

import cv2
from lightning_fabric import Fabric
import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from morngan_train.data.pairing import Pick
from morngan_train.losses.scale_robustness import rescale
from morngan_train.networks.bottleneck_segmenter import BottleneckSegmenter
from morngan_train.recipe import parse_recipe
from morngan_train.recipe import Recipe
from morngan_train.recipe.phases import Phase
from morngan_train.recipe.recipe import SegmenterRecipe
from morngan_train.training.image_pool import ImagePool
from morngan_train.training.objective import generator_losses
from morngan_train.training.step import Step
from morngan_train.training.system import Discriminators
from morngan_train.training.system import Generators
from morngan_train.training.system import Segmenters
from morngan_train.training.trainer import open_data
from morngan_train.training.tuning import PLAIN
from morngan_train.training.tuning import Tuning


def make(recipe: Recipe, precision: str = '32-true', tuning: Tuning = PLAIN) -> Step:
    torch.manual_seed(0)
    return Step(recipe, Fabric(accelerator='cpu', devices=1, precision=precision), tuning)


def phase_of(recipe: Recipe, name: str) -> Phase:
    return next(phase for phase in recipe.phases if phase.name == name)


@pytest.fixture
def batch(tiny, shared_data):
    return default_collate([open_data(tiny, shared_data)[Pick(0)]])


def test_parameters_of_the_whole_system():
    """68,654,744: two translators, two discriminators, two segmenters."""
    recipe = parse_recipe({'name': 'x', 'phases': 'flir'})
    networks = (Generators(recipe), Discriminators(recipe), Segmenters(recipe))
    counts = [sum(p.numel() for p in network.parameters()) for network in networks]
    assert counts == [23_330_594, 33_396_402, 11_927_748]
    assert sum(counts) == 68_654_744


def test_discriminators_learn_only_in_their_own_descent(tiny, batch):
    """The generators' loss must leave no gradient on the discriminators."""
    step = make(tiny)
    seen = []
    backward = step._backward

    def watch(total):
        backward(total)
        seen.append([p.grad for p in step.discriminators.parameters() if p.grad is not None])

    step._backward = watch
    step(batch, phase_of(tiny, '0b'), 1)
    assert seen[0] == []
    assert all(p.grad is not None for p in step.discriminators.parameters())


def gradient_of(loss: str, batch, recipe: Recipe, phase: str) -> dict[str, bool]:
    """Take the gradient of one loss alone: which networks does it reach?"""
    step = make(recipe)

    step._descend = lambda _learning, losses, _judging: losses[loss].backward()
    step(batch, phase_of(recipe, phase), 1)
    parts = {
        'encoder_a': step.generators.a.encoder,
        'decoder_a': step.generators.a.decoder,
        'encoder_b': step.generators.b.encoder,
        'decoder_b': step.generators.b.decoder,
        's_a': step.segmenters.a,
        's_b': step.segmenters.b,
    }
    return {
        name
        for name, part in parts.items()
        if any(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters())
    }


@pytest.mark.parametrize(
    ('loss', 'phase', 'reached'),
    [
        ('segmentation_ra', '1', {'s_a'}),
        ('boundary', '2', {'s_a'}),
        ('segmentation_fb', '2', {'s_b'}),  # fake night is detached in phase 2 alone
        ('segmentation_fb', '3', {'s_b', 'encoder_a', 'decoder_b'}),
        ('segmentation_rb', '3', {'s_b'}),
        ('segmentation_fb', '4', {'encoder_a', 'decoder_b'}),  # frozen
        ('segmentation_fa', '4', {'encoder_b', 'decoder_a'}),
        ('sr_a', '3', {'encoder_a', 'decoder_b'}),
        ('sr_b', '3', {'encoder_b', 'decoder_a'}),
        ('cgr', '4', {'encoder_b', 'decoder_a'}),
        ('temperature', '0b', {'encoder_a', 'decoder_b'}),
        ('cycle_a', '0b', {'encoder_a', 'decoder_b', 'encoder_b', 'decoder_a'}),
        ('cycle_b', '0b', {'encoder_a', 'decoder_b', 'encoder_b', 'decoder_a'}),
    ],
)
def test_which_networks_a_loss_reaches(tiny, batch, loss, phase, reached, monkeypatch):
    if loss == 'temperature':  # people are given where the road is: the hinge is open
        batch['day_labels'][:] = 0
        batch['day_labels'][:, :10] = 11
        monkeypatch.setattr('morngan_train.training.objective.temperature_loss', _open_hinge)
    assert gradient_of(loss, batch, tiny, phase) == reached


@pytest.mark.parametrize(
    ('loss', 'phase', 'reached'),
    [
        ('segmentation_ra', '1', {'s_a'}),
        ('segmentation_fb', '3', {'s_b', 'encoder_a', 'decoder_b'}),
        ('segmentation_fa', '4', {'encoder_b', 'decoder_a'}),
    ],
)
def test_bottleneck_segmenters_take_the_same_place(tiny, batch, loss, phase, reached):
    bottleneck = SegmenterRecipe(kind='bottleneck')
    recipe = tiny.model_copy(update={'segmenter': bottleneck})
    segmenters = make(recipe).segmenters
    assert isinstance(segmenters.a, BottleneckSegmenter)
    assert isinstance(segmenters.b, BottleneckSegmenter)
    assert gradient_of(loss, batch, recipe, phase) == reached


def _open_hinge(fake, labels):
    return fake.mean()


def test_aca_reaches_the_encoder_and_the_generator_behind_the_fake(tiny, batch, monkeypatch):
    """Its real side is detached, its fake side is not: E_A, and through the fake G_BA."""

    def labelled(self, *args):
        semantics = parse(self, *args)
        semantics.day_labels[:] = 11
        semantics.night_labels[:] = 11
        return semantics

    from morngan_train.training.segmentation import Segmentation

    parse = Segmentation.__call__
    monkeypatch.setattr(Segmentation, '__call__', labelled)
    reached = gradient_of('aca', batch, tiny, '4')
    assert reached == {'encoder_a', 'encoder_b', 'decoder_a'}


def calls(step: Step) -> Counter:
    """Count forward passes by network, in pictures."""
    counted: Counter = Counter()
    parts = {
        'E_A': step.generators.a.encoder,
        'E_B': step.generators.b.encoder,
        'D_A': step.discriminators.a,
    }
    for name, part in parts.items():
        part.register_forward_hook(
            lambda _module, inputs, _output, name=name: counted.update({name: len(inputs[0])})
        )
    for name, segmenter in (('S_A', step.segmenters.a), ('S_B', step.segmenters.b)):
        features = segmenter.features

        def count(image, name=name, features=features):
            counted[name] += len(image)
            return features(image)

        segmenter.features = count
    return counted


@pytest.mark.parametrize(
    ('phase', 'expected'),
    [
        # Encoders: x, G(x) and the pair of aligned supervision; discriminator: real, fake, pooled.
        ('0a', {'E_A': 2, 'E_B': 3, 'D_A': 3}),
        ('0b', {'E_A': 2, 'E_B': 2, 'D_A': 3}),
        ('1', {'E_A': 2, 'E_B': 2, 'D_A': 3, 'S_A': 1}),
        ('2', {'E_A': 2, 'E_B': 2, 'D_A': 3, 'S_A': 1, 'S_B': 1}),
        # And the rescaled pictures, and fake day for mining.
        ('3', {'E_A': 3, 'E_B': 3, 'D_A': 3, 'S_A': 2, 'S_B': 2}),
        ('4', {'E_A': 3, 'E_B': 3, 'D_A': 3, 'S_A': 2, 'S_B': 2}),
    ],
)
def test_nothing_is_computed_twice(tiny, batch, phase, expected):
    step = make(tiny)
    counted = calls(step)
    step(batch, phase_of(tiny, phase), 1)
    assert counted == expected


def test_the_average_follows(tiny, batch):
    """With decay d = min(ema, (1 + t) / (10 + t)): by hand for the first step, 0.1."""
    step = make(tiny)
    name = 'encoder.layers.1.weight'
    old = step.average.model.state_dict()[name].clone()
    step(batch, phase_of(tiny, '0b'), 1)
    new = step.generators.state_dict()['b.encoder.layers.1.weight']
    torch.testing.assert_close(step.average.model.state_dict()[name], 0.1 * old + 0.9 * new)


@pytest.mark.parametrize(('how', 'draws'), [('step', 4), ('epoch', 2)])
def test_how_often_a_scale_is_drawn(tiny, how, draws):
    """Four steps in two epochs: per step four numbers, per epoch two."""
    choices = tiny.choices.model_copy(update={'draw_scale': how})
    step = make(tiny.model_copy(update={'choices': choices}))
    drawn = [step._draw_psi(epoch) for epoch in (1, 1, 2, 2)]
    assert len(set(drawn)) == draws


def test_gradients_are_clipped_only_on_request(tiny, batch):
    def largest_norm(clip):
        optimizer = tiny.optimizer.model_copy(update={'clip': clip})
        step = make(tiny.model_copy(update={'optimizer': optimizer}))
        step(batch, phase_of(tiny, '0b'), 1)
        gradients = [p.grad.flatten() for p in step.generators.parameters() if p.grad is not None]
        return float(torch.cat(gradients).norm())

    assert largest_norm(1e-3) == pytest.approx(1e-3, rel=1e-3)
    assert largest_norm(None) > 1e-2


def test_adam_of_a_segmenter_begins_with_its_phase(tiny, batch):
    """Steps without it do not count: its first update is as large as the learning rate."""
    step = make(tiny)
    for _ in range(3):
        step(batch, phase_of(tiny, '0b'), 1)
    before = [parameter.clone() for parameter in step.segmenters.a.parameters()]
    assert not step.optimizers['segmenters'].state
    step(batch, phase_of(tiny, '1'), 1)
    moves = [
        (now - then).abs().max().item()
        for now, then in zip(step.segmenters.a.parameters(), before, strict=True)
    ]
    assert max(moves) == pytest.approx(tiny.optimizer.lr, rel=1e-3)


def test_identity_losses_are_off_unless_weighted(tiny, batch):
    losses = tiny.losses.model_copy(update={'identity': 5.0})
    with_identity = make(tiny.model_copy(update={'losses': losses}))
    values = with_identity(batch, phase_of(tiny, '0b'), 1)
    assert {'identity_a', 'identity_b'} <= values.keys()
    assert 'identity_a' not in make(tiny)(batch, phase_of(tiny, '0b'), 1)


@pytest.mark.parametrize('labels', ['unlabelled', 'no small classes'])
def test_empty_masks_give_finite_steps(tiny, batch, labels):
    batch['day_labels'][:] = 255 if labels == 'unlabelled' else 0
    step = make(tiny)
    for name in ('1', '2', '3', '4'):
        values = step(batch, phase_of(tiny, name), 1)
        assert all(abs(value) < float('inf') for value in values.values())
    for network in step.networks.values():
        assert all(torch.isfinite(p).all() for p in network.parameters())


@pytest.mark.parametrize(
    ('blank', 'value', 'phase'),
    [('trainA_thermal', 255, 'pairs'), ('trainB', 0, '0b'), ('trainA', 90, '0b')],
)
def test_a_blank_frame_is_a_step_as_any_other(tiny, data, blank, value, phase):
    """A chain of instance norms would amplify the gradient of a constant a thousand times."""
    deep = tiny.generator.model_copy(update={'ngf': 4, 'blocks': 9, 'stem': 'conv7'})
    recipe = tiny.model_copy(update={'generator': deep})
    usual = gradient_after(recipe, data, phase)
    for file in (data / blank).iterdir():
        cv2.imwrite(str(file), np.full((96, 120), value, np.uint8))
    assert gradient_after(recipe, data, phase) < 10 * usual


def gradient_after(recipe: Recipe, data: Path, phase: str) -> float:
    """Return the norm of the generators' gradient after a step from the first weights."""
    step = make(recipe)
    step(default_collate([open_data(recipe, data)[Pick(0)]]), phase_of(recipe, phase), 1)
    gradients = [p.grad for p in step.generators.parameters() if p.grad is not None]
    return float(torch.nn.utils.get_total_norm(gradients))


def test_baselines_with_instance_norm_and_least_squares(tiny, batch):
    recipe = tiny.model_copy(
        update={
            'generator': tiny.generator.model_copy(update={'decoder_norm': 'instance'}),
            'discriminator': tiny.discriminator.model_copy(update={'norm': 'instance'}),
            'losses': tiny.losses.model_copy(
                update={'adversarial_form': 'least_squares', 'cycle_form': 'l1', 'tv': 0.0}
            ),
        }
    )
    values = make(recipe)(batch, phase_of(tiny, '0a'), 1)
    assert 'tv_a' not in values
    assert all(abs(value) < float('inf') for value in values.values())


def test_bf16_networks_with_losses_in_float32(tiny, batch, monkeypatch):
    """The same first step but for the networks' rounding; labels and losses never see bf16."""
    dtypes = set()

    def watch(batch, judged, recipe, phase):
        semantics, made = judged.semantics, judged.made
        seen = (*made[:6], semantics.fake_day, semantics.fake_night, judged.scaled_day)
        dtypes.update(x.dtype for x in seen)
        dtypes.update(
            score.dtype for domain in judged.fake for branch in domain for score in branch
        )
        assert not torch.is_autocast_enabled('cpu')
        return generator_losses(batch, judged, recipe, phase)

    monkeypatch.setattr('morngan_train.training.step.generator_losses', watch)
    full = make(tiny)(batch, phase_of(tiny, '4'), 1)
    mixed = make(tiny, 'bf16-mixed')(batch, phase_of(tiny, '4'), 1)
    assert dtypes == {torch.float32}
    assert mixed.keys() == full.keys()
    for name in ('cycle_a', 'cycle_b', 'tv_a', 'segmentation_fa', 'discriminator_a'):
        assert mixed[name] != full[name]
        assert mixed[name] == pytest.approx(full[name], rel=0.05), name


@pytest.mark.parametrize(('psi', 'factor'), [(0.2, 0.5), (0.9, 1.5)])
def test_each_real_picture_is_rescaled_by_the_same_factor(tiny, batch, psi, factor):
    """Eq. 20-22: G_BA sees the night frame, G_AB the day picture, and ψ is drawn once."""
    step = make(tiny)
    draws = iter([psi, 1 - psi])
    step._draw_psi = lambda epoch: next(draws)
    seen = {}
    for name in ('color', 'to_thermal'):
        translate = getattr(step.generators, name)
        setattr(
            step.generators,
            name,
            lambda x, name=name, translate=translate: (seen.update({name: x}), translate(x))[1],
        )
    step._translate_scaled(batch, phase_of(tiny, '3'), 1)
    assert torch.equal(seen['color'], rescale(batch['night'], factor))
    assert torch.equal(seen['to_thermal'], rescale(batch['day'], factor))


def test_psi_of_an_epoch_survives_a_checkpoint(tiny):
    choices = tiny.choices.model_copy(update={'draw_scale': 'epoch'})
    recipe = tiny.model_copy(update={'choices': choices})
    step, other = make(recipe), make(recipe)
    psi = step._draw_psi(3)
    other.load_own_state_dict(step.own_state_dict())
    assert other._draw_psi(3) == psi


def test_identity_is_that_of_the_target_domain(tiny, batch):
    losses = tiny.losses.model_copy(update={'identity': 5.0})
    step = make(tiny.model_copy(update={'losses': losses}))
    day, night = batch['day'], batch['night']
    with torch.no_grad():
        expected = {
            'identity_a': 5 * (step.generators.color(day) - day).abs().mean(),
            'identity_b': 5 * (step.generators.to_thermal(night) - night).abs().mean(),
        }
        torch.testing.assert_close(step._identity(batch), expected)


def test_discriminators_are_given_pooled_fakes(tiny, batch):
    step = make(tiny)
    given, judged = {}, []
    judge = step._judge

    class Pool(ImagePool):
        def __call__(self, fakes):
            given[self.name] = fakes
            return torch.full_like(fakes, 0.5)

    for name in 'ab':
        step.pools[name] = Pool(0)
        step.pools[name].name = name
    step._judge = lambda day, night: (judged.append((day, night)), judge(day, night))[1]
    step(batch, phase_of(tiny, '0b'), 1)
    assert step.seen is not None
    made = step.seen[0]
    assert torch.equal(given['a'], made.fake_day)
    assert torch.equal(given['b'], made.fake_night)
    assert len(judged) == 3, 'real, fake, pooled'
    assert all((pooled == 0.5).all() for pooled in judged[-1])


def test_discriminators_learn_that_real_scores_more(tiny, batch):
    step = make(tiny)
    for group in step.optimizers['generators'].param_groups:
        group['lr'] = 0.0
    step.pools = {name: ImagePool(0) for name in 'ab'}

    @torch.no_grad()
    def margins():
        made = step._translate(batch, phase_of(tiny, '0b'))
        real = step._judge(batch['day'], batch['night'])
        fake = step._judge(made.fake_day, made.fake_night)
        return [
            float(sum((r[-1] - f[-1]).mean() for r, f in zip(*pair, strict=True)))
            for pair in zip(real, fake, strict=True)
        ]

    before = margins()
    for _ in range(8):
        step(batch, phase_of(tiny, '0b'), 1)
    assert all(new > old for new, old in zip(margins(), before, strict=True))


def test_translations_are_the_compositions_they_are_named_after(tiny):
    torch.manual_seed(0)
    generators = Generators(tiny)
    day, night, thermal = (torch.rand(1, 3, 32, 32) * 2 - 1 for _ in range(3))
    with torch.no_grad():
        made = generators(day, night, thermal)
        e_a, e_b = generators.a.encoder, generators.b.encoder
        d_a, d_b = generators.a.decoder, generators.b.decoder
        fake_day, fake_night = d_a(e_b(night)), d_b(e_a(day))
        expected = {
            'fake_day': fake_day,
            'fake_night': fake_night,
            'again_day': d_a(e_b(fake_night)),
            'again_night': d_b(e_a(fake_day)),
            'encoded_day': e_a(day),
            'encoded_fake_day': e_a(fake_day),
            'colored_day': d_a(e_b(thermal)),
        }
    got = {name: getattr(made, name) for name in expected}
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


PHASES = ['pairs', '0a', '0b', '1', '2', '3', '4']


def crops(recipe: Recipe, data, count: int):
    opened = open_data(recipe, data)
    return default_collate([opened[Pick(draw)] for draw in range(count)])


def changed(recipe: Recipe, section: str, **fields) -> Recipe:
    return recipe.model_copy(update={section: getattr(recipe, section).model_copy(update=fields)})


def gradients(step: Step) -> dict[str, torch.Tensor]:
    return {
        name: torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])
        for name, network in step.networks.items()
        if any(p.grad is not None for p in network.parameters())
    }


def assert_close(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor], tolerance: float) -> None:
    assert a.keys() == b.keys()
    for name, gradient in a.items():
        assert gradient.norm() > 0
        assert (gradient - b[name]).norm() <= tolerance * gradient.norm(), name


@pytest.mark.parametrize('name', PHASES)
def test_batches_of_four(tiny, shared_data, name):
    step = make(tiny)
    values = step(crops(tiny, shared_data, 4), phase_of(tiny, name), 1)
    assert all(abs(value) < float('inf') for value in values.values())
    if step.seen is not None:
        made, semantics = step.seen
        assert made.fake_day.shape == made.fake_night.shape == (4, 3, 64, 64)
        assert semantics is None or len(semantics.day_labels) == 4
    assert [len(labels) for labels in step.night_labels] == ([4] if name in '34' else [])


@pytest.mark.parametrize('name', ['pairs', '0b', '4'])
def test_accumulation_equals_a_larger_batch(tiny, shared_data, monkeypatch, name):
    """To rounding, where nothing is drawn and no norm remembers the pictures before.

    K-means draws its start, spectral normalisation moves with every part.
    """
    monkeypatch.setattr(Step, '_draw_psi', lambda _self, _epoch: 0.2)
    recipe = changed(changed(tiny, 'discriminator', norm='instance'), 'optimizer', pool=0)
    recipe = changed(recipe, 'choices', sga_region='image')
    phase = phase_of(recipe, name).model_copy(update={'aca': 0.0})
    batch = crops(recipe, shared_data, 4)
    whole, parts = make(recipe), make(changed(recipe, 'optimizer', accumulate=4))
    values = [step(batch, phase, 1) for step in (whole, parts)]
    assert values[0] == pytest.approx(values[1], rel=1e-4, abs=1e-5)
    assert_close(gradients(whole), gradients(parts), 1e-4)
    labels = [torch.cat(step.night_labels) for step in (whole, parts) if step.night_labels]
    assert not labels or torch.equal(*labels)
    assert len(parts.night_labels) == (4 if name == '4' else 0)


@pytest.mark.parametrize('name', ['pairs', '3', '4'])
@pytest.mark.parametrize('tuning', [Tuning(checkpointing=True), Tuning(channels_last=True)])
def test_tuning_changes_nothing_that_is_learnt(tiny, shared_data, name, tuning):
    """Computing again gives the same bits; another layout rounds in another order."""
    batch, phase = crops(tiny, shared_data, 1), phase_of(tiny, name)
    plain, tuned = make(tiny), make(tiny, tuning=tuning)
    values = []
    for step in (plain, tuned):
        torch.manual_seed(1)
        values.append(step(batch, phase, 1))
    tolerance = 0.0 if tuning.checkpointing else 1e-4
    assert values[0] == pytest.approx(values[1], rel=tolerance, abs=tolerance)
    assert_close(gradients(plain), gradients(tuned), tolerance)


def test_checkpointing_keeps_less(tiny, shared_data):
    """What the graph of a step holds on to, in bytes, when its backward pass begins."""

    def kept(tuning: Tuning) -> int:
        step, held = make(tiny, tuning=tuning), 0

        def pack(x: torch.Tensor) -> torch.Tensor:
            nonlocal held
            held += x.untyped_storage().nbytes()
            return x

        step._backward = lambda _total: None
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
            step(crops(tiny, shared_data, 1), phase_of(tiny, '3'), 1)
        return held

    assert kept(Tuning(checkpointing=True)) < 0.7 * kept(Tuning())


def test_another_machine_may_go_on_with_a_checkpoint(tiny, batch):
    """Adam is fused where losses are read late: that is not taken from the checkpoint."""
    late, soon = make(tiny, tuning=Tuning(log_every=5)), make(tiny)
    late(batch, phase_of(tiny, '0b'), 1)
    soon.load_state_dict(late.state_dict())
    late.load_state_dict(soon.state_dict())
    assert all(g['fused'] for o in late.optimizers.values() for g in o.param_groups)
    assert not any(g['fused'] for o in soon.optimizers.values() for g in o.param_groups)
    for step in (late, soon):
        step(batch, phase_of(tiny, '0b'), 1)
