"""The journal by itself, and evaluations that are interrupted, go on, or must not."""

import json
import math
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tiny_models import save_generator

from morngan_train.cli import main
from morngan_train.metrics import frames as frames_module
from morngan_train.metrics.journal import digest
from morngan_train.metrics.journal import Journal


def test_what_was_noted_comes_back_to_the_bit(tmp_path: Path) -> None:
    path = tmp_path / 'notes'
    journal = Journal(path, {'model': 'one'})
    value = {'curve': [0.1, 1 / 3, math.nan], 'count': 7}
    journal.note('a', value)
    known = Journal(path, {'model': 'one'}).known
    assert known['a']['curve'][:2] == [0.1, 1 / 3]
    assert math.isnan(known['a']['curve'][2])
    assert Journal(path, {'model': 'two'}).known == {}
    # The other one has begun anew.
    assert Journal(path, {'model': 'one'}).known == {}


def test_half_a_line_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / 'notes'
    journal = Journal(path, {})
    journal.note('a', 1)
    journal.note('b', 2)
    path.write_text(path.read_text()[:-3])
    again = Journal(path, {})
    assert again.known == {'a': 1}
    again.note('b', 3)
    assert Journal(path, {}).known == {'a': 1, 'b': 3}


def test_the_digest_changes_with_a_file(tmp_path: Path) -> None:
    path = tmp_path / 'frame'
    path.write_text('one')
    first = digest([path])
    os.utime(path, ns=(1, 1))
    assert digest([path]) != first
    assert digest([]) != first


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = tmp_path / 'data'
    (root / 'testB').mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in 'abcd':
        coarse = rng.integers(0, 256, (8, 8), np.uint8)
        cv2.imwrite(str(root / f'testB/{name}.png'), cv2.resize(coarse, (64, 64)))
    return root


def _stopped(model: Path, data: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Press Ctrl-C when the third frame is read."""
    read = frames_module.read_thermal

    def read_or_stop(path: Path) -> np.ndarray:
        if path.stem == 'c':
            raise KeyboardInterrupt
        return read(path)

    with monkeypatch.context() as patch:
        patch.setattr(frames_module, 'read_thermal', read_or_stop)
        # Nobody waits for the last frames, unless there is no room for them.
        patch.setattr(frames_module, 'MOST_WAITING', 0)
        assert _run(model, data, out) == 130


def _run(model: Path, data: Path, out: Path) -> int:
    arguments = [model, '--data', data, '--json', out, '--metrics', 'apce', '--jobs', 1]
    return main(['evaluate', *map(str, arguments)])


def _read(model: Path, data: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Evaluate; return the frames that were read for it."""
    seen: list[str] = []
    read = frames_module.read_thermal

    def note(path: Path) -> np.ndarray:
        seen.append(path.stem)
        return read(path)

    with monkeypatch.context() as patch:
        patch.setattr(frames_module, 'read_thermal', note)
        assert _run(model, data, out) == 0
    return seen


def test_an_evaluation_goes_on_where_it_was(
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = save_generator(tmp_path / 'model.onnx')
    whole, parts = tmp_path / 'whole.json', tmp_path / 'parts.json'
    assert _run(model, data, whole) == 0
    _stopped(model, data, parts, monkeypatch)
    assert 'the same command goes on' in capsys.readouterr().err
    assert not parts.exists()
    assert _read(model, data, parts, monkeypatch) == ['c', 'd']
    assert _load(parts) == _load(whole)
    # Done is done: nothing is left beside the result.
    assert sorted(path.name for path in tmp_path.glob('*.json*')) == ['parts.json', 'whole.json']


@pytest.mark.parametrize('change', ['model', 'frame'])
def test_stale_judgements_are_never_used(
    change: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, out = save_generator(tmp_path / 'model.onnx'), tmp_path / 'out.json'
    _stopped(model, data, out, monkeypatch)
    if change == 'model':
        save_generator(model, {0: (0, 0, 0), 255: (255, 255, 255)})
    else:
        cv2.imwrite(str(data / 'testB/a.png'), np.zeros((64, 64), np.uint8))
    assert _read(model, data, out, monkeypatch) == ['a', 'b', 'c', 'd']


def _load(path: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(path.read_text())
    return result
