"""`colorize` over many inputs on this machine: lines, names, failures, and going on."""

import argparse
import os
from pathlib import Path
import signal
import subprocess
import sys
import time
from typing import Any

from archive_work import write_boxes
from archive_work import write_or_die
import cv2
import numpy as np
import pytest
from recordings import frames
from recordings import write_mcap
from tiny_models import save_generator

from morngan_ros.bags import BagReader
from morngan_ros.tools.colorize import main
from morngan_ros.tools.support import archive
from morngan_ros.tools.support import cli

ROOT = Path(__file__).parents[3]
PATIENCE = 300


@pytest.fixture(scope='module')
def model(tmp_path_factory) -> Path:
    return save_generator(tmp_path_factory.mktemp('model') / 'tiny.onnx')


@pytest.fixture
def inputs(tmp_path, monkeypatch) -> Path:
    """A bag, a folder of pictures and a picture, of two days; the present folder holds them."""
    root = tmp_path / 'archive'
    for folder in ('monday', 'tuesday/walk'):
        (root / folder).mkdir(parents=True)
    write_mcap(root / 'monday/drive.mcap', frames(range(3)))
    for name in ('walk/a.png', 'walk/b.png', 'drive.png'):
        cv2.imwrite(str(root / 'tuesday' / name), np.full((48, 64), 90, np.uint8))
    monkeypatch.chdir(root)
    return root


def run(*arguments: object, model: Path) -> int:
    return main([*(str(a) for a in arguments), '--model', str(model), '--provider', 'cpu'])


def test_every_input_gets_its_place_and_a_line(inputs, tmp_path, model, capsys):
    """One is damaged: it is named, and when it is mended the same command does it alone."""
    drive = (inputs / 'monday/drive.mcap').read_bytes()
    (inputs / 'monday/drive.mcap').write_bytes(b'no bag')
    (inputs / 'list.txt').write_text('# tuesday\ntuesday/walk\n\ntuesday/drive.png\n')
    out = tmp_path / 'out'
    command = ('monday/drive.mcap', '--list', 'list.txt', '--out', out, '--jobs', 2)
    assert run(*command, model=model) == cli.INCOMPLETE
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert len(lines) == 4
    assert sum(line.startswith('done ') for line in lines) == 2
    assert f'2 frames of folder walk -> {out}/tuesday/walk (' in said.out
    (failed,) = (line for line in lines if line.startswith('failed '))
    assert 'monday/drive.mcap: error: ' in failed
    assert lines[-1] in ('3 inputs: 2 done, 1 failed', '3 inputs: 1 failed, 2 done')
    assert said.err == f'failed: monday/drive.mcap; see {out}/monday/drive.log\n'
    assert not (out / 'monday/drive').exists()
    assert (out / 'tuesday/drive.png').is_file()

    (inputs / 'monday/drive.mcap').write_bytes(drive)
    before = (out / 'tuesday/walk/a.png').stat().st_mtime_ns
    assert run(*command, model=model) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == '3 inputs: 2 done before, 1 done'
    assert (out / 'tuesday/walk/a.png').stat().st_mtime_ns == before
    with BagReader(out / 'monday/drive') as bag:
        assert bag.count('/color/image_raw') == 3
    left = {str(path.relative_to(out)) for path in out.rglob('*') if path.is_file()}
    assert {name for name in left if 'log' in name or 'unfinished' in name} == set()

    assert run(*command, '--overwrite', model=model) == 0
    assert capsys.readouterr().out.splitlines()[-1] == '3 inputs: 3 done'
    assert (out / 'tuesday/walk/a.png').stat().st_mtime_ns > before


def test_what_is_incomplete_is_named_again(inputs, tmp_path, model, capsys):
    (inputs / 'tuesday/walk/c.png').write_bytes(b'no picture')
    command = ('tuesday/walk', 'tuesday/drive.png', '--out', tmp_path / 'out')
    for last in ('1 incomplete, 1 done', '1 incomplete, 1 done before'):
        assert run(*command, model=model) == cli.INCOMPLETE
        said = capsys.readouterr()
        assert said.out.splitlines()[-1] == f'2 inputs: {last}'
        assert said.err == f'incomplete: tuesday/walk; see {tmp_path}/out/tuesday/walk.log\n'
    assert 'skipped c.png' in (tmp_path / 'out/tuesday/walk.log').read_text()
    assert sorted(p.name for p in (tmp_path / 'out/tuesday/walk').iterdir()) == ['a.png', 'b.png']


def test_ctrl_c_stops_and_the_same_command_goes_on(inputs, tmp_path, model):
    out = tmp_path / 'out'
    words = ['tuesday/walk', 'sim:640x512', '--out', out, '--model', model, '--provider', 'cpu']
    words += ['--frames', 40]
    command = [sys.executable, '-m', 'morngan_ros.tools.colorize', *map(str, words)]
    with subprocess.Popen(
        command,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        deadline = time.monotonic() + PATIENCE
        while not list(out.glob('.sim*/*/000001.png')):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)  # to the first process alone: it ends the others
        said, complaints = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, complaints
    assert 'stopped; run the same command to resume' in complaints
    assert said.startswith('done 1/2: tuesday/walk: ')
    assert not (out / 'sim:640x512').exists()
    assert main([str(word) for word in words]) == 0
    assert len(list((out / 'sim:640x512').glob('*.png'))) == 40


def options(tmp_path: Path, *names: str, **changes: Any) -> argparse.Namespace:
    given = {'inputs': list(names), 'list': None, 'out': tmp_path / 'out', 'jobs': 2, 'ray': None}
    given |= {'overwrite': False, 'threads': 0, 'model': None, 'detector': ''}
    return argparse.Namespace(**{**given, 'detections': None, 'provider': 'cpu', **changes})


def test_an_input_that_brings_its_process_down_costs_no_other(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    asked = options(tmp_path, 'killed', 'faulty', 'partly', 'fine')
    assert archive.run(asked, write_or_die) == cli.INCOMPLETE
    said = capsys.readouterr().out
    assert 'killed: its process was killed by SIGKILL (perhaps there was too little memory)' in said
    assert 'faulty: error: ZeroDivisionError: a fault of ours' in said
    assert 'Traceback' in (tmp_path / 'out/faulty.log').read_text()
    assert (tmp_path / 'out/fine').read_text() == 'fine'
    assert said.splitlines()[-1].startswith('4 inputs: ')
    assert archive.run(options(tmp_path, 'killed', 'faulty'), write_or_die) == cli.FAILED


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        ([], 'there is no input'),
        (['--list', 'nowhere.txt'], '--list nowhere.txt cannot be read'),
        (['{root}/monday/drive.mcap', '{root}/other/drive.mcap'], 'would both become'),
        (['a', 'b', '--detections', 'boxes/all.json', '--detector', 'x'], 'give the name alone'),
    ],
)
def test_wrong_commands_end_in_one_line(inputs, tmp_path, model, capsys, arguments, words):
    (inputs / 'other').mkdir()
    write_mcap(inputs / 'other/drive.mcap', frames(range(1)))
    arguments = [argument.format(root=inputs) for argument in arguments]
    assert run(*arguments, '--out', tmp_path / 'out', model=model) == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1
    assert words in told[0]
    assert not (tmp_path / 'out').exists()


def test_outputs_of_other_options_are_not_mixed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert archive.run(options(tmp_path, 'a', 'b'), write_or_die) == 0
    with pytest.raises(archive.SourceError, match=r'provider was cpu, is cuda.*--overwrite'):
        archive.run(options(tmp_path, 'a', 'b', provider='cuda'), write_or_die)
    # Neither more inputs nor another number of processes are other options.
    assert archive.run(options(tmp_path, 'a', 'c', jobs=1), write_or_die) == 0


def test_boxes_lie_beside_the_output(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = options(tmp_path, 'a', 'b', detections=Path('boxes.json'))
    assert archive.run(asked, write_boxes) == 0
    assert sorted(p.name for p in (tmp_path / 'out').glob('*.json')) == [
        'a.boxes.json',
        'archive.json',
        'b.boxes.json',
    ]
