"""Heads, boxes and names of YOLO exports."""

from pathlib import Path
import sys

import cv2
import numpy as np
import pytest
from tiny_models import save_detector
from tiny_models import save_generator
from tiny_models import save_probe_detector

from morngan_ros.adapters.detector_head import COCO_NAMES
from morngan_ros.detector import Detector
from morngan_ros.engines import EngineOptions
from morngan_ros.errors import FrameError
from morngan_ros.errors import ModelError

NAMES = {0: 'person', 1: 'car'}
# A wide picture in a square input of 64: scale 64 / 128 = 0.5, grey borders of (64 - 32) / 2 = 16
# rows above and below. A box around (32, 32), 16 x 8, is 32 x 16 around (64, 32) in the picture.
WIDE = np.zeros((64, 128, 3), np.uint8)
BOX = (32.0, 32.0, 16.0, 8.0)
BOX_IN_WIDE = (48.0, 24.0, 80.0, 40.0)


def columns(*objects: tuple[tuple[float, ...], tuple[float, ...]], anchors: int = 40) -> np.ndarray:
    """Lay out boxes (cx, cy, w, h) and class scores as YOLOv8 does: [1, 4 + C, anchors]."""
    output = np.zeros((1, 4 + len(objects[0][1]), anchors), np.float32)
    for k, (box, scores) in enumerate(objects):
        output[0, :, k] = (*box, *scores)
    return output


def rows(*objects: tuple[tuple[float, ...], float, tuple[float, ...]]) -> np.ndarray:
    """Lay out boxes, objectness and class scores as YOLOv5 does: [1, anchors, 5 + C]."""
    output = np.zeros((1, 40, 5 + len(objects[0][2])), np.float32)
    for k, (box, objectness, scores) in enumerate(objects):
        output[0, k] = (*box, objectness, *scores)
    return output


def load(path: Path, prediction: np.ndarray, **arguments: object) -> Detector:
    save_detector(path / 'yolo.onnx', prediction, names=NAMES)
    return Detector.load(path / 'yolo.onnx', **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    'prediction',
    [
        columns((BOX, (0.1, 0.75))),
        rows((BOX, 0.9375, (0.1, 0.8))),  # 0.9375 * 0.8 = 0.75
        np.array([[[24, 28, 40, 36, 0.75, 1], [0, 0, 0, 0, 0, 0]]], np.float32),
    ],
    ids=['v8 columns', 'v5 rows', 'end to end'],
)
def test_every_head_gives_the_same_box(tmp_path: Path, prediction: np.ndarray) -> None:
    (found,) = load(tmp_path, prediction)(WIDE)
    assert (found.label, found.class_index) == ('car', 1)
    assert found.score == pytest.approx(0.75)
    assert found.box == pytest.approx(BOX_IN_WIDE)


@pytest.mark.parametrize('kind', ['text', 'nothing', 'web page', 'half', 'folder', 'generator'])
def test_a_file_that_is_no_detector_is_a_model_error_that_names_it(
    tmp_path: Path, kind: str
) -> None:
    """The node goes on without detections upon this kind of error, and no other."""
    generator = save_generator(tmp_path / 'generator.onnx')
    path = tmp_path / 'bad.onnx'
    if kind == 'folder':
        path.mkdir()
    else:
        path.write_bytes(
            {
                'text': b'version https://git-lfs.github.com/spec/v1',
                'nothing': b'',
                'web page': b'<!DOCTYPE html><title>404</title>',
                'half': generator.read_bytes()[: generator.stat().st_size // 2],
                'generator': generator.read_bytes(),
            }[kind]
        )
    with pytest.raises(ModelError, match=r'bad\.onnx: (no|not) '):
        Detector.load(path, EngineOptions('cpu'))


def test_low_objectness_silences_a_v5_row(tmp_path: Path) -> None:
    assert load(tmp_path, rows((BOX, 0.2, (0.1, 0.9))))(WIDE) == []


def test_boxes_end_at_the_edge_of_the_picture(tmp_path: Path) -> None:
    (found,) = load(tmp_path, columns(((2.0, 16.0, 20.0, 20.0), (0.0, 0.9))))(WIDE)
    # x: -8 to 12 in the input is -16 to 24 in the picture; y: 6 to 26, less 16, is -20 to 20.
    assert found.box == pytest.approx((0.0, 0.0, 24.0, 20.0))


def test_threshold_and_classes_change_live(tmp_path: Path) -> None:
    apart = (10.0, 32.0, 8.0, 8.0)
    detector = load(tmp_path, columns((BOX, (0.0, 0.75)), (apart, (0.4, 0.0))))
    assert [d.label for d in detector(WIDE)] == ['car', 'person']
    detector.threshold = 0.5
    assert [d.label for d in detector(WIDE)] == ['car']
    detector.threshold = 0.25
    detector.classes = ('person',)
    assert [d.label for d in detector(WIDE)] == ['person']
    detector.classes = ()
    assert len(detector(WIDE)) == 2


def test_unknown_class_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    detector = load(tmp_path, columns((BOX, (0.0, 0.75))), classes=('car',))
    with pytest.raises(ModelError, match="has no class 'unicorn'; it knows person, car"):
        detector.classes = ('car', 'unicorn')
    assert detector.classes == ('car',)


def test_overlapping_boxes_are_one_object_within_a_class(tmp_path: Path) -> None:
    """Shifted by 2 of 16, two boxes share 14 of 18 parts: IoU 0.78."""
    shifted = (34.0, 32.0, 16.0, 8.0)
    prediction = columns((BOX, (0.0, 0.6)), (shifted, (0.0, 0.8)), (BOX, (0.7, 0.0)))
    found = load(tmp_path, prediction, iou=0.7)(WIDE)
    assert [(d.label, round(d.score, 2)) for d in found] == [('car', 0.8), ('person', 0.7)]
    assert len(load(tmp_path, prediction, iou=0.8)(WIDE)) == 3


def test_network_sees_rgb_from_0_to_1_with_grey_borders(tmp_path: Path) -> None:
    """Half of the input is picture, half border of 114: red is (255 + 114) / 2 / 255."""
    detector = Detector.load(save_probe_detector(tmp_path / 'probe.onnx'), iou=0.5)
    picture = np.zeros((64, 128, 3), np.uint8)
    picture[..., 0] = 255
    picture[..., 1] = 51
    (found,) = detector(picture)
    assert found.label == 'red'
    assert found.score == pytest.approx((255 + 114) / 2 / 255, abs=1e-5)
    picture[..., 0] = 0
    (found,) = detector(picture)
    assert found.label == 'green'
    assert found.score == pytest.approx((51 + 114) / 2 / 255, abs=1e-5)


def test_box_comes_back_through_every_letterbox(tmp_path: Path) -> None:
    """The probe's box is the middle half of the input in both directions."""
    detector = Detector.load(save_probe_detector(tmp_path / 'probe.onnx'))
    for height, width in ((64, 64), (48, 64), (100, 37), (31, 200)):
        (found,) = detector(np.full((height, width, 3), 255, np.uint8))
        half = max(height, width) / 4
        x1, y1, x2, y2 = found.box
        limit = 1.5 * max(height, width) / 64  # a border is whole pixels of the input
        assert abs(x1 - max(0, width / 2 - half)) < limit
        assert abs(x2 - min(width, width / 2 + half)) < limit
        assert abs(y1 - max(0, height / 2 - half)) < limit
        assert abs(y2 - min(height, height / 2 + half)) < limit


def test_tiles_find_what_the_whole_picture_shows_and_more(tmp_path: Path) -> None:
    """The model always says: a box in the middle. So it is found once a tile and once more."""
    detector = load(tmp_path, columns(((32.0, 32.0, 8.0, 8.0), (0.0, 0.9))), tiles=True)
    found = detector(np.zeros((128, 128, 3), np.uint8))
    middles = sorted(((d.box[0] + d.box[2]) / 2, (d.box[1] + d.box[3]) / 2) for d in found)
    # A tile is 128 / 1.7 = 75.3 wide; the second starts at 0.7 of that. Middles at 37.6 and 90.
    assert len(middles) == 5
    assert middles[2] == pytest.approx((64, 64))
    for (x, y), expected in zip(
        [middles[k] for k in (0, 1, 3, 4)], [(38, 38), (38, 90), (90, 38), (90, 90)], strict=True
    ):
        assert (x, y) == pytest.approx(expected, abs=1.0)


def test_tiles_drop_what_their_inner_borders_cut(tmp_path: Path) -> None:
    """A box at the right edge of the input touches the picture's edge only in the right tiles."""
    right = (58.0, 32.0, 12.0, 8.0)
    detector = load(tmp_path, columns((right, (0.0, 0.9))), tiles=True)
    found = detector(np.zeros((128, 128, 3), np.uint8))
    assert len(found) == 3  # the whole picture, and the two tiles on the right
    assert all(d.box[2] == pytest.approx(128) for d in found)


def test_nothing_found_is_an_empty_list(tmp_path: Path) -> None:
    assert load(tmp_path, columns((BOX, (0.0, 0.1))), tiles=True)(WIDE) == []


def test_dynamic_input_takes_its_size_from_the_metadata(tmp_path: Path) -> None:
    path = save_detector(
        tmp_path / 'a.onnx', columns((BOX, (0.0, 0.75))), names=NAMES, size=96, dynamic=True
    )
    assert Detector.load(path).size == (96, 96)


def test_coco_names_where_the_file_has_none(tmp_path: Path) -> None:
    scores = tuple(0.9 if name == 'bus' else 0.0 for name in COCO_NAMES)
    path = save_detector(tmp_path / 'a.onnx', columns((BOX, scores)), names=None)
    (found,) = Detector.load(path)(WIDE)
    assert found.label == 'bus'
    assert len(COCO_NAMES) == 80


def test_no_names_for_other_classes_is_a_model_error(tmp_path: Path) -> None:
    path = save_detector(tmp_path / 'a.onnx', columns((BOX, (0.0, 0.75))), names=None)
    with pytest.raises(ModelError, match=r'output \[1, 6, 40\] with no class names'):
        Detector.load(path)


def test_names_that_do_not_fit_the_head_are_a_model_error(tmp_path: Path) -> None:
    path = save_detector(tmp_path / 'a.onnx', np.zeros((1, 9, 40)), names=NAMES)
    with pytest.raises(ModelError, match='2 class names'):
        Detector.load(path)


def test_a_generator_is_no_detector(tmp_path: Path) -> None:
    path = save_generator(tmp_path / 'generator.onnx')
    with pytest.raises(
        ModelError, match=r'generator\.onnx: not a detector; .* found .thermal. uint8'
    ):
        Detector.load(path)


@pytest.mark.parametrize(
    'picture',
    [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3), np.float32), np.zeros((0, 8, 3), np.uint8)],
)
def test_other_pictures_are_refused(tmp_path: Path, picture: np.ndarray) -> None:
    with pytest.raises(FrameError, match=r'uint8 \[H, W, 3\]'):
        load(tmp_path, columns((BOX, (0.0, 0.75))))(picture)


@pytest.mark.parametrize('provider', ['openvino', 'cpu'])
def test_real_detector_finds_the_cars_of_a_real_street(shared: Path, provider: str) -> None:
    """The day frame in which cars fill most: the best find lies on pixels labelled as vehicle."""
    if provider == 'cpu' and sys.version_info < (3, 11):
        pytest.skip('the last ONNX Runtime for this Python cannot run this quantised file')
    model = shared / 'models/yolov8n_int8.onnx'
    masks = sorted((shared / 'data/flir/masks_coco').glob('*.png'))
    cars = [(cv2.imread(str(p), cv2.IMREAD_UNCHANGED) == 13).mean() for p in masks]
    name = masks[int(np.argmax(cars))].stem
    picture = cv2.cvtColor(
        cv2.imread(str(shared / f'data/flir/trainA/{name}.jpg')), cv2.COLOR_BGR2RGB
    )
    mask = cv2.imread(str(shared / f'data/flir/masks_coco/{name}.png'), cv2.IMREAD_UNCHANGED)
    detector = Detector.load(model, EngineOptions(provider), tiles=True, classes=('car', 'truck'))
    found = detector(picture)
    assert detector.provider == provider
    assert found
    x1, y1, x2, y2 = (round(v) for v in found[0].box)
    assert np.isin(mask[y1:y2, x1:x2], (13, 14)).mean() > 0.5
