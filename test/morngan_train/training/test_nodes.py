"""One run on two nodes of one process each, as torchrun and SLURM start it, on this machine."""

from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from contextlib import ExitStack
import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

import pytest
from ray_cluster import free_port
import torch
import yaml

from morngan_train import checkpoint
from morngan_train.cli import main
from morngan_train.recipe import Recipe

ROOT = Path(__file__).parents[3]
PATIENCE = 300
TORCHRUN = {'TORCHELASTIC_RUN_ID': 'x', 'WORLD_SIZE': '2', 'RANK': '0', 'LOCAL_RANK': '0'}
SLURM = {'SLURM_NTASKS': '2', 'SLURM_NTASKS_PER_NODE': '1', 'SLURM_PROCID': '0'}
STEPS = 10
"""Of each of two epochs."""
LAUNCHED = ('LOCAL_RANK', 'RANK', 'WORLD_SIZE', 'MASTER_', 'SLURM_', 'TORCHELASTIC_', 'NODE_RANK')


@pytest.fixture
def config(recipe: Recipe, tmp_path: Path) -> Path:
    path = tmp_path / 'tiny.yaml'
    content = recipe.model_dump(mode='json') | {'steps_per_epoch': STEPS}
    path.write_text(yaml.safe_dump(content))
    return path


def fit(config: Path, data: Path, out: Path, *options: object) -> list[str]:
    given = ['-m', 'morngan_train', 'fit', '--config', config, '--data', data, '--out', out]
    return [str(word) for word in (*given, '--accelerator', 'cpu', '--workers', 0, *options)]


@contextmanager
def started(words: Sequence[str], **variables: object) -> Iterator[subprocess.Popen[str]]:
    """Run Python in a bare environment; a test that fails does not wait for its end."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(LAUNCHED)}
    bare |= {'OMP_NUM_THREADS': '1', 'GLOO_SOCKET_IFNAME': 'lo', 'PYTHONPATH': str(ROOT)}
    with subprocess.Popen(
        [sys.executable, '-u', *words],
        cwd=ROOT,
        env={**bare, **{name: str(value) for name, value in variables.items()}},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def by_torchrun(words: list[str]) -> Iterator[list[subprocess.Popen[str]]]:
    """Start the agents of two nodes; each starts one process."""
    where = ['--nnodes', '2', '--nproc-per-node', '1', '--master-addr', '127.0.0.1']
    where += ['--master-port', str(free_port())]
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                started(['-m', 'torch.distributed.run', *where, '--node-rank', str(node), *words])
            )
            for node in (0, 1)
        ]


@contextmanager
def by_slurm(*nodes: list[str]) -> Iterator[list[subprocess.Popen[str]]]:
    """Start two tasks as `srun --nodes 2 --ntasks-per-node 1` would."""
    port = free_port()
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                started(
                    words,
                    SLURM_NTASKS=2,
                    SLURM_NNODES=2,
                    SLURM_NTASKS_PER_NODE=1,
                    SLURM_JOB_ID=1234,
                    SLURM_JOB_NAME='train',
                    SLURM_NODELIST='127.0.0.1',
                    SLURM_PROCID=node,
                    SLURM_NODEID=node,
                    SLURM_LOCALID=0,
                    MASTER_PORT=port,
                )
            )
            for node, words in enumerate(nodes)
        ]


def ended(processes: list[subprocess.Popen[str]]) -> list[tuple[int, str]]:
    """Wait for all; return their exit codes and what they said."""
    said = [process.communicate(timeout=PATIENCE)[0] for process in processes]
    return [(p.returncode, text) for p, text in zip(processes, said, strict=True)]


def wait_for(file: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not file.exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def training_processes(out: Path) -> dict[int, int]:
    """Find the processes that train into a folder, by their rank."""
    found = {}
    for folder in Path('/proc').glob('[0-9]*'):
        try:
            words = (folder / 'cmdline').read_bytes().split(b'\0')
            environment = (folder / 'environ').read_bytes().split(b'\0')
        except OSError:  # it has ended meanwhile, or belongs to somebody else
            continue
        ranks = [word[5:] for word in environment if word.startswith(b'RANK=')]
        if str(out).encode() in words and b'torch.distributed.run' not in words and ranks:
            found[int(ranks[0])] = int(folder.name)
    return found


def assert_same_run(ours: Path, theirs: Path) -> None:
    """All weights, optimisers, memory, and the own state of both processes are equal."""
    for name in ('last.pt', 'last.rank1.pt'):
        ends = [checkpoint.load(folder / name) for folder in (ours, theirs)]
        flat = [dict(_leaves('', {**end, 'seconds': 0})) for end in ends]
        assert flat[0].keys() == flat[1].keys()
        different = [k for k, v in flat[0].items() if not torch.equal(v, flat[1][k])]
        assert not different


def _leaves(name: str, value: object) -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _leaves(f'{name}.{key}', part)
    elif isinstance(value, list | tuple):
        for key, part in enumerate(value):
            yield from _leaves(f'{name}.{key}', part)
    elif isinstance(value, int | float | torch.Tensor):
        yield name, torch.as_tensor(value)


def test_two_nodes_by_torchrun_are_one_node_of_two(config, shared_data, tmp_path):
    """Stopped on one node and resumed on both, too: bit by bit the same, written once."""
    with started(fit(config, shared_data, tmp_path / 'one', '--devices', 2)) as one:
        ((code, said),) = ended([one])
    assert (code, said.count(f'finished: {tmp_path / "one"}')) == (0, 1), said
    out = tmp_path / 'two'
    words = fit(config, shared_data, out, '--nodes', 2)
    with by_torchrun(words) as agents:
        wait_for(out / 'epoch_001.pt', agents[0])
        os.kill(training_processes(out)[1], signal.SIGTERM)
        stopped = ended(agents)
    assert all(code != 0 for code, _ in stopped), stopped
    assert [text.count('stopped; resume with --resume auto') for _, text in stopped] == [1, 0]
    step = checkpoint.load(out / 'last.pt')['step']
    assert STEPS <= step < 2 * STEPS
    with by_torchrun([*words, '--resume', 'auto']) as agents:
        finished = ended(agents)
    assert [code for code, _ in finished] == [0, 0], finished
    assert [text.count(f'finished: {out}') for _, text in finished] == [1, 0]
    assert_same_run(out, tmp_path / 'one')
    epochs = [json.loads(line)['epoch'] for line in (out / 'log.jsonl').read_text().splitlines()]
    assert sorted(set(epochs)) == [1, 2]


def test_two_nodes_by_slurm_and_one_that_dies(config, shared_data, tmp_path):
    """SIGKILL on one node ends the other at once, which names the cure."""
    out = tmp_path / 'two'
    words = fit(config, shared_data, out, '--nodes', 2)
    with by_slurm(words, words) as tasks:
        wait_for(out / 'epoch_001.pt', tasks[0])
        tasks[1].kill()
        (code, said), _ = ended(tasks)
    assert code == 2, said
    assert 'error: another process of this run has ended' in said
    assert '--resume auto' in said
    assert 'Traceback' not in said
    steps = {checkpoint.load(out / name)['step'] for name in ('last.pt', 'last.rank1.pt')}
    assert steps == {STEPS}  # what to go on from


def test_nodes_that_do_not_share_the_folder_are_told(config, shared_data, tmp_path):
    here, there = (
        fit(config, shared_data, tmp_path / name, '--nodes', 2) for name in ('here', 'there')
    )
    with by_slurm(here, there) as tasks:
        for code, said in ended(tasks):
            assert code == 2, said
            assert 'is not shared by all nodes' in said
    assert not list(tmp_path.glob('*/last.pt'))


@pytest.mark.parametrize(
    ('variables', 'options', 'words'),
    [
        (TORCHRUN, [], 'started 2 processes, but --nodes 1 times --devices 1 is 1'),
        (SLURM, [], 'started 2 processes, but --nodes 1 times --devices 1 is 1'),
        (SLURM, ['--nodes=3'], 'started 2 processes, but --nodes 3 times --devices 1 is 3'),
        ({'SLURM_NTASKS': '2'}, ['--nodes=2'], 'Use `--ntasks-per-node=2` instead'),
    ],
)
def test_nodes_and_devices_must_be_those_of_the_launcher(
    config, data, tmp_path, capsys, monkeypatch, variables, options, words
):
    """Without --nodes each process would train alone and overwrite the files of the others."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert main([*fit(config, data, tmp_path / 'run')[2:], *options]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert words in said[0]
    assert not (tmp_path / 'run').exists()
