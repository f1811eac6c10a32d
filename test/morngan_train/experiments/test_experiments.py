"""The command `experiments`, run for real at toy scale."""

import json
from pathlib import Path
import shutil
import signal
from typing import Any

from lightning_fabric import Fabric
import pytest
import torch

from morngan_train import checkpoint
from morngan_train.cli import main
from morngan_train.experiments.budget import equal_budget
from morngan_train.experiments.rows import rows_of
from morngan_train.experiments.rows import Setting
from morngan_train.experiments.run import _asked
from morngan_train.experiments.run import EvaluationTools
from morngan_train.recipe import load_recipe
from morngan_train.training.runlog import RunLog
from morngan_train.training.trainer import Trainer

STEPS, STOP = 8, 3


def command(table: str, data: Path, base: Path, out: Path, *options: object) -> list[str]:
    given = ['experiments', table, '--scale', 'compact', '--data', data, '--base', base]
    given += ['--out', out, '--steps', STEPS, '--accelerator', 'cpu', '--precision', '32-true']
    given += ['--workers', 0, '--jobs', 1]
    return [str(value) for value in (*given, *options)]


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def test_two_rows_are_interrupted_resumed_and_printed(
    tested, base, detector, tmp_path, capsys, monkeypatch
):
    out = tmp_path / 'out'
    ask = command('table5', tested, base, out, '--rows', '1,6_sr', '--detector', detector)
    note = RunLog.step

    def note_and_ask_to_stop(log: RunLog, number: int, values: dict[str, float]) -> None:
        note(log, number, values)
        if number == STOP:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(RunLog, 'step', note_and_ask_to_stop)
        assert main(ask) == 130
    assert 'run the same command again to resume' in capsys.readouterr().err
    assert checkpoint.load(out / '1_baseline/last.pt')['step'] == STOP
    assert not (out / '6_sr').exists()

    assert main(ask) == 0
    printed = capsys.readouterr().out
    _check_table(out, printed)
    _check_exactness(out / '1_baseline', tested, base, tmp_path / 'uninterrupted')

    models = [(out / row / 'scores.json').stat().st_mtime_ns for row in ('1_baseline', '6_sr')]
    assert main(ask) == 0  # all is done already
    assert models == [
        (out / row / 'scores.json').stat().st_mtime_ns for row in ('1_baseline', '6_sr')
    ]
    assert main([*ask, '--steps', '16']) == 2
    assert 'steps_per_epoch=4 (was 2)' in capsys.readouterr().err


def _check_table(out: Path, printed: str) -> None:
    """What is printed and written is what the rows' JSON files say."""
    table = read(out / 'table.json')
    text = (out / 'table.md').read_text()
    budgets = set()
    for name, title, published in (('1_baseline', 'baseline', 0.38), ('6_sr', '+SR', 0.58)):
        scores = read(out / name / 'scores.json')['scores']
        row = table['rows'][name]
        assert row['scores'] == scores
        budgets.add((row['steps'], row['budget']))
        assert row['seconds'] > 0
        cell = f'{scores["apce"]:.2f} ({published:.2f})'
        assert cell in printed
        assert f'| {title} | - (' in text
        assert cell in text
        assert f'{scores["ap50_whole_person"]:.3f}' in printed
        assert len(list((out / name / 'pictures').glob('*.png'))) == 2
        assert (out / name / 'model.onnx').exists()
    assert budgets == {(STEPS, STEPS)}
    assert table['rows']['2_sc']['scores'] is None
    assert '1_baseline' in (out / 'page.html').read_text()


def _check_exactness(folder: Path, data: Path, base: Path, out: Path) -> None:
    """It went on where it was, and the weights are those of a row that was never stopped."""
    place = Setting('compact', data, base=load_recipe(base))
    row = equal_budget(rows_of('table5', place), STEPS)[0]
    assert Trainer(row.recipe, data, out, Fabric(accelerator='cpu', devices=1), workers=0).fit()
    log = [json.loads(line)['step'] for line in (folder / 'log.jsonl').read_text().splitlines()]
    assert log == [2, STOP, 4, 6, 8]
    ours, theirs = (checkpoint.load(f / 'epoch_004.pt')['average'] for f in (folder, out))
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


def test_rows_that_are_done_get_the_same_judges(tested, base, detector, tmp_path):
    """Another detector for the second row looks at the first one again."""
    out = tmp_path / 'out'
    assert main(command('table7', tested, base, out, '--rows', '1')) == 0
    assert read(out / 'clusters_2' / 'scores.json')['scores'].get('ap50_whole_person') is None
    assert main(command('table7', tested, base, out, '--rows', '2', '--detector', detector)) == 0
    shas = {read(out / f'clusters_{n}' / 'scores.json')['detector_sha256'] for n in (2, 3)}
    assert len(shas) == 1


@pytest.mark.parametrize(
    ('file', 'content'),
    [('testB_crop_to_full.json', '{}'), ('trainA/new.txt', 'x'), ('trainA_thermal/new.txt', 'x')],
)
def test_scores_depend_on_all_that_evaluate_reads(tested, tmp_path, file, content):
    data = shutil.copytree(tested, tmp_path / 'data')
    asked = _asked('raw', data, EvaluationTools(None, None, 1))
    assert _asked('raw', data, EvaluationTools(None, None, 1)) == asked
    (data / file).write_text(content)
    assert _asked('raw', data, EvaluationTools(None, None, 1)) != asked


def test_pages_of_both_data_sets_are_kept(tested, base, tmp_path):
    """Although their folders have one name."""
    kaist, out = tmp_path / 'kaist' / tested.name, tmp_path / 'out'
    shutil.copytree(tested, kaist)
    rows = ('--rows', 'morngan_kf,morngan_fk')
    assert main(command('table6', tested, base, out, '--data-kaist', kaist, *rows)) == 0
    assert sorted(p.name for p in out.glob('*.html')) == ['page_flir.html', 'page_kaist.html']


def test_a_dry_run_prints_switches_steps_and_hours(tested, base, tmp_path, capsys):
    out = tmp_path / 'out'
    assert main(command('table7', tested, base, out, '--rows', '1,2', '--dry-run')) == 0
    printed = capsys.readouterr().out
    for text in ('clusters_2', 'clusters_3', 'semantics.clusters=3', '8 = 4 x 2', 'hours of'):
        assert text in printed
    assert 'clusters_4' not in printed
    assert not out.exists()


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (('--rows', '7'), "no row '7'; choose from 1 1_baseline, 2 2_sc"),
        (('--steps', '3'), 'fewer than the 4'),
        (('--data', 'nowhere'), 'nowhere'),
        (('--detector', 'no.onnx'), 'no.onnx'),
        (('--accelerator', 'gpux'), '--accelerator gpux cannot be used'),
    ],
)
def test_wrong_input_is_one_line(tested, base, tmp_path, capsys, options, message):
    assert main(command('table5', tested, base, tmp_path / 'out', *options)) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert message in said[0]


def test_foreign_models_need_a_name(tested, base, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(command('baselines', tested, base, tmp_path / 'out', '--foreign', 'unit.onnx'))
    assert 'is not NAME=SOURCE' in capsys.readouterr().err
