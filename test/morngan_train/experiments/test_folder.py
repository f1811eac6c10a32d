"""The folder of a row: one recipe for ever."""

import json
from pathlib import Path

import pytest

from morngan_train.experiments.budget import equal_budget
from morngan_train.experiments.errors import ExperimentError
from morngan_train.experiments.folder import begin
from morngan_train.experiments.folder import BEGUN
from morngan_train.experiments.folder import check_begun
from morngan_train.experiments.folder import progress
from morngan_train.experiments.rows import Row
from morngan_train.experiments.rows import rows_of
from morngan_train.experiments.rows import Setting
from morngan_train.experiments.rows import shipped


def row(steps: int = 100, data: str = 'flir') -> Row:
    rows = rows_of('table5', Setting('compact', Path(data), base=shipped('tiny')))
    return equal_budget(rows, steps)[0]


def test_a_row_that_was_begun_otherwise_is_refused(tmp_path):
    check_begun(row(), tmp_path)  # nothing was begun
    begin(row(), tmp_path)
    check_begun(row(), tmp_path)
    with pytest.raises(ExperimentError, match=r'steps_per_epoch=20 \(was 10\)'):
        check_begun(row(steps=200), tmp_path)
    with pytest.raises(ExperimentError, match=r'data=.*kaist \(was .*flir\)'):
        check_begun(row(data='kaist'), tmp_path)


def test_a_field_that_recipes_got_later_changes_nothing(tmp_path):
    begin(row(), tmp_path)
    begun = json.loads((tmp_path / BEGUN).read_text())
    del begun['recipe']['losses']['tv'], begun['recipe']['generator']['decoder_norm']
    (tmp_path / BEGUN).write_text(json.dumps(begun))
    check_begun(row(), tmp_path)


def test_progress_is_that_of_the_last_line(tmp_path):
    assert progress(tmp_path) == (0, 0.0)
    lines = [{'step': 3, 'seconds': 1.5}, {'step': 6, 'seconds': 2.5}]
    (tmp_path / 'log.jsonl').write_text(''.join(json.dumps(line) + '\n' for line in lines))
    assert progress(tmp_path) == (6, 2.5)
    with (tmp_path / 'log.jsonl').open('a') as log:
        log.write('{"step": 9, "sec')  # killed while it wrote
    assert progress(tmp_path) == (6, 2.5)
