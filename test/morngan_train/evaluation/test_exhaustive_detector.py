"""Shrinking like Pillow, tiles, and how a detector is looked through."""

from pathlib import Path

import numpy as np
import pytest
from tiny_models import save_detector
from tiny_models import save_yolox_probe

from morngan_ros.errors import ModelError
from morngan_train.evaluation.exhaustive_detector import open_exhaustive_detector
from morngan_train.evaluation.exhaustive_detector import shrink

NAMES = {0: 'person', 1: 'car'}


def test_shrinking_weighs_all_pixels() -> None:
    lines = np.zeros((8, 16, 3), np.uint8)
    lines[:, ::2] = 200
    # 16 to 4 columns: triangles of 8 pixels, over which lines are grey.
    inner = shrink(lines, 4, 8)[:, 1:3]
    assert (inner == 100).all()
    np.testing.assert_array_equal(shrink(lines, 16, 8), lines)


def test_shrinking_gives_the_pixels_of_pillow() -> None:
    image = pytest.importorskip('PIL.Image')
    picture = np.random.default_rng(0).integers(0, 256, (301, 376, 3), np.uint8)
    expected = image.fromarray(picture).resize((320, 256), image.BILINEAR)
    np.testing.assert_array_equal(shrink(picture, 320, 256), np.asarray(expected))


def _rows(*rows: tuple[float, ...]) -> np.ndarray:
    """Columns of YOLOv8, [1, 6, N]: centre, size, scores of person and car."""
    return np.array(rows, np.float32).T[None]


def test_boxes_come_back_in_pixels_of_the_picture(tmp_path: Path) -> None:
    prediction = _rows(
        (32, 32, 20, 10, 0.9, 0.1), (32, 33, 20, 10, 0.6, 0.0), (9, 32, 6, 8, 0.0, 0.4)
    )
    detector = open_exhaustive_detector(
        save_detector(tmp_path / 'd.onnx', prediction, names=NAMES), 'cpu', ('person', 'bicycle')
    )
    assert detector.classes == ('person',)
    # 128x64 is seen at half its size, 16 pixels below the upper border; the weaker box goes.
    boxes, scores = detector.detect(np.zeros((64, 128, 3), np.uint8), tiles=False)['person']
    np.testing.assert_allclose(boxes, [[44, 22, 84, 42]], atol=1e-4)
    np.testing.assert_allclose(scores, [0.9], atol=1e-6)


def test_yolox_sees_blue_first_and_bytes(tmp_path: Path) -> None:
    path = save_yolox_probe(tmp_path / 'a.onnx', 35, (16, 8, 16, 8))
    names = ['blue', 'green', 'red']
    detector = open_exhaustive_detector(path, 'cpu', names, names)
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[..., 2] = 200
    boxes, scores = detector.detect(picture, tiles=False)['blue']
    assert scores == pytest.approx([0.9 * 200 / 255], abs=1e-4)
    assert boxes[0] == pytest.approx([8, 4, 24, 12], abs=1e-3)


def test_what_a_tile_cuts_is_dropped(tmp_path: Path) -> None:
    # One from the middle of what is seen to its right end, one inside.
    prediction = _rows((48, 32, 32, 8, 0.9, 0.0), (32, 16, 20, 8, 0.5, 0.0))
    path = save_detector(tmp_path / 'd.onnx', prediction, names=NAMES)
    detector = open_exhaustive_detector(path, 'cpu', ('person',))
    boxes, scores = detector.detect(np.zeros((128, 128, 3), np.uint8), tiles=True)['person']
    # Tiles of 75 pixels begin at 0 and 52: the first is cut by all four of them, or a pixel short.
    np.testing.assert_allclose(boxes[scores > 0.7], [[64, 56, 128, 72]], atol=1e-4)
    assert (scores < 0.7).sum() == 5
    left = boxes[scores < 0.7][:, 0]
    np.testing.assert_allclose(np.sort(left), [25.8, 25.8, 44, 77.8, 77.8], atol=0.1)


def test_more_than_300_detections(tmp_path: Path) -> None:
    rows = [(1 + 2 * (i % 30), 1 + 2 * (i // 30), 1.5, 1.5, 0.5, 0.0) for i in range(600)]
    path = save_detector(tmp_path / 'd.onnx', _rows(*rows), names=NAMES)
    found = open_exhaustive_detector(path, 'cpu', ('person',)).detect(
        np.zeros((64, 64, 3), np.uint8), tiles=False
    )
    assert len(found['person'][0]) == 600


def test_a_detector_of_other_things_is_refused(tmp_path: Path) -> None:
    path = save_detector(tmp_path / 'd.onnx', _rows((1, 1, 1, 1, 0.5, 0.0)), names={0: 'a', 1: 'b'})
    with pytest.raises(ModelError, match='detects none of person'):
        open_exhaustive_detector(path, 'cpu', ('person',))
