"""Folders of what detectors and parsers made of the pictures elsewhere."""

from pathlib import Path
import shutil

import cv2
from evaluating import evaluate
from evaluating import refusal
import numpy as np
import pytest
from tiny_models import save_detector

from morngan_train.data.boxes import OBJECTS
from morngan_train.data.reading import DataError
from morngan_train.evaluation import frames as frames_module
from morngan_train.evaluation.exhaustive_detector import open_exhaustive_detector
from morngan_train.evaluation.predictions import FoundBoxes
from morngan_train.experiments.errors import ExperimentError
from morngan_train.experiments.run import EvaluationTools


@pytest.fixture
def found(data: Path, tmp_path: Path) -> Path:
    """The truth, as a detector would write it that is a little less sure each time."""
    folder = tmp_path / 'found'
    folder.mkdir()
    for i, path in enumerate(sorted((data / 'testB_boxes').iterdir())):
        (folder / path.name).write_text(f'{path.read_text().strip()} 0.{9 - i}\n')
    return folder


@pytest.fixture
def seen(data: Path, tmp_path: Path) -> Path:
    """The truth, as a parser would write it."""
    return Path(shutil.copytree(data / 'testB_masks', tmp_path / 'seen'))


def test_the_truth_gets_all(data: Path, found: Path, seen: Path) -> None:
    result = evaluate('raw', data, '--detector', found, '--parser', seen, '--metrics', 'ap,miou')
    scores = result['scores']
    assert (scores['ap50_whole_person'], scores['ap50_whole_mean']) == (1.0, 1.0)
    # Nobody knows of tiles.
    assert not [name for name in scores if 'tiled' in name]
    assert (scores['miou_flir'], scores['iou_road'], scores['iou_sky']) == (1.0, 1.0, 1.0)
    assert result['per_frame']['b'] == {'ap50_whole_mean': 1.0, 'miou_flir': 1.0}
    assert (result['detector'], result['parser']) == ('found', 'seen')
    assert len({result['detector_sha256'], result['parser_sha256']}) == 2
    assert 'detector_settings' not in result


def test_digests_are_of_what_the_files_hold(data: Path, found: Path, seen: Path) -> None:
    def digests() -> tuple[str, str]:
        options = '--detector', found, '--parser', seen, '--metrics', 'ap,miou'
        result = evaluate('raw', data, *options)
        return result['detector_sha256'], result['parser_sha256']

    first = digests()
    (found / 'b.txt').touch()
    (found / 'unknown.txt').write_text('of no frame')
    assert digests() == first
    (found / 'b.txt').write_text('0 0.5 0.5 0.25 0.5 0.1\n')
    cv2.imwrite(str(seen / 'b.png'), np.zeros((64, 64), np.uint8))
    assert not set(digests()) & set(first)


def test_what_is_wrong_costs(data: Path, found: Path, seen: Path) -> None:
    (found / 'b.txt').write_text('2 0.5 0.5 0.25 0.5 0.95\n17 0.5 0.5 0.25 0.5 0.9\n')
    (found / 'c.txt').write_text('')
    mask = cv2.imread(str(seen / 'b.png'), cv2.IMREAD_UNCHANGED)
    mask[mask == 0] = 13  # a car that no frame has
    cv2.imwrite(str(seen / 'b.png'), mask)
    result = evaluate('raw', data, '--detector', found, '--parser', seen, '--metrics', 'ap,miou')
    scores = result['scores']
    # One of three persons: recalls up to 1/3 are 34 of 101.
    assert scores['ap50_whole_person'] == pytest.approx(34 / 101)
    assert scores['iou_road'] == pytest.approx(2 / 3)
    assert scores['iou_car'] is None
    assert scores['miou_flir'] == pytest.approx(5 / 6)
    assert result['miou_classes'] == {'miou_flir': 2, 'miou_kaist': 2, 'miou_small': 0}


def test_frames_are_not_taken_for_known_when_a_prediction_changed(
    data: Path, found: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = frames_module.read_thermal

    def stop(path: Path) -> np.ndarray:
        if path.stem == 'c':
            raise KeyboardInterrupt
        return read(path)

    ask = 'raw', data, '--detector', found, '--metrics', 'ap'
    with monkeypatch.context() as patch:
        patch.setattr(frames_module, 'read_thermal', stop)
        with pytest.raises(AssertionError):
            evaluate(*ask)
    assert (data.parent / 'out.json.frames').read_text().count('\n') == 3
    (found / 'a.txt').write_text('')
    assert evaluate(*ask)['scores']['ap50_whole_person'] == pytest.approx(67 / 101)


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        ('0 0.5 0.5 0.25 0.5', 'b.txt, line 2: expected `class cx cy width height confidence`'),
        ('0 0.5 0.5 0.25 0.5 1.5', 'b.txt, line 2'),
        ('0.5 0.5 0.5 0.25 0.5 0.5', 'b.txt, line 2'),
        ('0 0.5 0.5 nan 0.5 0.5', 'b.txt, line 2'),
        ('person 0.5 0.5 0.25 0.5 0.5', 'b.txt, line 2'),
    ],
)
def test_broken_lines_are_named(
    line: str, message: str, data: Path, found: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (found / 'b.txt').write_text(f'0 0.5 0.5 0.25 0.5 0.5\n{line}\n')
    error = refusal(capsys, 'raw', '--data', data, '--detector', found, '--metrics', 'ap')
    assert message in error


def test_files_that_cannot_be_used_are_named(
    data: Path, found: Path, seen: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    boxes = 'raw', '--data', data, '--detector', found, '--metrics', 'ap'
    maps = 'raw', '--data', data, '--parser', seen, '--metrics', 'miou'
    (found / 'b.txt').write_bytes(b'\xff\xfe\x00')
    assert 'b.txt cannot be read as text' in refusal(capsys, *boxes)
    (found / 'b.txt').unlink()
    assert 'found lacks the partners of 1 of the 3' in refusal(capsys, *boxes)
    cv2.imwrite(str(seen / 'b.png'), np.zeros((32, 64), np.uint8))
    assert 'b.png is 64x32, but its picture is 64x64' in refusal(capsys, *maps)
    cv2.imwrite(str(seen / 'b.png'), np.full((64, 64), 33, np.uint8))
    assert 'b.png: 33 is not a trainId' in refusal(capsys, *maps)
    (seen / 'b.png').unlink()
    assert 'seen lacks the partners of 1 of the 3' in refusal(capsys, *maps)
    # Nor are pictures written over what is judged.
    assert 'would overwrite' in refusal(capsys, *boxes[:3], '--parser', seen, '--pictures', seen)


def test_the_same_boxes_get_the_same_through_a_folder(data: Path, tmp_path: Path) -> None:
    for stem, content in (('a', '0 0.4 0.5 0.25 0.5\n2 0.2 0.2 0.1 0.1\n'), ('b', '')):
        (data / f'testB_boxes/{stem}.txt').write_text(content)
    rows = [
        (32, 32, 16, 32, 0.9, 0, 0),
        (26, 32, 16, 32, 0.8, 0, 0),
        (13, 13, 7, 7, 0, 0, 0.5),
        (50, 50, 9, 9, 0, 0.7, 0),
    ]
    names = dict(enumerate(OBJECTS))
    detector = save_detector(tmp_path / 'd.onnx', np.array(rows, np.float32).T[None], names=names)
    opened = open_exhaustive_detector(detector, 'cpu', OBJECTS)
    folder = tmp_path / 'found'
    folder.mkdir()
    for stem in 'abc':
        looked = opened.detect(np.zeros((64, 64, 3), np.uint8), tiles=False)
        lines = [
            f'{OBJECTS.index(name)} {" ".join(map(repr, _shares(box)))} {float(score)!r}\n'
            for name, (boxes, scores) in looked.items()
            for box, score in zip(boxes.tolist(), scores, strict=True)
        ]
        (folder / f'{stem}.txt').write_text(''.join(lines))
    own = evaluate('raw', data, '--detector', detector, '--metrics', 'ap')['scores']
    scores = evaluate('raw', data, '--detector', folder, '--metrics', 'ap')['scores']
    assert scores == {name: value for name, value in own.items() if 'whole' in name}
    assert 0 < scores['ap50_whole_person'] < 1
    assert scores['ap50_whole_car'] > 0


def _shares(box: list[float]) -> list[float]:
    x1, y1, x2, y2 = (value / 64 for value in box)
    return [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]


def test_experiments_have_other_pictures_in_each_row(found: Path) -> None:
    for judges in (EvaluationTools(found, None, 1), EvaluationTools(None, found, 1)):
        with pytest.raises(ExperimentError, match='each row has its own pictures'):
            judges.check()


def test_a_folder_by_itself(data: Path, found: Path) -> None:
    frames = sorted((data / 'testB').iterdir())
    boxes, scores = FoundBoxes(found, frames).find(1, np.zeros((64, 32, 3)), 'whole')['person']
    assert (boxes.tolist(), scores.tolist()) == ([[12, 16, 20, 48]], [0.8])
    with pytest.raises(DataError, match='lacks the partners of 3'):
        FoundBoxes(data, frames)
