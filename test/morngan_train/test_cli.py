"""The command line, as a user runs it: in a process of its own, stopped by a signal."""

import os
from pathlib import Path
import signal
import subprocess
import sys
import time

from lightning_fabric.accelerators import cuda
import pytest
import yaml

from morngan_train import checkpoint
from morngan_train.cli import main
from morngan_train.recipe import Recipe

ROOT = Path(__file__).parents[2]


@pytest.fixture
def config(recipe: Recipe, tmp_path: Path) -> Path:
    path = tmp_path / 'tiny.yaml'
    path.write_text(yaml.safe_dump(recipe.model_dump(mode='json')))
    return path


def arguments(config: Path, data: Path, out: Path) -> list[str]:
    return ['fit', '--config', str(config), '--data', str(data), '--out', str(out)]


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_processes_leaves_a_checkpoint(config, data, tmp_path, number):
    """Ctrl-C reaches the loading processes too: they must not take the run down with them."""
    content = yaml.safe_load(config.read_text())
    config.write_text(yaml.safe_dump({**content, 'steps_per_epoch': 100_000}))
    out = tmp_path / 'run'
    command = [sys.executable, '-u', '-m', 'morngan_train', *arguments(config, data, out)]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as run:
        deadline = time.monotonic() + 120
        while not (out / 'recipe.json').exists() and time.monotonic() < deadline:
            assert run.poll() is None, run.stdout.read()
            time.sleep(0.2)
        time.sleep(2)  # let the loader's process come up and some steps pass
        os.killpg(run.pid, number)
        output, _ = run.communicate(timeout=60)
    assert run.returncode == 130, output
    assert '--resume auto' in output
    assert checkpoint.load(out / 'last.pt')['step'] > 0


def test_resume_auto_and_the_refusal_to_overwrite(config, data, tmp_path, capsys):
    command = [*arguments(config, data, tmp_path / 'run'), '--workers', '0', '--accelerator', 'cpu']
    assert main(command) == 0
    assert main(command) == 2
    assert '--resume auto' in capsys.readouterr().err
    assert main([*command, '--resume', 'auto']) == 0  # finished already: nothing left to do
    assert main([*command, '--resume', str(tmp_path / 'other.pt')]) == 2


def test_wrong_input_is_one_line(config, data, tmp_path, capsys):
    out = tmp_path / 'run'
    assert main(arguments(tmp_path / 'no.yaml', data, out)) == 2
    assert main(arguments(config, tmp_path / 'nowhere', out)) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith('error: ') for line in lines)


@pytest.mark.parametrize(('accelerator', 'devices'), [('gpux', 1), ('cuda', 1), ('cpu', 0)])
def test_an_accelerator_that_is_not_there(
    config, data, tmp_path, capsys, monkeypatch, accelerator, devices
):
    monkeypatch.setattr(cuda, 'num_cuda_devices', lambda: 0)
    command = [*arguments(config, data, tmp_path / 'run'), '--devices', str(devices)]
    assert main([*command, '--accelerator', accelerator]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith(f'error: {devices} of --accelerator {accelerator} cannot be used')


def test_a_dry_run_prints_the_schedule_and_checks_the_data(data, tmp_path, capsys):
    tiny = ROOT / 'config/train/tiny.yaml'
    assert main(['fit', '--config', str(tiny), '--data', str(data), '--dry-run']) == 0
    printed = capsys.readouterr().out
    for text in ('tiny: 10 epochs', '│ G D S_A S_B │', '7-10', 'agreement: both'):
        assert text in printed
    assert '3 day, 2 night pictures, 6 steps per epoch, 60 in total' in printed
    (data / 'masks_cityscapes/a.png').unlink()
    assert main(['fit', '--config', str(tiny), '--data', str(data), '--dry-run']) == 2
    assert 'python -m morngan_train masks' in capsys.readouterr().err
    assert main(['fit', '--config', str(ROOT / 'config/train/flir.yaml'), '--dry-run']) == 0
    assert not (tmp_path / 'runs').exists()


def test_data_is_needed_but_for_a_dry_run(config, capsys):
    assert main(['fit', '--config', str(config)]) == 2
    assert 'docs/data.md' in capsys.readouterr().err
