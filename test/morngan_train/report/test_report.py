"""The command `report`: what stands on the page, and what it says when something is missing."""

import base64
from collections.abc import Callable
from collections.abc import Sequence
from html import escape
from html import unescape
from html.parser import HTMLParser
import json
from pathlib import Path
import re

import cv2
import numpy as np
import pytest

from morngan_train.cli import main
from morngan_train.published import published_table
from morngan_train.report.command import write_report


class Words(HTMLParser):
    """Collects rows of tables, addresses, JSON, and whether all elements are closed."""

    VOID = frozenset({'meta', 'img', 'input', 'rect', 'path'})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.sources: list[str] = []
        self.json: dict[str, str] = {}
        self._id = ''
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        about = dict(attrs)
        self.sources += [str(about[k]) for k in ('src', 'href', 'xlink:href') if k in about]
        self._id = about.get('id') or ''
        if tag == 'tr':
            self.rows.append([])
        if tag in ('td', 'th') and self.rows:
            self.rows[-1].append('')
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in self.VOID

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, text: str) -> None:
        if self.open and self.open[-1] == 'script':
            self.json[self._id] = self.json.get(self._id, '') + text
        elif {'td', 'th'} & set(self.open):
            self.rows[-1][-1] += text

    def row(self, name: str, number: int = 0) -> list[str]:
        return [row for row in self.rows if row and row[0] == name][number]


def report(evaluations: Sequence[Path], out: Path, runs: Sequence[Path] = (), **limits: int) -> str:
    write_report(evaluations, runs, out, **limits)
    return out.read_text(encoding='utf-8')


def decode(uri: str) -> np.ndarray:
    head, data = uri.split(',')
    assert head == 'data:image/webp;base64'
    return cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)


def test_the_page_is_whole_and_needs_nothing_else(evaluations, run_folder, tmp_path, capsys):
    out = tmp_path / 'new' / 'page.html'
    words = [*map(str, evaluations), '--runs', str(run_folder), '--out', str(out)]
    assert main(['report', *words]) == 0
    assert f'wrote {out}' in capsys.readouterr().out.replace('\n', '')
    page = out.read_text(encoding='utf-8')
    assert all(source.startswith('#') for source in Words(page).sources)
    assert not re.search(r'url\(|@import|https?:', page)
    assert [path.name for path in out.parent.iterdir()] == ['page.html']


def test_names_of_all_kinds_are_text(evaluations, tmp_path):
    """Markup of the test's own names is nowhere, neither in HTML nor in the JSON within."""
    name = evaluations[2].stem
    page = report(evaluations, tmp_path / 'page.html')
    words = Words(page)
    assert escape(name) in page
    assert '<b>' not in page.split('<script>')[0]
    assert json.loads(words.json['values'])['methods'] == ['raw', 'shipped', name]
    assert '<' not in words.json['values'] + words.json['embedded']


def test_figures_of_ours_stand_beside_the_papers(changed, tmp_path):
    scores = {'ap50_whole_mean': 0.5, 'ap50_whole_car': 0.1234, 'miou_flir': None, 'flicker': 2.0}
    better = {'ap50_whole_mean': 0.25, 'ap50_whole_car': 0.9, 'miou_flir': 0.4, 'flicker': 1.0}
    detector = {'detector': 'tiny.onnx', 'detector_sha256': 'ab'}
    files = [changed('a', scores=scores, **detector), changed('b', scores=better, **detector)]
    page = report(files, tmp_path / 'page.html')
    words = Words(page)
    # whole mean, person, bicycle, car, the same with tiles, detector
    assert words.row('a')[1:] == ['50.0', '–', '–', '12.3', *'––––', 'tiny.onnx']
    assert words.row('b')[1:] == ['25.0', '–', '–', '90.0', *'––––', 'tiny.onnx']
    paper = published_table(2)
    person, bicycle, car, mean = (f'{value:.1f}' for value in paper.rows['PearlGAN'])
    assert words.row('PearlGAN')[1:] == [mean, person, bicycle, car, *'––––', paper.detector]
    # APCE of the ablation is printed with two digits.
    assert words.row('+CGR', 1)[1] == '0.58'
    strong = re.findall(r'<td><strong>([\d.]+)</strong></td>', page)
    assert strong == ['50.0', '90.0', '1.00']  # flicker: lower is better; mIoU: only one has it
    assert 'Our rows were measured with different' not in page
    assert 'cannot be compared' in page


def test_detectors_that_differ_forbid_a_winner(changed, tmp_path):
    scores = {'ap50_whole_mean': 0.5}
    files = [
        changed(name, scores=scores, detector='yolo.onnx', detector_sha256=name) for name in 'ab'
    ]
    page = report(files, tmp_path / 'page.html')
    assert 'Our rows were measured with different detectors.' in page
    assert '<td><strong>' not in page


def test_realism_and_steadiness_are_shown(changed, tmp_path):
    real = {'reference': 'flir/trainA by lite0.pth', 'reference_sha256': 'ab', 'kid_error': 0.0123}
    a = {'kid': 0.1894, 'colorfulness': 0.0, 'warp': 0.0143, 'warp_pan': 0.0181}
    b = {'kid': 0.0611, 'colorfulness': 25.44, 'warp': 0.0207, 'warp_pan': 0.058}
    files = [changed('a', scores=a, **real), changed('b', scores=b, **real)]
    page = report(files, tmp_path / 'page.html')
    words = Words(page)
    assert words.row('a', 1) == ['a', '0.189', '0.0', 'flir/trainA by lite0.pth']
    assert words.row('b', 1) == ['b', '0.061', '25.4', 'flir/trainA by lite0.pth']
    assert words.row('a')[-3:-1] == ['1.43', '1.81']
    # More colour is not always better.
    strong = re.findall(r'<td><strong>([\d.]+)</strong></td>', page)
    assert strong == ['1.43', '1.81', '0.061']
    assert 'standard error of KID 0.012' in page
    other = real | {'reference_sha256': 'cd'}
    page = report([files[0], changed('c', scores=b, **other)], tmp_path / 'page.html')
    assert 'Our rows were measured with different references.' in page


def test_raw_frames_win_nothing_by_keeping_their_own_edges(evaluations, tmp_path):
    page = report(evaluations, tmp_path / 'page.html')
    shipped = json.loads(evaluations[1].read_text())['scores']['apce']
    assert Words(page).row('raw')[1] == '1.000'
    assert '<td><strong>1.000</strong></td>' not in page
    assert Words(page).row('shipped')[1] == f'{shipped:.3f}'


def test_a_score_that_nobody_knows_is_shown_as_it_is(changed, tmp_path):
    words = Words(report([changed(scores={'beauty': 0.25})], tmp_path / 'page.html'))
    assert ['changed', '0.250'] in words.rows


def test_pictures_are_those_of_evaluate(evaluations, pixels, tmp_path):
    words = Words(report(evaluations, tmp_path / 'page.html'))
    data = json.loads(words.json['embedded'])
    assert len(data['frames']) == data['total'] == len(data['thumbnails']) == 6
    for row, method in enumerate(('raw', 'shipped', evaluations[2].stem), 1):
        for frame in range(6):
            shown = decode(data['uris'][data['pictures'][row][frame]])
            original = pixels(method, frame)
            assert shown.shape == original.shape
            assert cv2.PSNR(shown, original) > 28
    # What the raw method shows is the thermal frame: stored once.
    assert data['pictures'][0] == data['pictures'][1]
    assert len(data['uris']) == 3 * 6


def test_few_frames_hold_the_worst_and_best_of_each(evaluations, tmp_path):
    words = Words(report(evaluations, tmp_path / 'page.html', frames=5))
    data = json.loads(words.json['embedded'])
    assert (len(data['frames']), data['total']) == (5, 6)
    frames = json.loads(evaluations[1].read_text())['per_frame']
    values = json.loads(words.json['values'])['scores'][0]['values'][1]
    assert values == [frames[stem]['apce'] for stem in data['frames']]


@pytest.mark.parametrize('most', [8, 11, 30])
def test_frames_are_chosen_by_score_first(most):
    from morngan_train.report.evaluations import Evaluation
    from morngan_train.report.evaluations import Method
    from morngan_train.report.pictures import choose_frames

    rng = np.random.default_rng(0)
    frames = [Path(f'{k:03d}.png') for k in range(100)]
    apce = dict(zip((f.stem for f in frames), rng.permutation(100).tolist(), strict=True))
    evaluation = Evaluation(
        model='m',
        data='d',
        frames=100,
        scores={},
        per_frame={s: {'apce': v} for s, v in apce.items()},
    )
    chosen = choose_frames(frames, [Method('m', Path('m.json'), evaluation)], most)
    assert len(chosen) == most
    assert chosen == sorted(set(chosen))
    assert {0, 1, 2, 3, 96, 97, 98, 99} <= {apce[frame.stem] for frame in chosen}


def test_methods_without_pictures_have_scores_all_the_same(changed, tmp_path):
    page = report([changed(pictures=None, apce_curve=None)], tmp_path / 'page.html')
    assert Words(page).json['embedded'] == 'null'
    assert 'by a version of <code>evaluate</code> without curves' in page


def test_curves_go_through_the_values(evaluations, tmp_path):
    page = report(evaluations, tmp_path / 'page.html')
    curve = json.loads(evaluations[1].read_text())['apce_curve']
    (path,) = re.findall(r'<path class="line c1" d="([^"]+)"', page)
    points = [tuple(map(float, p.split())) for p in re.findall(r'[\d.]+ [\d.]+', path)]
    assert len(points) == 99
    np.testing.assert_allclose([x for x, _ in points], np.arange(1, 100), atol=0.01)
    np.testing.assert_allclose([y for _, y in points], [100 - 100 * p for p in curve], atol=0.01)


def test_training_is_told(evaluations, run_folder, tmp_path):
    page = report(evaluations, tmp_path / 'page.html', [run_folder])
    row = Words(page).row('tiny')
    assert row[1:8] == ['tiny', '40', '4', '0 min 08 s', '0.20', '1', '64']
    assert int(row[8].replace(',', '')) > 100
    (text,) = re.findall(r'data-chart="([^"]*cycle_a[^"]*)"', page)
    chart = json.loads(unescape(text))
    # Phases follow each other; a loss that a phase does not have leaves a gap.
    assert chart['bands'] == [['pairs', 0, 10], ['0a', 10, 30], ['4', 30, 40]]
    assert chart['lines'] == [
        {'name': 'cycle_a', 'x': [10, 20, 30, 40], 'y': [None, 0.5, 0.5, 0.5]}
    ]


def test_steps_that_were_done_again_count_once(run_folder, tmp_path):
    from morngan_train.report.training import read_run

    lines = (run_folder / 'log.jsonl').read_text().splitlines()
    folder = tmp_path / 'again'
    folder.mkdir()
    # Killed while it wrote; gone on from the checkpoint of the second epoch.
    (folder / 'log.jsonl').write_text('\n'.join([*lines, *lines[2:], lines[0][:20]]))
    run = read_run(folder)
    assert [epoch.step for epoch in run.epochs] == [10, 20, 30, 40]
    assert run.recipe is None
    assert run.parameters() is None


def test_parameters_are_those_of_the_paper():
    from morngan_train.recipe import load_recipe
    from morngan_train.report.training import Run

    recipe = load_recipe(Path(__file__).parents[3] / 'config/train/flir.yaml')
    assert Run('flir', [], recipe).parameters() == 11_665_297


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('{"model": "m"', 'is not a JSON file of evaluate: Invalid JSON'),
        ('{"model": "m", "data": "d", "frames": 3}', 'scores: Field required'),
        ('{"model": "m", "data": "d", "frames": 3, "scores": {"apce": "good"}}', 'scores.apce'),
        (
            '{"model": "m", "data": "d", "frames": 3, "scores": {}, "apce_curve": [1]}',
            'apce_curve: List should have at least 99',
        ),
        (
            '{"model": "m", "data": "d", "frames": 3, "scores": {}}',
            'have scores of different frames',
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_named(evaluations, content, message, tmp_path, capsys):
    file, out = tmp_path / 'bad.json', tmp_path / 'page.html'
    file.write_text(content)
    assert main(['report', str(evaluations[0]), str(file), '--out', str(out)]) == 2
    error = capsys.readouterr().err
    assert str(file) in error
    assert message in error
    assert not out.exists()


def test_what_is_missing_is_named(evaluations, changed, run_folder, tmp_path, capsys):
    def fails(*words: object) -> str:
        assert main(['report', *map(str, words), '--out', str(tmp_path / 'page.html')]) == 2
        return capsys.readouterr().err

    assert 'No such file' in fails(tmp_path / 'none.json')
    empty = tmp_path / 'empty'
    empty.mkdir()
    error = fails(changed(pictures=str(empty)))
    assert 'lacks the partners of 6 of the 6 pictures' in error
    assert 'evaluate again with --pictures' in error
    assert 'does not exist' in fails(changed(data='nowhere'))
    assert '--runs takes folders of fit' in fails(evaluations[0], '--runs', empty)
    (empty / 'log.jsonl').write_text('')
    assert 'has not finished an epoch' in fails(evaluations[0], '--runs', empty)
    (empty / 'log.jsonl').write_text('{"epoch": 1}\n{}\n')
    assert 'log.jsonl, line 1: Field required' in fails(evaluations[0], '--runs', empty)


def test_pictures_of_another_size_are_refused(evaluations, changed, tmp_path, capsys):
    shown = tmp_path / 'shown'
    shown.mkdir()
    for stem in json.loads(evaluations[0].read_text())['per_frame']:
        cv2.imwrite(str(shown / f'{stem}.png'), np.zeros((64, 80, 3), np.uint8))
    file = changed(pictures='shown')
    assert main(['report', str(file), '--out', str(tmp_path / 'page.html')]) == 2
    assert 'is 80x64, but its picture is 160x128' in capsys.readouterr().err


def test_methods_are_named_by_what_tells_them_apart(changed: Callable[..., Path], tmp_path):
    from morngan_train.report.evaluations import read_methods

    def name(*places: str) -> list[str]:
        files = []
        for place in places:
            file = tmp_path / place
            file.parent.mkdir(parents=True, exist_ok=True)
            files.append(changed().rename(file))
        return [method.name for method in read_methods(files)]

    assert name('x/a.json', 'x/b.json') == ['a', 'b']
    assert name('one/scores.json', 'two/scores.json') == ['one', 'two']
    assert name('one/p.json', 'one/q.json', 'two/p.json') == ['one/p', 'one/q', 'two/p']
