"""Two processes over gloo: the same weights and memory in both, and a run that resumes."""

import json
import os
from pathlib import Path
import subprocess
import sys

import pytest
import torch
import yaml

from morngan_train import checkpoint
from morngan_train.training import distributed

ROOT = Path(__file__).parents[3]
PATIENCE = 300

# What each process knows at the end, which the run itself has no reason to write down.
SCRIPT = """
import sys
from pathlib import Path
import torch
from lightning_fabric import Fabric
from morngan_train.recipe import load_recipe
from morngan_train.training.trainer import Trainer

torch.set_num_threads(1)
config, data, out = (Path(argument) for argument in sys.argv[1:])
fabric = Fabric(accelerator='cpu', devices=2, strategy='ddp')
fabric.launch()
trainer = Trainer(load_recipe(config), data, out, fabric, workers=0)
if (out / 'last.pt').is_file():
    trainer.resume(out / 'last.pt')
fabric.barrier()
finished = trainer.fit()
known = {'memory': trainer.memory.state_dict(), 'finished': finished}
known['networks'] = {name: n.state_dict() for name, n in trainer.step.networks.items()}
known['average'] = trainer.step.average.model.state_dict()
known['seen'] = trainer.step.seen[0].fake_night
torch.save(known, out / f'known{fabric.global_rank}.pt')
"""


@pytest.fixture(scope='module')
def config(tmp_path_factory) -> Path:
    """The recipe tiny.yaml, with a shorter last phase and no pairs."""
    recipe = yaml.safe_load((ROOT / 'config/train/tiny.yaml').read_text())
    recipe['steps_per_epoch'] = 2
    recipe['phases'] = recipe['phases'][1:]
    path = tmp_path_factory.mktemp('config') / 'tiny.yaml'
    path.write_text(yaml.safe_dump(recipe))
    return path


def launch(script: list[str], *arguments: Path) -> subprocess.CompletedProcess:
    """Run two processes; they find each other on this machine alone."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(('LOCAL_RANK', 'MASTER_'))}
    return subprocess.run(
        [sys.executable, *script, *(str(argument) for argument in arguments)],
        cwd=ROOT,
        env={**kept, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1', 'GLOO_SOCKET_IFNAME': 'lo'},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


@pytest.fixture(scope='module')
def ended(config, shared_data, tmp_path_factory) -> Path:
    """The folder of a run by two processes."""
    folder = tmp_path_factory.mktemp('two')
    (folder / 'run.py').write_text(SCRIPT)
    done = launch([str(folder / 'run.py')], config, shared_data, folder / 'run')
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / 'run'


def test_weights_and_memory_agree(ended):
    first, second = (torch.load(ended / f'known{rank}.pt') for rank in (0, 1))
    for part in ('generators', 'discriminators', 'segmenters'):
        a, b = first['networks'][part], second['networks'][part]
        assert [name for name in a if not torch.equal(a[name], b[name])] == []
    averages = first['average'], second['average']
    assert all(torch.equal(averages[0][name], averages[1][name]) for name in averages[0])
    for name, value in first['memory'].items():
        assert torch.equal(torch.as_tensor(value), torch.as_tensor(second['memory'][name])), name
    assert len(first['memory']['index']) == 2


def test_processes_see_different_crops(ended):
    first, second = (torch.load(ended / f'known{rank}.pt')['seen'] for rank in (0, 1))
    assert not torch.equal(first, second)


def test_one_process_writes_and_all_save_their_own_state(ended):
    log = [json.loads(line) for line in (ended / 'log.jsonl').read_text().splitlines()]
    assert [line['epoch'] for line in log] == list(range(1, len(log) + 1))
    shared, own = (checkpoint.load(ended / name) for name in ('last.pt', 'last.rank1.pt'))
    assert own['step'] == shared['step']
    assert not torch.equal(own['rng']['cpu'], shared['rng']['cpu'])


def test_an_interrupted_run_of_two_goes_on_exactly(config, shared_data, ended, tmp_path):
    """Stop only one process: both end after the same step; then go on to the same weights."""
    script = SCRIPT.replace(
        'finished = trainer.fit()',
        """
agree = trainer._agree_to_stop
def asked():
    trainer._asked = fabric.global_rank == 1 and trainer.step.number == 13
    return agree()
if not (out / 'last.pt').is_file():
    trainer._agree_to_stop = asked
finished = trainer.fit()
""",
    )
    (tmp_path / 'run.py').write_text(script)
    run = [str(tmp_path / 'run.py')]
    done = launch(run, config, shared_data, tmp_path / 'run')
    assert done.returncode == 0, done.stderr[-3000:]
    assert checkpoint.load(tmp_path / 'run/last.pt')['step'] == 13
    assert [torch.load(tmp_path / f'run/known{r}.pt')['finished'] for r in (0, 1)] == [False, False]
    done = launch(run, config, shared_data, tmp_path / 'run')
    assert done.returncode == 0, done.stderr[-3000:]
    whole, parts = (torch.load(folder / 'known1.pt') for folder in (ended, tmp_path / 'run'))
    assert parts['finished']
    for name, value in whole['networks']['generators'].items():
        assert torch.equal(value, parts['networks']['generators'][name]), name


def test_alone_everything_is_itself():
    values = torch.randn(4, 3)
    assert distributed.world_size() == 1
    assert torch.equal(distributed.average(values), values)
    assert torch.equal(distributed.gather(values), values)


def test_average_is_a_mean(monkeypatch):
    """Two processes, of which the other has twice the values."""
    monkeypatch.setattr(distributed, 'world_size', lambda: 2)
    monkeypatch.setattr(distributed.distributed, 'all_reduce', lambda x: x.mul_(3))
    values = torch.tensor([2.0, 4.0])
    assert distributed.average(values).tolist() == [3.0, 6.0]
    assert values.tolist() == [2.0, 4.0]
    parameter = torch.nn.Parameter(torch.zeros(2))
    parameter.grad = values.clone()
    distributed.average_gradients([parameter, torch.nn.Parameter(torch.zeros(3))])
    assert parameter.grad.tolist() == [3.0, 6.0]


def test_training_towards_the_day_alone(shared_data, tmp_path):
    """Only D_A learns beside the generator: what has no gradient must not hold up the others."""
    recipe = yaml.safe_load((ROOT / 'config/train/tiny_context.yaml').read_text())
    recipe['phases'], recipe['losses']['low'] = recipe['phases'][:2], 0.0
    recipe['data']['crop'] = 64
    (tmp_path / 'context.yaml').write_text(yaml.safe_dump(recipe))
    (tmp_path / 'run.py').write_text(SCRIPT.replace("known['seen']", '#'))
    done = launch(
        [str(tmp_path / 'run.py')], tmp_path / 'context.yaml', shared_data, tmp_path / 'run'
    )
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = (torch.load(tmp_path / f'run/known{rank}.pt') for rank in (0, 1))
    for part in ('generators', 'discriminators'):
        a, b = first['networks'][part], second['networks'][part]
        assert [name for name in a if not torch.equal(a[name], b[name])] == []
    averages = first['average'], second['average']
    assert all(torch.equal(averages[0][name], averages[1][name]) for name in averages[0])
