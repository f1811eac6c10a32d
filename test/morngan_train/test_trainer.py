"""The loop: exact resume, guards, and what a run leaves behind."""

import json
from pathlib import Path

from lightning_fabric import Fabric
import pytest
import torch

from morngan_train import checkpoint
from morngan_train import trainer as trainer_module
from morngan_train.recipe import Phase
from morngan_train.trainer import NonFiniteLossError
from morngan_train.trainer import Trainer


def make(recipe, data: Path, out: Path) -> Trainer:
    return Trainer(recipe, data, out, Fabric(accelerator='cpu', devices=1), workers=0)


def weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {
        **{f'g.{k}': v for k, v in trainer.generators.state_dict().items()},
        **{f'd.{k}': v for k, v in trainer.discriminators.state_dict().items()},
        **{f'ema.{k}': v for k, v in trainer.average.model.state_dict().items()},
    }


@pytest.mark.parametrize('steps_before', [2, 3, 5])
def test_resume_is_exact(recipe, data, tmp_path, steps_before):
    """Stop in the middle of an epoch, between phases and near the end: the weights are the same."""
    whole = make(recipe, data, tmp_path / 'whole')
    assert whole.fit()

    first = make(recipe, data, tmp_path / 'parts')
    step = first.train_step

    def step_then_stop(batch, phase):
        losses = step(batch, phase)
        first._stop = first.step >= steps_before
        return losses

    first.train_step = step_then_stop
    assert not first.fit()
    assert first.step == steps_before

    torch.manual_seed(12345)  # the resumed run must not depend on the present state
    second = make(recipe, data, tmp_path / 'parts')
    second.resume(tmp_path / 'parts' / 'last.pt')
    assert second.fit()
    for name, value in weights(whole).items():
        assert torch.equal(value, weights(second)[name]), name


def test_a_run_trains_everything_and_leaves_its_files(recipe, data, tmp_path):
    run = make(recipe, data, tmp_path / 'run')
    before = {name: value.clone() for name, value in weights(run).items()}
    assert run.fit()
    after = weights(run)
    for part in ('g.a.encoder', 'g.a.decoder', 'g.b.encoder', 'g.b.decoder', 'd.a', 'd.b', 'ema'):
        assert any(
            not torch.equal(before[name], after[name]) for name in before if name.startswith(part)
        ), part
    out = tmp_path / 'run'
    assert {p.name for p in out.iterdir()} == {
        'recipe.json',
        'last.pt',
        'epoch_001.pt',
        'epoch_002.pt',
        'log.jsonl',
        'preview',
    }
    lines = [json.loads(line) for line in (out / 'log.jsonl').read_text().splitlines()]
    assert [line['phase'] for line in lines] == ['0a', '0b']
    assert {'adversarial_a', 'cycle_b', 'sga_a', 'monochrome', 'aligned'} <= lines[0].keys()


def test_discriminators_learn_only_in_their_own_step(recipe, data, tmp_path):
    """The generators' loss must leave no gradient on the discriminators."""
    run = make(recipe, data, tmp_path / 'run')
    seen = []
    descend = run._descend

    def watch(optimizer, losses):
        descend(optimizer, losses)
        if optimizer is run.optimizer_g:
            seen.extend(p.grad for p in run.discriminators.parameters() if p.grad is not None)

    run._descend = watch
    run.train_step(next(run._batches(1)), recipe.phases[0])
    assert seen == []
    assert all(p.grad is not None for p in run.discriminators.parameters())


def test_a_loss_that_is_not_finite_stops_the_run_and_is_named(recipe, data, tmp_path, monkeypatch):
    run = make(recipe, data, tmp_path / 'run')
    real = trainer_module.generator_losses

    def poisoned(*args):
        losses = real(*args)
        return {**losses, 'tv_a': losses['tv_a'] * float('nan')} if run.step == 2 else losses

    monkeypatch.setattr(trainer_module, 'generator_losses', poisoned)
    with pytest.raises(NonFiniteLossError, match='tv_a is not finite at step 2'):
        run.fit()
    saved = checkpoint.load(tmp_path / 'run' / 'last.pt')
    assert saved['step'] == 2
    assert all(torch.isfinite(v).all() for v in saved['generators'].values())


def test_the_average_follows(recipe, data, tmp_path):
    """With decay d = min(ema, (1 + t) / (10 + t)): by hand for the first step, 0.1."""
    run = make(recipe, data, tmp_path / 'run')
    name = 'encoder.layers.1.weight'
    old = run.average.model.state_dict()[name].clone()
    run.train_step(next(run._batches(1)), recipe.phases[0])
    new = run.generators.state_dict()['b.encoder.layers.1.weight']
    torch.testing.assert_close(run.average.model.state_dict()[name], 0.1 * old + 0.9 * new)


def test_checkpoints_of_others(recipe, data, tmp_path):
    run = make(recipe, data, tmp_path / 'run')
    with pytest.raises(checkpoint.CheckpointError, match='does not exist'):
        run.resume(tmp_path / 'missing.pt')
    (tmp_path / 'broken.pt').write_bytes(b'PK\x03\x04 truncated')
    with pytest.raises(checkpoint.CheckpointError, match='no readable checkpoint'):
        run.resume(tmp_path / 'broken.pt')
    torch.save({'weights': 1}, tmp_path / 'foreign.pt')
    with pytest.raises(checkpoint.CheckpointError, match='not a morngan_train checkpoint'):
        run.resume(tmp_path / 'foreign.pt')


def test_a_checkpoint_cannot_run_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / 'ran',))

    torch.save({'format': 1, 'x': Evil()}, tmp_path / 'evil.pt')
    with pytest.raises(checkpoint.CheckpointError):
        checkpoint.load(tmp_path / 'evil.pt')
    assert not (tmp_path / 'ran').exists()


def test_batches_of_two(recipe, data, tmp_path):
    two = recipe.model_copy(
        update={'optimizer': recipe.optimizer.model_copy(update={'batch_size': 2})}
    )
    run = make(two, data, tmp_path / 'run')
    assert run.fit()


def test_a_phase_of_pairs_moves_only_the_deployed_direction(recipe, data, tmp_path):
    """Without unpaired terms, G_AB and the discriminators rest."""
    pairs = Phase(name='pairs', epochs=1, unpaired=False, aligned=1.0)
    run = make(recipe.model_copy(update={'phases': [pairs]}), data, tmp_path / 'run')
    before = {name: value.clone() for name, value in weights(run).items()}
    assert run.fit()
    moved = {name for name, value in weights(run).items() if not torch.equal(value, before[name])}
    assert moved
    assert all(name.startswith(('g.b.encoder', 'g.a.decoder', 'ema')) for name in moved)
