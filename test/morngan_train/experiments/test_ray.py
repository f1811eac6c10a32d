"""Rows on a Ray cluster of this machine: stopped, killed and finished, like rows that were not."""

from collections.abc import Iterator
from contextlib import contextmanager
import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

from lightning_fabric import Fabric
import pytest
from ray_cluster import local_ray
from ray_cluster import workers
import torch

from morngan_train import checkpoint
from morngan_train.cli import main
from morngan_train.experiments.budget import equal_budget
from morngan_train.experiments.rows import rows_of
from morngan_train.experiments.rows import Setting
from morngan_train.recipe import load_recipe
from morngan_train.training.trainer import Trainer

ROOT = Path(__file__).parents[3]
PATIENCE = 900
ROWS = ('cyclegan', 'todaygan')
STEPS = 100


@pytest.fixture(scope='module')
def address() -> Iterator[str]:
    with local_ray() as address:
        yield address


def command(data: Path, base: Path, out: Path, *options: object) -> list[str]:
    given = ['experiments', 'baselines', '--scale', 'compact', '--data', data, '--base', base]
    given += ['--out', out, '--rows', '1,2', '--steps', STEPS, '--accelerator', 'cpu']
    given += ['--precision', '32-true', '--workers', 0]
    return [str(word) for word in (*given, *options)]


@contextmanager
def start(words: list[str]) -> Iterator[subprocess.Popen[str]]:
    """Run the command; a test that fails does not wait for its end."""
    with subprocess.Popen(
        [sys.executable, '-u', '-m', 'morngan_train', *words],
        cwd=ROOT,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as run:
        try:
            yield run
        finally:
            run.kill()


def wait_for_a_checkpoint(run: subprocess.Popen[str], row: Path, after: int = 0) -> None:
    """Wait for one that is younger than a time in nanoseconds."""
    deadline = time.monotonic() + PATIENCE
    last = row / 'last.pt'
    while not (last.exists() and last.stat().st_mtime_ns > after):
        assert run.poll() is None, run.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_rows_that_are_stopped_and_killed_end_as_if_nothing_had_been(
    address, tested, base, tmp_path
):
    """Ctrl-C stops both; then a worker is killed, and a foreign model is damaged."""
    out = tmp_path / 'out'
    damaged = tmp_path / 'damaged.onnx'
    damaged.write_bytes(b'no model')
    words = command(tested, base, out, '--ray', address)
    with start(words) as run:
        for row in ROWS:  # both at the same time, on two cores
            wait_for_a_checkpoint(run, out / row)
        run.send_signal(signal.SIGINT)
        said = run.communicate(timeout=PATIENCE)[0]
    assert run.returncode == 130, said
    assert 'stopped; run the same command again to resume' in said
    stopped = {row: checkpoint.load(out / row / 'last.pt')['step'] for row in ROWS}
    assert all(STEPS // 4 <= step < STEPS for step in stopped.values())

    first = out / ROWS[0]
    before = (first / 'last.pt').stat().st_mtime_ns
    with start([*words, '--foreign', f'UNIT={damaged}']) as run:
        wait_for_a_checkpoint(run, first, before)
        (worker,) = workers(ROWS[0])
        os.kill(worker, signal.SIGKILL)
        said = run.communicate(timeout=PATIENCE)[0]
    assert run.returncode == 1, said
    assert 'not finished: UNIT: ' in said
    assert 'damaged.onnx' in said
    for row in ROWS:
        assert f'{row}: resumes after step {stopped[row]}' in said
    assert said.count(f'{ROWS[0]}: resumes after step') == 2

    table = json.loads((out / 'table.json').read_text())
    assert [table['rows'][row]['steps'] for row in ROWS] == [STEPS, STEPS]
    assert all(table['rows'][row]['scores']['apce'] > 0 for row in ROWS)
    assert '| CycleGAN | ' in (out / 'table.md').read_text()

    place = Setting('compact', tested, base=load_recipe(base))
    recipe = equal_budget(rows_of('baselines', place), STEPS)[0].recipe
    alone = tmp_path / 'alone'
    assert Trainer(recipe, tested, alone, Fabric(accelerator='cpu', devices=1), workers=0).fit()
    ours, theirs = (checkpoint.load(f / 'epoch_004.pt')['average'] for f in (first, alone))
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


def test_more_cores_than_any_machine_has(address, tested, base, tmp_path):
    with start(command(tested, base, tmp_path / 'out', '--ray', address, '--jobs', 3)) as run:
        said = run.communicate(timeout=PATIENCE)[0]
    assert run.returncode == 2, said
    assert 'needs 3 cores and 0 GPUs, but the machines of the cluster have 2 and 0' in said


@pytest.mark.parametrize('wrong', ['127.0.0.1:1', 'nonsense'])
def test_no_cluster_is_one_line(tested, base, tmp_path, capsys, wrong):
    assert main(command(tested, base, tmp_path / 'out', '--ray', wrong)) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert f'error: no Ray cluster at {wrong}' in said[0]
    assert 'ray start --head' in said[0]


def test_ray_is_asked_for_when_it_is_missing(tested, base, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, 'ray', None)
    assert main(command(tested, base, tmp_path / 'out', '--ray', 'auto')) == 2
    assert 'pip install -r requirements/cluster.txt' in capsys.readouterr().err


def test_ray_is_not_imported_unasked():
    check = 'import sys, morngan_train.cli; assert "ray" not in sys.modules'
    subprocess.run([sys.executable, '-c', check], cwd=ROOT, check=True)
