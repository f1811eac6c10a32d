"""Training of the context generator: from pairs and night frames, then with the paper's terms."""

from collections.abc import Callable
import copy
from pathlib import Path
import shutil

import cv2
from lightning_fabric import Fabric
import numpy as np
import pytest
import torch
from torch.utils.data import default_collate
import yaml

from morngan_train import checkpoint
from morngan_train.checkpoint import CheckpointError
from morngan_train.cli import main
from morngan_train.data.pairing import Pick
from morngan_train.export import load_trained
from morngan_train.recipe import load_recipe
from morngan_train.recipe import parse_recipe
from morngan_train.recipe import Recipe
from morngan_train.recipe import RecipeError
from morngan_train.recipe.phases import Phase
from morngan_train.training.step import Step
from morngan_train.training.trainer import open_data
from morngan_train.training.trainer import Trainer

CONFIG = Path(__file__).parents[3] / 'config/train/tiny_context.yaml'


@pytest.fixture(scope='module')
def recipe() -> Recipe:
    return load_recipe(CONFIG)


@pytest.fixture
def roots(data) -> list[Path]:
    """The tiny folder, and one whose day has colour at low resolution only."""
    rng = np.random.default_rng(3)
    low = data.parent / 'low'
    for folder, shape in (('dayLow_thermal', (96, 120)), ('dayLow_color', (32, 32, 3))):
        (low / folder).mkdir(parents=True)
        cv2.imwrite(str(low / folder / 'w.png'), rng.integers(0, 255, shape, np.uint8))
    return [data, low]


@pytest.fixture
def batch(recipe, roots):
    return default_collate([open_data(recipe, roots)[Pick(i)] for i in range(2)])


def make(recipe: Recipe) -> Step:
    torch.manual_seed(0)
    step = Step(recipe, Fabric(accelerator='cpu', devices=1))
    step.set_learning_rate(recipe.optimizer.lr)
    return step


def phase_of(recipe: Recipe, name: str, **changes) -> Phase:
    phase = next(phase for phase in recipe.phases if phase.name == name)
    return phase.model_copy(update=changes)


def changed(step: Step, run: Callable[[], object]) -> set[str]:
    """Name the parts of the system whose weights a run changes."""
    parts = {
        'E_A': step.generators.a.encoder,
        'D_A': step.generators.a.decoder,
        'E_B': step.generators.b.encoder,
        'D_B': step.generators.b.decoder,
        'judge_A': step.discriminators.a,
        'judge_B': step.discriminators.b,
        'perception': step._perception,
    }
    before = {name: copy.deepcopy(part.state_dict()) for name, part in parts.items()}
    run()
    return {
        name
        for name, part in parts.items()
        if any(not torch.equal(v, before[name][k]) for k, v in part.state_dict().items())
    }


def test_pairs_train_the_deployed_direction_alone(recipe, batch):
    step = make(recipe)
    assert changed(step, lambda: step(batch, phase_of(recipe, 'pairs'), 1)) == {'E_B', 'D_A'}


def test_night_frames_bring_the_judge_of_the_day(recipe, batch):
    step = make(recipe)
    learning = changed(step, lambda: step(batch, phase_of(recipe, 'night'), 1))
    assert learning == {'E_B', 'D_A', 'judge_A'}


def test_every_term_has_its_line_in_the_log(recipe, batch):
    values = make(recipe)(batch, phase_of(recipe, 'night'), 1)
    assert set(values) == {
        *('edge_recall', 'edge_correlation', 'chroma', 'cgr', 'low', 'adversarial_a', 'steadiness'),
        *('aligned', 'perceptual', 'discriminator_a'),
        *('edge_recall_pairs', 'edge_correlation_pairs', 'chroma_pairs'),
    }


def test_folders_without_colour_at_low_resolution_train_without_it(recipe, roots):
    batch = default_collate([open_data(recipe, roots[:1])[Pick(0)]])
    assert 'low' not in make(recipe)(batch, phase_of(recipe, 'pairs'), 1)


def test_weights_scale_their_terms(recipe, batch):
    content = recipe.model_dump(mode='json')
    terms = (
        'perceptual',
        'low',
        'edge_recall',
        'edge_correlation',
        'chroma_smoothness',
        'steadiness',
    )
    content['losses'] |= {term: 3 * content['losses'][term] for term in terms}
    before, after = (
        make(r)(batch, phase_of(r, 'pairs'), 1) for r in (recipe, parse_recipe(content))
    )
    for name in (
        'perceptual',
        'low',
        'edge_recall',
        'edge_correlation_pairs',
        'chroma',
        'steadiness',
    ):
        assert after[name] == pytest.approx(3 * before[name], rel=1e-3), name
    assert after['aligned'] == pytest.approx(before['aligned'], rel=1e-4)


def test_the_pretrained_encoder_learns_more_slowly(recipe, batch):
    step = make(recipe)
    rates = [group['lr'] for group in step.optimizers['generators'].param_groups]
    assert rates == pytest.approx([1e-3, 0.25e-3])
    assert step.optimizers['discriminators'].param_groups[0]['lr'] == pytest.approx(0.5e-3)
    groups = step.optimizers['generators'].param_groups
    counts = [sum(p.numel() for p in group['params']) for group in groups]
    assert counts[1] == 2 * 2_939_120
    assert sum(counts) == sum(p.numel() for p in step.generators.parameters())


def test_a_run_through_all_terms_and_its_export(recipe, roots, tmp_path):
    """The paper's phases act on the context generator too: memory, ACA, SR, both directions."""
    out = tmp_path / 'run'
    assert Trainer(recipe, roots, out, Fabric(accelerator='cpu', devices=1), workers=0).fit()
    load_trained(out / 'epoch_004.pt')
    assert (out / 'epoch_004.pt').stat().st_size < 20e6
    assert cv2.imread(str(out / 'preview/epoch_004.png')) is not None
    assert cv2.imread(str(out / 'panels/epoch_004.png')) is not None
    log = (out / 'log.jsonl').read_text()
    assert all(name in log for name in ('"aca"', '"sr_b"', '"segmentation_fa"', '"remembered"'))


def test_a_run_that_was_interrupted_ends_with_the_same_weights(recipe, roots, tmp_path):
    content = recipe.model_dump(mode='json')
    content['phases'] = content['phases'][:2]
    short = parse_recipe(content)
    fabric = Fabric(accelerator='cpu', devices=1)
    whole = Trainer(short, roots, tmp_path / 'whole', fabric, workers=0, shares=[2, 1])
    assert whole.fit()
    stopped = Trainer(short, roots, tmp_path / 'parts', fabric, workers=0, shares=[2, 1])
    run = stopped.step.__class__.__call__

    def stop_after_three(*args, **kwargs):
        values = run(*args, **kwargs)
        stopped._asked = stopped.step.number == 3
        return values

    stopped.step.__class__ = type('Stopping', (Step,), {'__call__': stop_after_three})
    assert not stopped.fit()
    again = Trainer(short, roots, tmp_path / 'parts', fabric, workers=0, shares=[2, 1])
    assert again.resume(tmp_path / 'parts/last.pt') == []
    assert again.fit()
    for a, b in zip(
        whole.step.state_dict()['generators'].values(),
        again.step.state_dict()['generators'].values(),
        strict=True,
    ):
        assert torch.equal(a, b)


def test_a_run_starts_from_trained_weights(recipe, roots, tmp_path):
    fabric = Fabric(accelerator='cpu', devices=1)
    first = Trainer(recipe, roots, tmp_path / 'first', fabric, workers=0)
    first.save()
    second = Trainer(
        recipe.model_copy(update={'seed': 9}), roots, tmp_path / 'second', fabric, workers=0
    )
    second.start_from(tmp_path / 'first/last.pt')
    trained = checkpoint.load(tmp_path / 'first/last.pt')['average']
    for model in (second.step.generators.night_to_day, second.step.average.model):
        assert all(torch.equal(v, trained[k]) for k, v in model.state_dict().items())


def test_weights_of_another_generator_are_refused(recipe, roots, tmp_path, tiny):
    fabric = Fabric(accelerator='cpu', devices=1)
    Trainer(tiny, roots[0], tmp_path / 'paper', fabric, workers=0).save()
    trainer = Trainer(recipe, roots, tmp_path / 'context', fabric, workers=0)
    with pytest.raises(CheckpointError, match='holds another generator than the recipe'):
        trainer.start_from(tmp_path / 'paper/last.pt')


def test_missing_weights_are_said_before_training(recipe, roots, tmp_path, capsys):
    options = [o for root in roots for o in ('--data', str(root))]
    command = ['fit', '--config', str(CONFIG), *options, '--out', str(tmp_path / 'run')]
    assert main([*command, '--init', str(tmp_path / 'none.pt')]) == 2
    assert 'none.pt does not exist' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'generator': {'kind': 'context', 'ngf': 8}}, 'leave out ngf'),
        ({'generator': {'weights': 'none'}}, 'only the encoder of kind: context'),
        ({'generator': {'kind': 'contxt'}}, "did you mean 'context'"),
        ({'phases': [{'name': 'a', 'epochs': 1, 'direction': 'to_day'}]}, 'give aligned a weight'),
        ({'phases': [{'name': 'a', 'epochs': 1, 'adversarial': 0.0}]}, 'needs direction: to_day'),
        ({'generator': {'kind': 'context'}, 'data': {'crop': 96}}, 'that 64 divides'),
        (
            {'losses': {'low': 1.0}, 'phases': [{'name': 'a', 'epochs': 1}]},
            'acts in phases of direction: to_day',
        ),
    ],
)
def test_recipes_that_make_no_sense(change, message):
    content = {'name': 'x', 'phases': [{'name': 'a', 'epochs': 1}], **change}
    with pytest.raises(RecipeError, match=message):
        parse_recipe(content)


@pytest.fixture
def finding(recipe, roots):
    """The recipe with a head, and boxes in its night folder."""
    content = recipe.model_dump(mode='json')
    content['generator']['objects'] = ['person', 'car']
    content['losses']['objects'] = 1.0
    content['phases'] = content['phases'][:2]
    for folder in ('trainB', 'trainA_thermal'):
        boxes = roots[0] / f'{folder}_boxes'
        boxes.mkdir()
        for frame in (roots[0] / folder).iterdir():
            (boxes / f'{frame.stem}.txt').write_text('0 0.5 0.5 0.3 0.6\n2 0.2 0.3 0.3 0.3\n')
    return parse_recipe(content)


def test_the_head_learns_with_the_picture(finding, roots):
    batch = default_collate([open_data(finding, roots)[Pick(i)] for i in range(2)])
    step = make(finding)
    head = copy.deepcopy(step.generators.a.decoder.head.state_dict())
    values = step(batch, phase_of(finding, 'night'), 1)
    assert values['objects'] > 0
    after = step.generators.a.decoder.head.state_dict()
    assert all(not torch.equal(value, head[name]) for name, value in after.items())
    assert step.generators.b.decoder.head is None


def test_a_run_with_a_head_starts_from_weights_without_and_the_other_way(
    finding, recipe, roots, tmp_path
):
    fabric = Fabric(accelerator='cpu', devices=1)
    first = Trainer(finding, roots, tmp_path / 'first', fabric, workers=0)
    first.save()
    content = finding.model_dump(mode='json')
    content['generator']['objects'], content['losses']['objects'] = [], 0.0
    plain = Trainer(parse_recipe(content), roots, tmp_path / 'plain', fabric, workers=0)
    plain.start_from(tmp_path / 'first/last.pt')
    plain.save()
    again = Trainer(finding, roots, tmp_path / 'again', fabric, workers=0)
    again.start_from(tmp_path / 'plain/last.pt')
    weights = [t.step.generators.b.encoder.coarse.weight for t in (first, plain, again)]
    assert torch.equal(weights[0], weights[1])
    assert torch.equal(weights[0], weights[2])


def test_without_boxes_the_picture_alone_is_trained(finding, roots, tmp_path, capfd):
    for folder in ('trainB', 'trainA_thermal'):
        shutil.rmtree(roots[0] / f'{folder}_boxes')
    batch = default_collate([open_data(finding, roots)[Pick(i)] for i in range(2)])
    step = make(finding)
    head = copy.deepcopy(step.generators.a.decoder.head.state_dict())
    assert 'objects' not in step(batch, phase_of(finding, 'night'), 1)
    after = step.generators.a.decoder.head.state_dict()
    assert all(torch.equal(value, head[name]) for name, value in after.items())
    file = tmp_path / 'recipe.yaml'
    content = finding.model_dump(mode='json')
    content['phases'], content['steps_per_epoch'] = content['phases'][:1], 1
    file.write_text(yaml.safe_dump(content))
    command = ['fit', '--config', str(file), '--out', str(tmp_path / 'run'), '--workers', '0']
    assert main([*command, *(f'--data={root}' for root in roots), '--accelerator', 'cpu']) == 0
    assert 'the detection head is not trained' in capfd.readouterr().err


def test_a_head_and_its_loss_belong_together(finding):
    content = finding.model_dump(mode='json')
    content['losses']['objects'] = 0.0
    with pytest.raises(RecipeError, match='belong together'):
        parse_recipe(content)
