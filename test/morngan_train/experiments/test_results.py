"""The table's figures are those of the JSON files."""

import json

import pytest

from morngan_train.experiments.budget import equal_budget
from morngan_train.experiments.results import as_markdown
from morngan_train.experiments.results import our_figure
from morngan_train.experiments.results import Outcome
from morngan_train.experiments.results import outcomes
from morngan_train.experiments.results import sheets
from morngan_train.experiments.results import write_results
from morngan_train.experiments.rows import rows_of
from morngan_train.experiments.rows import Setting
from morngan_train.experiments.rows import shipped
from morngan_train.experiments.run import EvaluationTools
from morngan_train.experiments.run import score_source
from morngan_train.published import published_table


def scored(name: str, title: str, direction: str = '', **scores: float | None) -> Outcome:
    evaluation = {'scores': scores, 'data': 'data/flir', 'frames': 14}
    evaluation |= {'parser': 'camvid.onnx', 'parser_sha256': '0123456789abcdef'}
    return Outcome(name, title, direction, 50, 100, 90.0, evaluation)


def test_ours_and_the_papers_in_one_cell():
    found = [
        scored('1_baseline', 'baseline', miou_flir=0.1234, miou_small=None, apce=0.666, psnr=20.5),
        Outcome('6_sr', '+SR', '', 0, 100, 0.0, None),
    ]
    beside, further = sheets('table5', found)
    rows = {row[0]: row[1:] for row in beside.rows}
    assert list(rows) == list(published_table(5).rows)
    assert rows['baseline'] == ('12.3 (50.5)', '- (23.8)', '0.67 (0.38)')
    assert rows['+SR'] == ('- (59.4)', '- (31.9)', '- (0.58)')
    assert beside.notes[0].endswith('490 test frames, HMSANet trained on Cityscapes')
    assert beside.notes[1] == 'ours: 14 frames of data/flir, no detector, camvid.onnx (01234567)'
    assert further.head == ('', 'steps', 'minutes', 'psnr')
    assert further.rows == (
        ('1_baseline', '50 of 100', '1.5', '20.500'),
        ('6_sr', '0 of 100', '0.0', '-'),
    )
    assert '| baseline | 12.3 (50.5) | - (23.8) | 0.67 (0.38) |' in as_markdown(beside)


def test_judges_of_one_name_are_told_apart():
    one, other = scored('1_baseline', 'baseline', apce=0.5), scored('6_sr', '+SR', apce=0.6)
    assert other.evaluation is not None
    other.evaluation['parser_sha256'] = 'fedcba9876543210'
    notes = sheets('table5', [one, other])[0].notes
    assert [note[-10:] for note in notes if note.startswith('ours')] == ['(01234567)', '(fedcba98)']


def test_a_method_of_others_stands_beside_ours_of_that_name(tested, tmp_path):
    rows = equal_budget(rows_of('baselines', Setting('compact', tested, base=shipped('tiny'))), 100)
    score_source('raw', tmp_path / 'foreign_CycleGAN', tested, EvaluationTools(None, None, 1))
    found = outcomes(rows, tmp_path)
    title, score = found[-1].title, found[-1].score('apce')
    assert (title, score) == ('CycleGAN (elsewhere)', 1.0)
    objects = {row[0]: row[1:] for row in sheets('baselines', found)[0].rows}
    # Beside the same figures of the paper: neither of ours is scored by a detector.
    assert objects['CycleGAN (elsewhere)'] == objects['CycleGAN']
    assert '(-)' not in objects['CycleGAN'][0]


def test_methods_that_the_paper_has_not_come_last():
    found = [scored('todaygan_tir', 'ToDayGAN-TIR', ap50_whole_person=0.5, iou_road=0.9)]
    first, second, _ = sheets('baselines', found)
    assert first.rows[-1][:2] == ('ToDayGAN-TIR', '90.0 (-)')
    assert second.rows[-1][:2] == ('ToDayGAN-TIR', '50.0 (-)')


def test_both_directions_of_table_6_and_their_mean():
    table = published_table(6)
    there = scored('morngan_kf', 'MornGAN', 'K→F', miou_flir=0.4, miou_kaist=0.9, apce=0.3)
    back = scored('morngan_fk', 'MornGAN', 'F→K', miou_flir=0.9, miou_kaist=0.5, apce=0.5)
    ours = [our_figure(table, 'MornGAN', c, [there, back]) for c in table.columns]
    assert ours == pytest.approx([40, 50, 45, 0.3, 0.5, 0.4])
    alone = [our_figure(table, 'MornGAN', c, [there]) for c in table.columns]
    assert alone == [pytest.approx(40), None, None, pytest.approx(0.3), None, None]
    notes = sheets('table6', [there, back])[0].notes
    assert any('compare rows within one direction' in note for note in notes)


def test_models_of_others_in_table_6_have_a_direction(tested, tmp_path):
    place = Setting('compact', tested, tested, base=shipped('tiny'))
    rows = equal_budget(rows_of('table6', place), 100)
    for name in ('UNIT_kf', 'UNIT_fk', 'MornGAN_fk'):
        score_source('raw', tmp_path / f'foreign_{name}', tested, EvaluationTools(None, None, 1))
    found = outcomes(rows, tmp_path)
    table = published_table(6)
    ours = {t: [our_figure(table, t, c, found) for c in table.columns] for t in ('UNIT', 'MornGAN')}
    assert ours == {'UNIT': [None, None, None, 1.0, 1.0, 1.0], 'MornGAN': [None] * 6}
    assert our_figure(table, 'MornGAN (elsewhere)', 'APCE F→K', found) == 1.0
    notes = sheets('table6', found)[0].notes
    assert notes[-1].endswith('have made: DRIT++, ForkGAN') or 'DRIT++, ForkGAN' in ' '.join(notes)


def test_models_of_others_stand_in_their_row(tested, tmp_path, detector):
    """Raw frames under another name: edges are all kept, and there is nothing to train."""
    folder = tmp_path / 'foreign_UNIT'
    score_source('raw', folder, tested, EvaluationTools(None, None, 1))
    rows = equal_budget(rows_of('baselines', Setting('compact', tested, base=shipped('tiny'))), 100)
    found = outcomes(rows, tmp_path)
    assert (found[-1].title, found[-1].score('apce')) == ('UNIT', 1.0)
    write_results('baselines', found, tmp_path)
    written = json.loads((tmp_path / 'table.json').read_text())
    scores = json.loads((folder / 'scores.json').read_text())['scores']
    assert written['rows']['foreign_UNIT']['scores'] == scores
    assert '| foreign_UNIT | elsewhere | - | 1.000 |' in (tmp_path / 'table.md').read_text()
    assert len(list((folder / 'pictures').glob('*.png'))) == 2
    # Nothing has changed: nothing is measured again. A further judge makes all look anew.
    before = (folder / 'scores.json').stat().st_mtime_ns
    score_source('raw', folder, tested, EvaluationTools(None, None, 1))
    assert (folder / 'scores.json').stat().st_mtime_ns == before
    score_source('raw', folder, tested, EvaluationTools(detector, None, 1))
    assert outcomes(rows, tmp_path)[-1].score('ap50_whole_person') is not None
