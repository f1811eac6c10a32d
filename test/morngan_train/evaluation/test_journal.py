"""The journal by itself, and evaluations that are interrupted, go on, or must not."""

import json
import math
import os
from pathlib import Path
import shutil
from typing import Any

import cv2
import numpy as np
import pytest
from tiny_models import save_generator

from morngan_train.cli import main
from morngan_train.evaluation import frames as frames_module
from morngan_train.evaluation.journal import Journal
from morngan_train.files import state_digest

APCE = '--metrics', 'apce'
MORE = '0 0.2 0.7 0.3 0.3\n2 0.16 0.16 0.13 0.13\n2 0.8 0.8 0.2 0.2\n'
"""Objects, of which the detector of these tests finds a part."""


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
    first = state_digest([path])
    os.utime(path, ns=(1, 1))
    assert state_digest([path]) != first
    assert state_digest([]) != first


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = tmp_path / 'data'
    (root / 'testB').mkdir(parents=True)
    for folder in ('testB_boxes', 'testB_ignore', 'testB_masks'):
        (root / folder).mkdir()
    rng = np.random.default_rng(0)
    for i, name in enumerate('abcd'):
        coarse = rng.integers(0, 256, (8, 8), np.uint8)
        cv2.imwrite(str(root / f'testB/{name}.png'), cv2.resize(coarse, (64, 64)))
        # Another truth in each: judgements that are mixed up have other scores.
        coarse = rng.choice(np.array([0, 10, 13, 255], np.uint8), (4, 4 + i))
        mask = cv2.resize(coarse, (64, 64), interpolation=cv2.INTER_NEAREST)
        cv2.imwrite(str(root / f'testB_masks/{name}.png'), mask)
        (root / f'testB_boxes/{name}.txt').write_text('0 0.5 0.5 0.25 0.5\n' * (i % 2) + MORE)
        (root / f'testB_ignore/{name}.txt').write_text('0 0.15 0.15 0.3 0.3\n' * (i // 2))
    return root


def _judges(detector: Path, parser: Path) -> tuple[str, ...]:
    metrics = '--metrics', 'apce,ap,miou'
    return (*metrics, '--detector', str(detector), '--parser', str(parser))


def _stopped(
    model: Path | str,
    data: Path,
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...] = APCE,
) -> None:
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
        assert _run(model, data, out, options) == 130


def _run(model: Path | str, data: Path, out: Path, options: tuple[str, ...] = APCE) -> int:
    arguments = [model, '--data', data, '--json', out, '--jobs', 1, *options]
    return main(['evaluate', *map(str, arguments)])


def _read(
    model: Path | str,
    data: Path,
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...] = APCE,
) -> list[str]:
    """Evaluate; return the frames that were read for it."""
    seen: list[str] = []
    read = frames_module.read_thermal

    def note(path: Path) -> np.ndarray:
        seen.append(path.stem)
        return read(path)

    with monkeypatch.context() as patch:
        patch.setattr(frames_module, 'read_thermal', note)
        assert _run(model, data, out, options) == 0
    return seen


def test_an_evaluation_goes_on_where_it_was(
    data: Path,
    detector: Path,
    parser: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = save_generator(tmp_path / 'model.onnx')
    whole, parts = tmp_path / 'whole.json', tmp_path / 'parts.json'
    judges = _judges(detector, parser)
    assert _run(model, data, whole, judges) == 0
    _stopped(model, data, parts, monkeypatch, judges)
    assert 'run the same command again to resume' in capsys.readouterr().err
    assert not parts.exists()
    assert _read(model, data, parts, monkeypatch, judges) == ['c', 'd']
    assert _load(parts) == _load(whole)
    scores = _load(whole)['scores']
    for score in ('apce', 'ap50_tiled_person', 'ap50_whole_car', 'miou_flir'):
        assert 0 < scores[score] < 1
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


@pytest.mark.parametrize('change', ['maps', 'crop'])
def test_a_visible_picture_that_lies_elsewhere_is_looked_at_again(
    change: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ('testB_visible', 'testB_aligned_ir'):
        shutil.copytree(data / 'testB', data / folder)
    maps = data / 'testB_crop_to_full.json'
    maps.write_text(json.dumps({name: [[0.5, 0, 8], [0, 0.5, 8]] for name in 'abcd'}))
    out = tmp_path / 'out.json'
    _stopped('visible', data, out, monkeypatch)
    if change == 'maps':
        maps.write_text(json.dumps({name: [[0.5, 0, 9], [0, 0.5, 9]] for name in 'abcd'}))
        os.utime(maps, ns=(1, 1))
    else:
        cv2.imwrite(str(data / 'testB_aligned_ir/a.png'), np.zeros((32, 32), np.uint8))
    assert _read('visible', data, out, monkeypatch) == ['a', 'b', 'c', 'd']


def _load(path: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(path.read_text())
    return result
