"""The run: every phase, exact resume in each, guards, and what it leaves behind."""

import json
import os
from pathlib import Path

import cv2
from lightning_fabric import Fabric
import pytest
import torch

from morngan_train import checkpoint
from morngan_train.data.loader import DELAY
from morngan_train.data.loader import MOST_WORKERS
from morngan_train.data.loader import PREFETCH
from morngan_train.data.pairing import LAG
from morngan_train.data.reading import DataError
from morngan_train.data.unpaired import UnpairedCrops
from morngan_train.export import load_trained
from morngan_train.losses.adversarial import discriminator_loss
from morngan_train.recipe import Recipe
from morngan_train.recipe.phases import first_epochs
from morngan_train.recipe.phases import Phase
from morngan_train.training import step as step_module
from morngan_train.training.ledger import NonFiniteLossError
from morngan_train.training.trainer import Trainer
from morngan_train.training.tuning import PLAIN
from morngan_train.training.tuning import Tuning


def make(
    recipe: Recipe, data: Path, out: Path, workers: int = 0, tuning: Tuning = PLAIN
) -> Trainer:
    fabric = Fabric(accelerator='cpu', devices=1)
    return Trainer(recipe, data, out, fabric, workers=workers, tuning=tuning)


def state(trainer: Trainer) -> dict[str, torch.Tensor]:
    """Return all weights, and the memory."""
    tensors = {f'average.{k}': v for k, v in trainer.step.average.model.state_dict().items()}
    for name, network in trainer.step.networks.items():
        tensors |= {f'{name}.{k}': v for k, v in network.state_dict().items()}
    memory = trainer.memory.state_dict()
    return tensors | {f'memory.{k}': torch.as_tensor(v) for k, v in memory.items()}


def copied(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in state(trainer).items()}


def assert_same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    different = [name for name, value in a.items() if not torch.equal(value, b[name])]
    assert not different


def moved(before: dict[str, torch.Tensor], trainer: Trainer) -> set[str]:
    """Name the parts whose weights changed: 'generators.a.encoder', 'segmenters.b', ..."""
    now = state(trainer)
    names = [name for name, value in before.items() if not torch.equal(value, now[name])]
    depth = {'generators': 3, 'discriminators': 2, 'segmenters': 2}
    return {'.'.join(name.split('.')[: depth.get(name.split('.')[0], 1)]) for name in names}


def run_to(trainer: Trainer, steps: int) -> None:
    """Run until so many steps are done, then stop as a signal would stop it."""
    agree = trainer._agree_to_stop

    def stop_then_agree() -> bool:
        trainer._asked = trainer.step.number >= steps
        return agree()

    trainer._agree_to_stop = stop_then_agree
    assert not trainer.fit()
    assert trainer.step.number == steps


@pytest.fixture(scope='module')
def whole(tiny, shared_data, tmp_path_factory) -> Trainer:
    """One run of tiny.yaml from start to end, with a loader process."""
    trainer = make(tiny, shared_data, tmp_path_factory.mktemp('whole') / 'run', workers=1)
    assert trainer.fit()
    return trainer


def lines(trainer: Trainer) -> list[dict]:
    return [json.loads(line) for line in (trainer.out / 'log.jsonl').read_text().splitlines()]


def test_all_phases_of_tiny_run_and_fill_the_memory(whole, tiny):
    """The memory knows every night image at the end, and the sampler found partners by it."""
    log = lines(whole)
    names = [phase.name for phase in tiny.phases for _ in range(phase.epochs)]
    assert [line['phase'] for line in log] == names
    assert len(whole.memory) == whole.memory.images == 2
    assert log[-1]['remembered'] == 1.0
    assert log[-1]['guided'] > 0
    assert all(line['guided'] == 0 for line in log if line.get('remembered', 1) < 0.5)
    # Small classes were labelled on both sides, else the loss of the last phase is never computed.
    assert any(line['aca'] > 0 for line in log if 'aca' in line)


def test_every_loss_acts_in_its_phase(whole):
    base = {'adversarial_a', 'adversarial_b', 'cycle_a', 'cycle_b', 'tv_a', 'tv_b', 'sga_a'}
    base |= {'sga_b', 'monochrome', 'discriminator_a', 'discriminator_b'}
    pairs = {'aligned', 'tv_pairs'}
    two = {'temperature', 'segmentation_ra', 'boundary', 'segmentation_fb'}
    expected = {
        'pairs': pairs,
        '0a': base | pairs,
        '0b': base | {'temperature'},
        '1': base | {'temperature', 'segmentation_ra'},
        '2': base | two,
        '3': base | two | {'segmentation_rb', 'sr_a', 'sr_b'},
        '4': base
        | {'temperature', 'segmentation_fb', 'segmentation_fa', 'sr_a', 'sr_b', 'cgr', 'aca'}
        | {'remembered', 'guided'},
    }
    for line in lines(whole):
        assert line.keys() - {'epoch', 'phase', 'step', 'lr', 'seconds'} == expected[line['phase']]


def test_a_run_leaves_its_files(whole, tiny):
    epochs = sum(phase.epochs for phase in tiny.phases)
    out = whole.out
    assert {p.name for p in out.iterdir()} - {'tensorboard'} == {
        'recipe.json',
        'last.pt',
        'log.jsonl',
        'preview',
        'panels',
        *(f'epoch_{epoch:03d}.pt' for epoch in range(1, epochs + 1)),
    }
    assert len(list((out / 'preview').glob('*.png'))) == epochs
    assert len(list((out / 'panels').glob('*.png'))) == epochs - 1  # pairs alone have no panel
    assert load_trained(out / f'epoch_{epochs:03d}.pt').epoch == epochs


def test_curves_and_panels_are_in_tensorboard(whole):
    accumulator = pytest.importorskip('tensorboard.backend.event_processing.event_accumulator')
    events = accumulator.EventAccumulator(str(whole.out / 'tensorboard'))
    events.Reload()
    tags = events.Tags()
    assert 'loss/cycle_a' in tags['scalars']
    assert 'last step' in tags['images']


def stops_in_every_phase(recipe: Recipe) -> list[int]:
    """A step within each phase, one between two, and two while the memory fills and guides."""
    n = recipe.steps_per_epoch
    assert n is not None
    firsts = [n * (epoch - 1) for epoch in first_epochs(recipe.phases)]
    return sorted([*(first + 4 for first in firsts), firsts[4], firsts[-1] + 1, firsts[-1] + 2 * n])


def test_resume_is_exact_in_every_phase(whole, tiny, shared_data, tmp_path):
    """Stop in each phase and go on with a new process's state: weights and memory are the same.

    The whole run had a loader process and this one has none: neither may matter.
    """
    out = tmp_path / 'parts'
    for stop in stops_in_every_phase(tiny):
        part = make(tiny, shared_data, out)
        if stop > stops_in_every_phase(tiny)[0]:
            part.resume(out / 'last.pt')
        run_to(part, stop)
        torch.manual_seed(12345)  # what follows must not depend on the present state
    last = make(tiny, shared_data, out)
    last.resume(out / 'last.pt')
    assert last.fit()
    for file in sorted(whole.out.glob('epoch_*.pt')):  # the first that differs names the phase
        ours, theirs = checkpoint.load(out / file.name), checkpoint.load(file)
        assert_same(ours['average'], theirs['average'])
    assert_same(state(last), state(whole))


@pytest.mark.parametrize(
    ('phase', 'parts'),
    [
        ('pairs', {'generators.b.encoder', 'generators.a.decoder'}),
        ('0a', set()),
        ('1', {'segmenters.a'}),
        ('2', {'segmenters.a', 'segmenters.b'}),
        ('3', {'segmenters.a', 'segmenters.b'}),
        ('4', set()),
    ],
)
def test_what_a_phase_trains(tiny, shared_data, tmp_path, phase, parts):
    """Frozen and absent networks do not move by a bit; all others do."""
    only = next(p for p in tiny.phases if p.name == phase).model_copy(update={'epochs': 1})
    run = make(tiny, shared_data, tmp_path / 'run')
    run.phases, run.epochs = [only], 1
    before = copied(run)
    assert run.fit()
    everywhere = {f'generators.{d}.{half}' for d in 'ab' for half in ('encoder', 'decoder')}
    everywhere |= {'discriminators.a', 'discriminators.b'}
    expected = parts if phase == 'pairs' else everywhere | parts
    assert moved(before, run) - {'average', 'memory'} == expected
    assert 'average' in moved(before, run)


@pytest.mark.parametrize(
    ('weights', 'learns', 'losses'),
    [
        ({'ra': 1.0, 'boundary': 0.5}, {'segmenters.a'}, {'segmentation_ra', 'boundary'}),
        ({'ta': 1.0}, {'segmenters.b'}, {'segmentation_ta'}),
    ],
)
def test_segmenters_learn_beside_the_pairs(tiny, shared_data, tmp_path, weights, learns, losses):
    """The other segmenter and the other direction do not move by a bit."""
    pairs = tiny.phases[0].model_copy(update={'complete': True, **weights})
    run = make(tiny, shared_data, tmp_path / 'run')
    run.phases, run.epochs = [pairs], 1
    before = copied(run)
    assert run.fit()
    expected = {'generators.b.encoder', 'generators.a.decoder', 'average'} | learns
    assert moved(before, run) - {'memory'} == expected
    logged = json.loads((run.out / 'log.jsonl').read_text().splitlines()[0])
    assert {'aligned'} | losses <= logged.keys()


def test_a_loss_that_is_not_finite_stops_the_run_and_is_named(recipe, data, tmp_path, monkeypatch):
    run = make(recipe, data, tmp_path / 'run')
    real = step_module.generator_losses

    def poisoned(*args):
        losses = real(*args)
        return {**losses, 'tv_a': losses['tv_a'] * float('nan')} if run.step.number == 2 else losses

    monkeypatch.setattr(step_module, 'generator_losses', poisoned)
    with pytest.raises(NonFiniteLossError, match=r'tv_a is not finite at step 2.*last\.pt'):
        run.fit()
    saved = checkpoint.load(tmp_path / 'run' / 'last.pt')
    assert saved['step'] == 2
    assert all(torch.isfinite(v).all() for v in saved['generators'].values())


def test_checkpoints_of_others(recipe, data, tmp_path):
    run = make(recipe, data, tmp_path / 'run')
    with pytest.raises(checkpoint.CheckpointError, match='does not exist'):
        run.resume(tmp_path / 'missing.pt')
    (tmp_path / 'broken.pt').write_bytes(b'PK\x03\x04 truncated')
    with pytest.raises(checkpoint.CheckpointError, match='cannot be read as a checkpoint'):
        run.resume(tmp_path / 'broken.pt')
    torch.save({'weights': 1}, tmp_path / 'foreign.pt')
    with pytest.raises(checkpoint.CheckpointError, match='not a morngan_train checkpoint'):
        run.resume(tmp_path / 'foreign.pt')


class Poison(torch.autograd.Function):
    """A loss that is finite, with a gradient that is not."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * float('nan')


@pytest.mark.parametrize(
    ('poison', 'message'),
    [
        ('gradient', 'the gradient of the generators is not finite at step 2'),
        ('discriminator', 'discriminator_a, discriminator_b is not finite at step 2'),
    ],
)
def test_no_weight_has_moved_when_a_run_stops(recipe, data, tmp_path, monkeypatch, poison, message):
    """The checkpoint holds what the step before left, to the bit.

    But for the vectors of spectral normalisation, which every forward pass brings nearer to the
    same singular vectors.
    """
    clean = make(recipe, data, tmp_path / 'clean')
    run_to(clean, 2)
    run = make(recipe, data, tmp_path / 'run')
    real = step_module.generator_losses

    def gradient(*args):
        losses = real(*args)
        if run.step.number == 2:
            losses['tv_a'] = Poison.apply(losses['tv_a'])
        return losses

    def judge(real_scores, fake_scores, form):
        loss = discriminator_loss(real_scores, fake_scores, form)
        return loss * float('nan') if run.step.number == 2 else loss

    if poison == 'gradient':
        monkeypatch.setattr(step_module, 'generator_losses', gradient)
    else:
        monkeypatch.setattr(step_module, 'discriminator_loss', judge)
    with pytest.raises(NonFiniteLossError, match=message):
        run.fit()
    resumed = make(recipe, data, tmp_path / 'run')
    resumed.resume(tmp_path / 'run' / 'last.pt')
    trained = [
        {k: v for k, v in state(t).items() if k[-2:] not in ('_u', '_v')} for t in (resumed, clean)
    ]
    assert_same(*trained)


LATE = Tuning(log_every=10)


@pytest.mark.parametrize('poison', ['loss', 'gradient'])
def test_a_spoilt_run_that_is_noticed_late_goes_back(tiny, data, tmp_path, monkeypatch, poison):
    """Spoilt in step 1, read after step 6: all is as step 0 left it, fakes and memory too."""
    only = tiny.phases[-1].model_copy(update={'epochs': 1})

    def start(name: str) -> Trainer:
        trainer = make(tiny, data, tmp_path / name, tuning=LATE)
        trainer.phases, trainer.epochs = [only], 1
        return trainer

    clean = start('clean')
    run_to(clean, 1)
    run, stored = start('run'), []
    real, store = step_module.generator_losses, run.memory.store

    def poisoned(*args):
        losses = real(*args)
        if run.step.number == 1:
            tv = losses['tv_a']
            losses['tv_a'] = tv * float('nan') if poison == 'loss' else Poison.apply(tv)
        return losses

    run.memory.store = lambda *entry: (stored.append(entry[-1]), store(*entry))[1]
    monkeypatch.setattr(step_module, 'generator_losses', poisoned)
    what = 'tv_a' if poison == 'loss' else 'the gradient of the generators'
    with pytest.raises(NonFiniteLossError, match=rf'^{what} is not finite at step 1; the weights'):
        run.fit()
    assert stored[:2] == [0, 1], 'the memory went on until the losses were read'
    resumed = start('run')
    resumed.resume(tmp_path / 'run' / 'last.pt')
    assert resumed.step.number == 1
    now, then = (
        {k: v for k, v in state(t).items() if k[-2:] not in ('_u', '_v')} for t in (resumed, clean)
    )
    assert_same(now, then)
    for name in 'ab':
        fakes = resumed.step.pools[name].images, clean.step.pools[name].images
        assert all(torch.equal(*pair) for pair in zip(*fakes, strict=True))


def test_a_run_whose_losses_are_read_late_is_the_same(recipe, data, tmp_path):
    """Stopped and resumed or not; and its log holds the means of all steps."""
    whole = make(recipe, data, tmp_path / 'whole', tuning=LATE)
    assert whole.fit()
    part = make(recipe, data, tmp_path / 'parts', tuning=LATE)
    run_to(part, 4)
    last = make(recipe, data, tmp_path / 'parts', tuning=LATE)
    last.resume(tmp_path / 'parts' / 'last.pt')
    assert last.fit()
    assert_same(state(last), state(whole))
    often = make(recipe, data, tmp_path / 'often', tuning=Tuning(log_every=2))
    assert often.fit()
    assert_same(state(often), state(whole))
    for late, soon in zip(lines(whole), lines(often), strict=True):
        assert late.pop('phase') == soon.pop('phase')
        assert late | {'seconds': 0} == pytest.approx(soon | {'seconds': 0}, rel=1e-4)


def test_loader_processes_live_through_the_run_and_compute_in_one_thread(
    recipe, data, tmp_path, monkeypatch
):
    """A picture is drawn as the number of its process and of OpenCV's threads there."""

    def tell(self, pick):
        sample = {**self._day(pick.draw), **self._night(pick)}
        return {**sample, 'told': torch.tensor([os.getpid(), cv2.getNumThreads()])}

    monkeypatch.setattr(UnpairedCrops, '__getitem__', tell)
    run, told = make(recipe, data, tmp_path / 'run', workers=2), set()
    step = run.step.__class__.__call__

    def listen(self, batch, phase, epoch):
        told.update(map(tuple, batch.pop('told').tolist()))
        return step(self, batch, phase, epoch)

    run.step.__class__ = type('Listening', (type(run.step),), {'__call__': listen})
    assert run.fit()
    assert len({process for process, _ in told}) == 2, 'two epochs, the same two processes'
    assert {threads for _, threads in told} == {1}


def test_cached_frames_are_read_once_and_give_the_same_run(recipe, data, tmp_path, monkeypatch):
    plain = make(recipe, data, tmp_path / 'plain')
    assert plain.fit()
    cached = make(recipe, data, tmp_path / 'cached', tuning=Tuning(cache=True))
    before = {p: f.copy() for c in caches(cached) for p, f in c._kept.items()}
    for cache in caches(cached):
        monkeypatch.setattr(cache, 'read', None)  # nothing is decoded any more
    assert cached.fit()
    assert_same(state(cached), state(plain))
    after = {p: f for c in caches(cached) for p, f in c._kept.items()}
    assert len(after) == 3 + 3 + 2  # day, its thermal partners, night
    assert all((after[path] == frame).all() for path, frame in before.items())


def caches(trainer: Trainer):
    return trainer.data.read_rgb, trainer.data.read_thermal


def test_a_damaged_picture_stops_the_run_with_a_checkpoint(recipe, data, tmp_path):
    run = make(recipe, data, tmp_path / 'run')
    batches = run._batches

    def damaged_later(*args):
        for batch in batches(*args):
            yield batch
            if run.step.number == 2:
                raise DataError('x.png cannot be decoded')

    run._batches = damaged_later
    with pytest.raises(DataError, match='cannot be decoded'):
        run.fit()
    assert checkpoint.load(tmp_path / 'run' / 'last.pt')['step'] == 2


def test_a_checkpoint_with_another_length_of_epochs_is_refused(recipe, data, tmp_path):
    run_to(make(recipe, data, tmp_path / 'run'), 2)
    longer = make(recipe.model_copy(update={'steps_per_epoch': 4}), data, tmp_path / 'longer')
    with pytest.raises(
        checkpoint.CheckpointError, match='had 3 steps per epoch, but this run has 4'
    ):
        longer.resume(tmp_path / 'run' / 'last.pt')


def test_what_changed_in_the_recipe_is_said(recipe, data, tmp_path):
    run_to(make(recipe, data, tmp_path / 'run'), 2)
    optimizer = recipe.optimizer.model_copy(update={'lr': 1e-3})
    other = make(recipe.model_copy(update={'optimizer': optimizer}), data, tmp_path / 'other')
    assert other.resume(tmp_path / 'run' / 'last.pt') == ['optimizer']
    assert make(recipe, data, tmp_path / 'same').resume(tmp_path / 'run' / 'last.pt') == []


@pytest.mark.parametrize(('age', 'taken'), [(0, True), (1, False)])
def test_a_process_takes_its_own_state_only_of_the_same_step(
    recipe, data, tmp_path, monkeypatch, capsys, age, taken
):
    """A run with more processes may have left an older file; it is said that it does not count."""
    run_to(make(recipe, data, tmp_path / 'run'), 2)
    last = tmp_path / 'run/last.pt'
    own = checkpoint.load(last)
    psi = [0.125, 7]
    checkpoint.save(tmp_path / 'run/last.rank1.pt', own | {'step': own['step'] - age, 'psi': psi})
    monkeypatch.setattr(Fabric, 'global_rank', property(lambda _self: 1))
    second = make(recipe, data, tmp_path / 'second')
    second.resume(last)
    assert (second.step.own_state_dict()['psi'] == psi) == taken
    said = 'last.rank1.pt of step 2 is missing: process 1 starts with empty pools'
    assert (said in capsys.readouterr().err) != taken


def test_exported_weights_are_no_checkpoint_to_resume(whole, tiny, shared_data, tmp_path):
    with pytest.raises(checkpoint.CheckpointError, match=r'resume from last\.pt'):
        make(tiny, shared_data, tmp_path / 'run').resume(whole.out / 'epoch_003.pt')


def test_a_signal_in_the_last_step_does_not_undo_the_end(recipe, data, tmp_path):
    run = make(recipe, data, tmp_path / 'run')
    agree = run._agree_to_stop

    def asked_at_the_end() -> bool:
        run._asked = run.step.number == run.epochs * run.steps
        return agree()

    run._agree_to_stop = asked_at_the_end
    assert run.fit()


def test_the_memory_notes_the_step_that_saw_the_crop(tiny, shared_data, tmp_path):
    run = make(tiny, shared_data, tmp_path / 'run')
    run.phases, run.epochs = [tiny.phases[-1].model_copy(update={'epochs': 1})], 1
    assert run.fit()
    assert run.memory.state_dict()['steps'][0] == 0


def test_segmenters_may_learn_faster(tiny, shared_data, tmp_path):
    only = next(p for p in tiny.phases if p.name == '1')
    faster = only.model_copy(update={'segmenter_lr_factor': 5.0, 'lr_factor': 0.5})
    run = make(tiny, shared_data, tmp_path / 'run')
    run.phases, run.epochs = [faster], 1
    assert run.fit()
    rates = {n: o.param_groups[0]['lr'] for n, o in run.step.optimizers.items()}
    assert rates == pytest.approx({'generators': 1e-3, 'discriminators': 1e-3, 'segmenters': 5e-3})


def test_a_checkpoint_of_other_data_or_shapes_is_refused(whole, tiny, data, tmp_path):
    (data / 'trainB/y.png').unlink()
    with pytest.raises(checkpoint.CheckpointError, match='holds 2 NTIR images'):
        make(tiny, data, tmp_path / 'run').resume(whole.out / 'last.pt')
    wider = tiny.model_copy(update={'segmenter': tiny.segmenter.model_copy(update={'nsf': 8})})
    with pytest.raises(checkpoint.CheckpointError, match='does not fit the recipe tiny'):
        make(wider, data, tmp_path / 'run').resume(whole.out / 'last.pt')


def test_a_checkpoint_cannot_run_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / 'ran',))

    torch.save({'format': checkpoint.FORMAT, 'x': Evil()}, tmp_path / 'evil.pt')
    with pytest.raises(checkpoint.CheckpointError):
        checkpoint.load(tmp_path / 'evil.pt')
    assert not (tmp_path / 'ran').exists()


def test_every_file_of_a_run_loads_without_code(whole):
    for file in whole.out.glob('*.pt'):
        assert torch.load(file, weights_only=True)['format'] == checkpoint.FORMAT


def test_batches_of_two(tiny, shared_data, tmp_path):
    optimizer = tiny.optimizer.model_copy(update={'batch_size': 2})
    phases = [p.model_copy(update={'epochs': 1}) for p in tiny.phases[-3:]]
    two = tiny.model_copy(update={'optimizer': optimizer, 'phases': phases, 'steps_per_epoch': 2})
    run = make(two, shared_data, tmp_path / 'run')
    assert run.fit()
    assert len(run.memory) > 0


def test_the_loader_never_runs_further_ahead_than_the_memory_allows():
    assert MOST_WORKERS * PREFETCH + DELAY < LAG


def test_learning_rate_follows_the_phase(recipe, data, tmp_path):
    falling = Phase(name='fall', epochs=2, lr_factor=3.0, lr_decay=True)
    run = make(recipe.model_copy(update={'phases': [falling]}), data, tmp_path / 'run')
    assert run.fit()
    assert [line['lr'] for line in lines(run)] == pytest.approx([6e-4, 3e-4])
