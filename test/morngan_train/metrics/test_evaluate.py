"""The command `evaluate`, run for real: models, folders, raw frames, what is missing."""

import json
from pathlib import Path
import shutil
from typing import Any

import cv2
import numpy as np
import onnx
from onnx import helper
import pytest
from tiny_models import save_detector
from tiny_models import save_foreign_generator
from tiny_models import save_generator

from morngan_train.cli import main

DETECTOR_NAMES = {0: 'person', 1: 'bicycle', 2: 'car'}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three frames of 64x64; a person in the middle of each, road below and sky above."""
    root = tmp_path / 'data'
    rng = np.random.default_rng(0)
    mask = np.zeros((64, 64), np.uint8)
    mask[:20], mask[20:30] = 10, 255
    for name in 'abc':
        coarse = rng.integers(0, 256, (8, 8), np.uint8)
        frame = cv2.resize(coarse, (64, 64), interpolation=cv2.INTER_NEAREST)
        for folder, picture in (
            ('testB', frame),
            ('testB_masks', mask),
            ('trainA', cv2.merge([frame] * 3)),
            ('trainA_thermal', frame),
        ):
            (root / folder).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(root / folder / f'{name}.png'), picture)
        (root / 'testB_boxes').mkdir(exist_ok=True)
        (root / 'testB_boxes' / f'{name}.txt').write_text('0 0.5 0.5 0.25 0.5\n')
    return root


@pytest.fixture
def detector(tmp_path: Path) -> Path:
    """It sees the person everywhere, and a car that is not there."""
    rows = [(32, 32, 16, 32, 0.9, 0, 0), (10, 10, 8, 8, 0, 0, 0.5)]
    prediction = np.array(rows, np.float32).T[None]
    return save_detector(tmp_path / 'yolo.onnx', prediction, names=DETECTOR_NAMES)


@pytest.fixture
def parser(tmp_path: Path) -> Path:
    """A network of 19 scores: all is road, whatever it sees."""
    weight, bias = np.zeros((19, 3, 1, 1), np.float32), np.zeros(19, np.float32)
    bias[0] = 1
    constants = [onnx.numpy_helper.from_array(v, n) for n, v in (('w', weight), ('b', bias))]
    kind = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node('Conv', ['image', 'w', 'b'], ['scores'], strides=[4, 4])],
        'parser',
        [helper.make_tensor_value_info('image', kind, [1, 3, 'H', 'W'])],
        [helper.make_tensor_value_info('scores', kind, [1, 19, 'h', 'w'])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)])
    model.ir_version = 10
    onnx.save(model, tmp_path / 'parser.onnx')
    return tmp_path / 'parser.onnx'


def _evaluate(source: Any, data: Path, *options: Any) -> dict[str, Any]:
    out = data.parent / 'out.json'
    arguments = ['evaluate', source, '--data', data, '--json', out, '--jobs', 1, *options]
    assert main([str(a) for a in arguments]) == 0
    result: dict[str, Any] = json.loads(out.read_text())
    return result


def _error(capsys: pytest.CaptureFixture[str], *arguments: Any) -> str:
    assert main(['evaluate', *map(str, arguments)]) == 2
    return capsys.readouterr().err


def test_raw_frames_with_everything(
    data: Path, detector: Path, parser: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = _evaluate('raw', data, '--detector', detector, '--parser', parser)
    scores = result['scores']
    assert scores['apce'] == 1.0
    assert scores['ap50_whole_person'] == 1.0
    assert scores['ap50_whole_car'] is None  # none is there: nothing to judge
    assert scores['ap50_whole_mean'] == 1.0
    # Of 54 labelled rows 34 are road, 20 sky; sky is never seen.
    assert scores['iou_road'] == pytest.approx(34 / 54)
    assert scores['iou_sky'] == 0.0
    assert scores['iou_car'] is None
    assert scores['miou_flir'] == scores['miou_kaist'] == pytest.approx(34 / 54 / 2)
    assert scores['miou_small'] is None
    assert scores['ssim'] == pytest.approx(1.0)
    assert 1.5 < scores['flicker'] < 2.5
    assert (result['detector'], result['parser']) == ('yolo.onnx', 'parser.onnx')
    assert (result['model'], result['frames'], result['left_out']) == ('raw', 3, {})
    assert 'apce' in capsys.readouterr().out
    assert result['speed_ms'] == scores['speed_ms'] > 0


def test_curve_and_scores_of_single_frames(data: Path, detector: Path, parser: Path) -> None:
    flat = np.full((64, 64), 70, np.uint8)
    cv2.imwrite(str(data / 'testB/b.png'), flat)  # nothing to keep
    result = _evaluate('raw', data, '--detector', detector, '--parser', parser)
    assert result['apce_curve'] == [1.0] * 99
    per_frame = result['per_frame']
    assert list(per_frame) == ['a', 'b', 'c']
    assert (per_frame['a']['apce'], per_frame['b']['apce']) == (1.0, None)
    assert per_frame['a']['miou_flir'] == pytest.approx(34 / 54 / 2)
    assert per_frame['a']['ap50_tiled_mean'] == 1.0
    assert 'apce_curve' not in _evaluate('raw', data, '--metrics', 'flicker')


def test_pictures_are_what_was_scored(data: Path, tmp_path: Path) -> None:
    model = save_generator(tmp_path / 'ours.onnx')
    result = _evaluate(model, data, '--metrics', 'apce', '--pictures', tmp_path / 'made' / 'ours')
    assert result['pictures'] == 'made/ours'
    files = sorted((tmp_path / 'made/ours').iterdir())
    assert [path.name for path in files] == ['a.png', 'b.png', 'c.png']
    again = _evaluate(tmp_path / 'made' / 'ours', data, '--metrics', 'apce')
    assert again['scores'] == result['scores']
    # Frames of the test set are never overwritten.
    before = (data / 'testB/a.png').read_bytes()
    arguments = ['evaluate', str(model), '--data', str(data), '--pictures', str(data / 'testB')]
    assert main(arguments) == 2
    assert (data / 'testB/a.png').read_bytes() == before


def test_models_ours_and_foreign(data: Path, tmp_path: Path) -> None:
    ours = _evaluate(save_generator(tmp_path / 'ours.onnx'), data, '--metrics', 'apce,aligned')
    assert (ours['model'], len(ours['sha256'])) == ('ours.onnx', 64)
    assert 0 < ours['scores']['apce'] < 1.01
    assert 0 < ours['scores']['psnr'] < 30
    foreign = save_foreign_generator(tmp_path / 'foreign.onnx', output_range=(0.0, 1.0))
    wrong = _evaluate(foreign, data, '--metrics', 'aligned')
    right = _evaluate(foreign, data, '--metrics', 'aligned', '--output-range', 0, 1)
    assert wrong['scores'] != right['scores']


def test_a_folder_of_another_size(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / 'made'
    folder.mkdir()
    for path in (data / 'testB').glob('*.png'):
        cv2.imwrite(str(folder / path.name), cv2.resize(cv2.imread(str(path)), (40, 40)))
    result = _evaluate(folder, data)
    assert 0 < result['scores']['apce'] < 1
    assert result['resized'] == 3
    assert set(result['left_out']) == {'ap', 'miou', 'aligned', 'flicker', 'speed'}
    shown = capsys.readouterr().out
    assert '3 pictures were resized' in shown
    assert 'without ap: needs --detector FILE' in shown


def test_what_is_missing_is_left_out_unless_named(
    data: Path, detector: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(data / 'testB_boxes')
    shutil.rmtree(data / 'testB_masks')
    result = _evaluate('raw', data, '--detector', detector)
    assert set(result['left_out']) == {'ap', 'miou'}
    assert 'detector' not in result
    error = _error(capsys, 'raw', '--data', data, '--detector', detector, '--metrics', 'apce,ap')
    assert 'has no testB_boxes' in error
    error = _error(capsys, 'raw', '--data', data, '--metrics', 'miou')
    assert 'has no testB_masks' in error


def test_clear_errors(
    data: Path, detector: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 'testB does not exist' in _error(capsys, 'raw', '--data', tmp_path)
    assert 'no generator' in _error(capsys, detector, '--data', data)
    assert 'nowhere.onnx' in _error(capsys, tmp_path / 'nowhere.onnx', '--data', data)
    empty = tmp_path / 'empty'
    empty.mkdir()
    assert 'lacks the partners of 3' in _error(capsys, empty, '--data', data)
    (data / 'testB_boxes' / 'b.txt').write_text('0 0.5 0.5 0.25\n')
    error = _error(capsys, 'raw', '--data', data, '--detector', detector, '--metrics', 'ap')
    assert 'b.txt, line 1: a box is' in error
    (data / 'testB_boxes' / 'b.txt').unlink()
    assert 'lacks the partners of 1' in _error(capsys, 'raw', '--data', data)
    with pytest.raises(SystemExit):
        main(['evaluate', 'raw', '--data', str(data), '--metrics', 'beauty'])


def test_a_parser_of_other_classes_is_refused(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = save_foreign_generator(tmp_path / 'other.onnx')
    error = _error(capsys, 'raw', '--data', data, '--parser', path, '--metrics', 'miou')
    assert 'expected scores of 19 classes' in error


def test_raw_thermal_as_the_yardstick_has_it(shared: Path, tmp_path: Path) -> None:
    """Figures of the data folder's README, which another program measured."""
    out = tmp_path / 'raw.json'
    options = ['--data', shared / 'data/flir', '--detector', shared / 'models/yolov8n_int8.onnx']
    arguments = ['evaluate', 'raw', *options, '--metrics', 'ap', '--json', out]
    assert main([str(a) for a in arguments]) == 0
    scores = json.loads(out.read_text())['scores']
    assert scores['ap50_tiled_person'] == pytest.approx(0.461, abs=0.01)
    assert scores['ap50_tiled_car'] == pytest.approx(0.663, abs=0.01)
    assert scores['ap50_whole_person'] == pytest.approx(0.304, abs=0.01)
    assert scores['ap50_whole_car'] == pytest.approx(0.385, abs=0.01)
