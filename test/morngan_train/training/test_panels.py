"""Panels and the run log: what a person looks at."""

import builtins
import json

import numpy as np
import pytest
import torch

from morngan_train.classes import Label
from morngan_train.classes import PALETTE
from morngan_train.training.panels import draw_panel
from morngan_train.training.runlog import RunLog
from morngan_train.training.segmentation import Semantics
from morngan_train.training.system import Translations

SIDE = 8


def flat(value: float) -> torch.Tensor:
    return torch.full((2, 3, SIDE, SIDE), value)


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    labels = torch.full((2, SIDE, SIDE), int(Label.ROAD))
    return {'day': flat(-1.0), 'night': flat(1.0), 'day_labels': labels}


@pytest.fixture
def made() -> Translations:
    return Translations(
        fake_day=flat(0.5),
        fake_night=flat(-0.5),
        again_day=flat(0.0),
        again_night=flat(0.25),
        encoded_day=flat(0.0),
        encoded_fake_day=flat(0.0),
        colored_day=None,
    )


def cell(panel: np.ndarray, row: int, column: int) -> list[int]:
    block = panel[row * SIDE : (row + 1) * SIDE, column * SIDE : (column + 1) * SIDE]
    assert (block == block[0, 0]).all()
    return block[0, 0].tolist()


def test_every_cell_is_where_it_should_be(batch, made):
    def says(label: int) -> torch.Tensor:
        logits = torch.zeros(2, 19, 4, 4)
        logits[:, label] = 9
        return logits

    semantics = Semantics(
        day_labels=torch.full((2, 4, 4), int(Label.SKY)),
        night_labels=torch.full((2, 4, 4), int(Label.CAR)),
        fake_day=says(Label.BUS),
        fake_night=says(Label.PERSON),
    )
    panel = draw_panel(batch, made, semantics)
    assert (panel.shape, panel.dtype) == ((2 * SIDE, 5 * SIDE, 3), np.uint8)
    upper, lower = ([cell(panel, row, column) for column in range(5)] for row in (0, 1))
    assert [values[0] for values in upper[:3]] == [0, 64, 128]
    assert [values[0] for values in lower[:3]] == [255, 191, 159]
    assert upper[3:] == [PALETTE[Label.SKY].tolist(), PALETTE[Label.PERSON].tolist()]
    assert lower[3:] == [PALETTE[Label.CAR].tolist(), PALETTE[Label.BUS].tolist()]


def test_what_is_not_there_is_black(batch, made):
    panel = draw_panel(batch, made, None)
    assert cell(panel, 0, 3) == PALETTE[Label.ROAD].tolist()
    assert [cell(panel, *place) for place in ((0, 4), (1, 3), (1, 4))] == [[0, 0, 0]] * 3


def test_the_log_needs_no_tensorboard(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith('torch.utils.tensorboard'):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, '__import__', without)
    log = RunLog(tmp_path)
    log.step(50, {'cycle_a': 1.0})
    log.epoch({'epoch': 1, 'phase': '0a', 'step': 5, 'lr': 2e-4, 'cycle_a': 1.23456789})
    log.picture('panel', np.zeros((2, 2, 3), np.uint8), 5)
    log.close()
    assert [path.name for path in tmp_path.iterdir()] == ['log.jsonl']
    line = json.loads((tmp_path / 'log.jsonl').read_text())
    assert line == {'epoch': 1, 'phase': '0a', 'step': 5, 'lr': 0.0002, 'cycle_a': 1.23457}
