"""The command `boxes`, with a detector that finds the same in every picture."""

import json

import cv2
import numpy as np
import pytest
from tiny_models import save_detector

from morngan_ros.object_finder import Detection
from morngan_train.boxes.teacher import find
from morngan_train.cli import main


class Scripted:
    """Finds what it was told, view by view."""

    def __init__(self, *views):
        self._views = list(views)

    def __call__(self, rgb):
        return [Detection(label, 0, score, box) for label, score, box in self._views.pop(0)]


VIEW = np.zeros((4, 4, 3), np.uint8)


def test_neighbours_that_touch_are_two():
    left, right = (10, 10, 30, 60), (26, 10, 46, 60)  # IoU 0.11
    detector = Scripted([('person', 0.9, left), ('person', 0.8, right)])
    boxes, regions = find(detector, [VIEW], sure=0.5)
    np.testing.assert_allclose(boxes, [[0, *left], [0, *right]])
    assert len(regions) == 0


def test_views_that_agree_give_one_box_by_the_surest():
    low = [('car', 0.3, (10, 10, 50, 40))]
    high = [('car', 0.7, (12, 10, 52, 40)), ('bicycle', 0.6, (100, 10, 120, 30))]
    boxes, regions = find(Scripted(low, high), [VIEW, VIEW], sure=0.5)
    np.testing.assert_allclose(boxes, [[2, 12, 10, 52, 40], [1, 100, 10, 120, 30]])
    assert len(regions) == 0


def test_doubts_and_other_vehicles_are_left_out():
    found = [('person', 0.3, (0, 0, 10, 30)), ('truck', 0.9, (50, 0, 90, 40))]
    boxes, regions = find(Scripted(found), [VIEW], sure=0.5)
    assert len(boxes) == 0
    np.testing.assert_allclose(regions[:, 1:], [[50, 0, 90, 40], [0, 0, 10, 30]])


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for name in ('trainA', 'trainA_thermal', 'trainB'):
        (tmp_path / name).mkdir()
        for stem in 'ab':
            cv2.imwrite(
                str(tmp_path / name / f'{stem}.png'), rng.integers(0, 255, (64, 80, 3), np.uint8)
            )
    return tmp_path


@pytest.fixture
def detector(tmp_path):
    # One car, score 0.9, in the middle of its 64x64 input.
    columns = np.array([32, 32, 40, 20, 0.9], np.float32).reshape(1, 5, 1)
    return save_detector(tmp_path / 'car.onnx', columns, names={0: 'car'})


def test_command(folder, detector, capsys):
    assert main(['boxes', str(folder), '--detector', str(detector)]) == 0
    told = capsys.readouterr().out
    assert 'trainA_thermal: 2 frames' in told
    for name in ('trainA_thermal', 'trainB'):
        lines = (folder / f'{name}_boxes' / 'a.txt').read_text().splitlines()
        assert lines
        assert all(line.startswith('2 ') for line in lines)
        record = json.loads((folder / f'{name}_boxes' / 'made_by.json').read_text())
        assert record['detector'] == 'car.onnx'
    assert cv2.imread(str(folder / 'boxes_preview.png')) is not None


def test_boxes_that_are_there_are_not_overwritten(folder, detector, capsys):
    (folder / 'trainA_thermal_boxes').mkdir()
    (folder / 'trainB_boxes').mkdir()
    assert main(['boxes', str(folder), '--detector', str(detector)]) != 0
    assert 'already has trainA_thermal_boxes, trainB_boxes' in capsys.readouterr().err


def test_a_folder_without_frames_is_told(tmp_path, detector, capsys):
    assert main(['boxes', str(tmp_path), '--detector', str(detector)]) != 0
    assert 'no folder trainA_thermal, trainB or thermal' in capsys.readouterr().err


def test_a_frame_without_its_day_picture_is_told(folder, detector, capsys):
    (folder / 'trainA' / 'b.png').unlink()
    assert main(['boxes', str(folder), '--detector', str(detector)]) != 0
    assert 'has no picture of the same name' in capsys.readouterr().err
