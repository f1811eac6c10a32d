"""The command `evaluate`, run for real: models, folders, raw frames, what is missing."""

import json
import math
from pathlib import Path
import shutil
import sys
from types import ModuleType

import cv2
from evaluating import evaluate
from evaluating import refusal
import numpy as np
import pytest
from tiny_models import save_detector
from tiny_models import save_foreign_generator
from tiny_models import save_generator

from morngan_train.cli import main
from morngan_train.evaluation import baselines
from morngan_train.evaluation.evaluate import evaluate as evaluate_request
from morngan_train.evaluation.evaluate import EvaluationError
from morngan_train.evaluation.evaluate import EvaluationRequest


def test_raw_frames_with_everything(
    data: Path, detector: Path, parser: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = evaluate('raw', data, '--detector', detector, '--parser', parser)
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
    assert scores['colorfulness'] == 0
    assert result['raw_frames'] == {name: scores[name] for name in ('warp', 'warp_pan')}
    assert 0.005 < scores['warp'] < scores['warp_pan'] < 0.05
    assert (result['detector'], result['parser']) == ('yolo.onnx', 'parser.onnx')
    assert (result['model'], result['frames'], result['left_out']) == ('raw', 3, {})
    assert result['miou_classes'] == {'miou_flir': 2, 'miou_kaist': 2, 'miou_small': 0}
    shown = capsys.readouterr().out
    assert 'apce' in shown
    assert 'testB_masks has: miou_flir 2 of 9, miou_kaist 2 of 8, miou_small 0 of 5' in shown
    assert result['speed_ms'] == scores['speed_ms'] > 0


def test_curve_and_scores_of_single_frames(data: Path, detector: Path, parser: Path) -> None:
    flat = np.full((64, 64), 70, np.uint8)
    cv2.imwrite(str(data / 'testB/b.png'), flat)  # nothing to keep
    result = evaluate('raw', data, '--detector', detector, '--parser', parser)
    assert result['apce_curve'] == [1.0] * 99
    per_frame = result['per_frame']
    assert list(per_frame) == ['a', 'b', 'c']
    assert (per_frame['a']['apce'], per_frame['b']['apce']) == (1.0, None)
    assert per_frame['a']['miou_flir'] == pytest.approx(34 / 54 / 2)
    assert per_frame['a']['ap50_tiled_mean'] == 1.0
    assert 'apce_curve' not in evaluate('raw', data, '--metrics', 'flicker')


def test_pictures_are_what_was_scored(data: Path, tmp_path: Path) -> None:
    model = save_generator(tmp_path / 'ours.onnx')
    result = evaluate(model, data, '--metrics', 'apce', '--pictures', tmp_path / 'made' / 'ours')
    assert result['pictures'] == 'made/ours'
    files = sorted((tmp_path / 'made/ours').iterdir())
    assert [path.name for path in files] == ['a.png', 'b.png', 'c.png']
    again = evaluate(tmp_path / 'made' / 'ours', data, '--metrics', 'apce')
    assert again['scores'] == result['scores']
    # Frames of the test set are never overwritten.
    before = (data / 'testB/a.png').read_bytes()
    arguments = ['evaluate', str(model), '--data', str(data), '--pictures', str(data / 'testB')]
    assert main(arguments) == 2
    assert (data / 'testB/a.png').read_bytes() == before


def test_models_ours_and_foreign(data: Path, tmp_path: Path) -> None:
    ours = evaluate(save_generator(tmp_path / 'ours.onnx'), data, '--metrics', 'apce,aligned')
    assert (ours['model'], len(ours['sha256'])) == ('ours.onnx', 64)
    assert 0 < ours['scores']['apce'] < 1.01
    assert 0 < ours['scores']['psnr'] < 30
    foreign = save_foreign_generator(tmp_path / 'foreign.onnx', output_range=(0.0, 1.0))
    wrong = evaluate(foreign, data, '--metrics', 'aligned')
    right = evaluate(foreign, data, '--metrics', 'aligned', '--output-range', 0, 1)
    assert wrong['scores'] != right['scores']


def test_a_folder_of_another_size(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / 'made'
    folder.mkdir()
    for path in (data / 'testB').glob('*.png'):
        cv2.imwrite(str(folder / path.name), cv2.resize(cv2.imread(str(path)), (40, 40)))
    result = evaluate(folder, data)
    assert 0 < result['scores']['apce'] < 1
    assert result['resized'] == 3
    assert set(result['left_out']) == {'ap', 'miou', 'aligned', 'flicker', 'warp', 'speed'}
    shown = capsys.readouterr().out
    assert '3 pictures were resized' in shown
    assert '--detector FILE' in shown


def test_what_is_missing_is_left_out_unless_named(
    data: Path, detector: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(data / 'testB_boxes')
    shutil.rmtree(data / 'testB_masks')
    result = evaluate('raw', data, '--detector', detector)
    assert set(result['left_out']) == {'ap', 'miou'}
    assert 'detector' not in result
    error = refusal(capsys, 'raw', '--data', data, '--detector', detector, '--metrics', 'apce,ap')
    assert 'has no testB_boxes' in error
    error = refusal(capsys, 'raw', '--data', data, '--metrics', 'miou')
    assert 'has no testB_masks' in error


def test_clear_errors(
    data: Path, detector: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 'testB does not exist' in refusal(capsys, 'raw', '--data', tmp_path)
    assert 'not a generator' in refusal(capsys, detector, '--data', data)
    assert 'nowhere.onnx' in refusal(capsys, tmp_path / 'nowhere.onnx', '--data', data)
    empty = tmp_path / 'empty'
    empty.mkdir()
    assert 'lacks the partners of 3' in refusal(capsys, empty, '--data', data)
    (data / 'testB_boxes' / 'b.txt').write_text('0 0.5 0.5 0.25\n')
    error = refusal(capsys, 'raw', '--data', data, '--detector', detector, '--metrics', 'ap')
    assert 'b.txt, line 1: expected' in error
    (data / 'testB_boxes' / 'b.txt').unlink()
    assert 'lacks the partners of 1' in refusal(capsys, 'raw', '--data', data)
    shutil.rmtree(data / 'testB_boxes')
    assert f'--json {empty} is a folder' in refusal(capsys, 'raw', '--data', data, '--json', empty)
    assert not list(tmp_path.glob('empty.*'))  # nothing was begun
    with pytest.raises(SystemExit):
        main(['evaluate', 'raw', '--data', str(data), '--metrics', 'beauty'])


def test_masks_of_some_frames_will_do(
    data: Path, parser: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in MSRS: JPEG frames of another size, no ignore regions, few masks, objects only."""
    for name in 'abc':
        frame = cv2.imread(str(data / f'testB/{name}.png'))
        (data / f'testB/{name}.png').unlink()
        cv2.imwrite(str(data / f'testB/{name}.jpg'), cv2.resize(frame, (96, 72)))
        (data / f'testB_masks/{name}.png').unlink()
    mask = np.full((72, 96), 255, np.uint8)
    mask[20:50, 40:60] = 11
    cv2.imwrite(str(data / 'testB_masks/b.png'), mask)
    result = evaluate('raw', data, '--parser', parser, '--metrics', 'apce,miou')
    assert result['scores']['apce'] == 1
    assert result['miou_frames'] == 1
    assert result['scores']['iou_person'] == result['scores']['miou_flir'] == 0  # all seems road
    assert result['scores']['iou_road'] is None
    frames = {stem: scores['miou_flir'] for stem, scores in result['per_frame'].items()}
    assert frames == {'a': None, 'b': 0, 'c': None}
    assert 'miou covers only the 1 frames that have masks' in capsys.readouterr().out
    (data / 'testB_masks/b.png').rename(data / 'testB_masks/other.png')
    error = refusal(capsys, 'raw', '--data', data, '--parser', parser)
    assert 'has no mask of any frame' in error


def test_a_mask_of_other_numbers_is_named(
    data: Path, parser: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = data / 'testB_masks/b.png'
    cv2.imwrite(str(path), np.full((64, 64), 33, np.uint8))
    error = refusal(capsys, 'raw', '--data', data, '--parser', parser, '--metrics', 'miou')
    assert f'{path}: 33 is not a trainId (0 to 18, 255 for unlabelled)' in error


def test_masks_are_not_written_over(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    masks = data / 'testB_masks'
    assert 'would overwrite' in refusal(capsys, 'raw', '--data', data, '--pictures', masks)


@pytest.mark.parametrize('baseline', ['histogram', 'mean'])
def test_ctrl_c_while_a_baseline_looks_at_the_day(
    baseline: str, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(path: Path) -> np.ndarray:
        raise KeyboardInterrupt

    monkeypatch.setattr(baselines, 'read_rgb', stop)
    options = ['--data', str(data), '--metrics', 'apce', '--jobs', '1']
    assert main(['evaluate', baseline, *options]) == 130
    assert capsys.readouterr().err.splitlines()[-1].startswith('stopped')


def test_processes_change_nothing(data: Path, detector: Path, parser: Path, tmp_path: Path) -> None:
    model = save_generator(tmp_path / 'ours.onnx')
    ask = model, data, '--detector', detector, '--parser', parser, '--metrics', 'apce,ap,miou'
    assert evaluate(*ask, '--jobs', 2) == evaluate(*ask, '--jobs', 1)


def test_a_parser_of_other_classes_is_refused(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = save_foreign_generator(tmp_path / 'other.onnx')
    error = refusal(capsys, 'raw', '--data', data, '--parser', path, '--metrics', 'miou')
    assert 'expected scores of 19 classes' in error


def test_a_colour_picture_gets_what_the_yardstick_gives(
    shared: Path,
    yardstick: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """From files to scores, on frames with objects of all three classes."""
    data, made = tmp_path / 'flir', tmp_path / 'made'
    made.mkdir()
    for name in ('FLIR_09367', 'FLIR_09488', 'FLIR_09616'):
        for folder, suffix in (('testB', 'png'), ('testB_boxes', 'txt'), ('testB_ignore', 'txt')):
            (data / folder).mkdir(parents=True, exist_ok=True)
            file = f'{folder}/{name}.{suffix}'
            shutil.copy(shared / 'data/flir' / file, data / file)
        frame = cv2.imread(str(data / f'testB/{name}.png'), cv2.IMREAD_GRAYSCALE)
        soft = cv2.GaussianBlur(frame, (0, 0), 0.8)
        cv2.imwrite(str(made / f'{name}.png'), cv2.merge([255 - soft // 2, soft, frame]))
    detector = shared / 'models/yolov8n_int8.onnx'
    scores = evaluate(made, data, '--detector', detector, '--metrics', 'apce,ap')['scores']
    capsys.readouterr()
    monkeypatch.setattr(sys, 'argv', ['score.py', str(made), '--root', str(data)])
    yardstick.main()
    expected = json.loads(capsys.readouterr().out)
    assert scores['apce'] == pytest.approx(expected['apce'], abs=0.002)
    for way in ('whole', 'tiled'):
        for name in ('person', 'bicycle', 'car'):
            score = f'ap50_{way}_{name}'
            assert scores[score] == pytest.approx(expected[score], abs=0.002), score
    assert all(0 < scores[f'ap50_tiled_{name}'] < 1 for name in ('person', 'bicycle', 'car'))


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


def test_a_model_that_gives_nan_gets_no_scores(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = save_foreign_generator(tmp_path / 'nan.onnx', output_range=(-1.0, np.inf))
    error = refusal(capsys, model, '--data', data, '--jobs', 1)
    assert 'nan.onnx: gives NaN or infinity' in error


def test_a_black_picture_gets_no_scores(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = save_generator(tmp_path / 'black.onnx', {0: (0, 0, 0), 255: (0, 0, 0)})
    assert 'black.onnx: gives an all-black' in refusal(capsys, model, '--data', data)


def test_names_of_the_classes_of_a_detector(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prediction = np.array([(32, 32, 16, 32, 0.9, 0.1)], np.float32).T[None]
    detector = save_detector(tmp_path / 'bare.onnx', prediction, names=None)
    options = '--detector', detector, '--metrics', 'ap'
    assert '--class-names' in refusal(capsys, 'raw', '--data', data, *options)
    result = evaluate('raw', data, *options, '--class-names', 'person,bird')
    assert result['scores']['ap50_whole_person'] == 1.0
    assert result['detector_settings']['class_names'] == ['person', 'bird']


def test_python_gives_the_scores_of_the_command(data, detector):
    told = evaluate('raw', data, '--metrics', 'apce,ap', '--detector', detector)
    request = EvaluationRequest('raw', data, metrics=('apce', 'ap'), detector=detector, jobs=1)
    evaluation = evaluate_request(request)
    finite = {name: value for name, value in evaluation.scores.items() if not math.isnan(value)}
    assert finite == {name: value for name, value in told['scores'].items() if value is not None}
    assert evaluation.about.keys() == told.keys() - {'scores'}


def test_python_is_told_what_is_missing(data):
    with pytest.raises(EvaluationError, match='ap: needs --detector'):
        evaluate_request(EvaluationRequest('raw', data, metrics=('ap',)))
