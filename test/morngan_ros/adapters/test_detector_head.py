"""Heads of other detectors: YOLOX, segmentation, end to end; and what is no detector."""

from pathlib import Path

import numpy as np
import pytest
from tiny_models import save_outputs_detector
from tiny_models import save_yolox_probe
from tiny_models import yolox_cells

from morngan_ros.adapters.detector_head import COCO_NAMES
from morngan_ros.detector import Detector
from morngan_ros.engines import EngineOptions
from morngan_ros.errors import ModelError

NAMES = {'names': "{0: 'person', 1: 'bicycle', 2: 'car'}"}
# A square picture of 128: scale 64 / 128, so that boxes of the input double.
PICTURE = np.full((128, 128, 3), 255, np.uint8)
BLACK = np.zeros((64, 64, 3), np.uint8)
BOX = (20.0, 16.0, 44.0, 48.0)  # x1, y1, x2, y2 in the input: 24 x 32 around (32, 32)
CENTERED = (32.0, 32.0, 24.0, 32.0)
IN_PICTURE = (40.0, 32.0, 88.0, 96.0)
PROTOTYPES = np.zeros((1, 32, 16, 16), np.float32)


def filled(shape: tuple[int, ...], *values: float, row: int = 7) -> np.ndarray:
    """Make zeros but for one row."""
    output = np.zeros(shape, np.float32)
    output.reshape(-1, shape[-1])[row, : len(values)] = values
    return output


def columns(*values: float, rows: int = 40) -> np.ndarray:
    return filled((1, rows, len(values)), *values).transpose(0, 2, 1)


def load(path: Path, *outputs: np.ndarray, **metadata: str) -> Detector:
    path = save_outputs_detector(path / 'a.onnx', outputs, metadata=metadata or NAMES)
    return Detector.load(path, EngineOptions('cpu'))


# YOLOX


def raw_yolox(cell: int, *scores: float, objectness: float = 0.9, size: int = 64) -> np.ndarray:
    """Encode BOX in a cell as YOLOX publishes: offsets in cells, logarithms of sizes."""
    x, y, stride = yolox_cells(size)[cell]
    return filled(
        (1, len(yolox_cells(size)), 5 + len(scores)),
        *(CENTERED[0] / stride - x, CENTERED[1] / stride - y),
        *(np.log(CENTERED[2] / stride), np.log(CENTERED[3] / stride)),
        *(objectness, *scores),
        row=cell,
    )


@pytest.mark.parametrize('cell', [0, 35, 63, 64, 70, 83])
def test_raw_yolox_is_decoded_in_every_grid(tmp_path: Path, cell: int) -> None:
    (found,) = load(tmp_path, raw_yolox(cell, 0.1, 0.2, 0.8))(PICTURE)
    assert (found.label, found.score) == ('car', pytest.approx(0.72))
    assert found.box == pytest.approx(IN_PICTURE, abs=1e-3)


def test_yolox_without_names_knows_coco(tmp_path: Path) -> None:
    """As published: 80 classes, no metadata at all."""
    scores = [0.9 if name == 'dog' else 0.0 for name in COCO_NAMES]
    path = save_outputs_detector(tmp_path / 'a.onnx', [raw_yolox(35, *scores, size=96)], size=96)
    (found,) = Detector.load(path, EngineOptions('cpu'))(PICTURE)
    assert found.label == 'dog'


def test_yolox_with_four_grids(tmp_path: Path) -> None:
    """Its large models have a stride of 64: one cell more for this input."""
    raw = np.concatenate([raw_yolox(35, 0.1, 0.2, 0.8), np.zeros((1, 1, 8), np.float32)], axis=1)
    (found,) = load(tmp_path, raw)(PICTURE)
    assert found.box == pytest.approx(IN_PICTURE, abs=1e-3)


def decoded(objectness: float) -> np.ndarray:
    """Boxes in pixels around the cells, as of an export with its decoding."""
    cells = yolox_cells()
    output = np.zeros((1, len(cells), 8), np.float32)
    output[0, :, :2] = (cells[:, :2] + 0.5) * cells[:, 2:]
    output[0, :, 2:4] = cells[:, 2:]
    output[0, :, 4] = objectness
    output[0, 35] = (*CENTERED, objectness, 0.1, 0.2, 0.8)
    return output


@pytest.mark.parametrize(
    ('objectness', 'yolox'), [(0.9, True), (1.0, False)], ids=['YOLOX', 'YOLOv6']
)
def test_decoded_boxes_are_left_as_they_are(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, objectness: float, yolox: bool
) -> None:
    caplog.set_level('INFO')
    detector = load(tmp_path, decoded(objectness))
    assert f'read as {"YOLOX with boxes in pixels" if yolox else "boxes in rows"}' in caplog.text
    (found,) = detector(PICTURE)
    assert found.box == pytest.approx(IN_PICTURE, abs=1e-3)
    assert detector.head.yolox is yolox


def test_yolox_sees_blue_first_bytes_and_a_border_below(tmp_path: Path) -> None:
    """Half of the input is picture, top left, half a border of 114; means are scores."""
    path = save_yolox_probe(tmp_path / 'a.onnx', 35, (16, 8, 16, 8))
    detector = Detector.load(path, EngineOptions('cpu'), names=['first', 'second', 'third'])
    picture = np.zeros((32, 64, 3), np.uint8)
    picture[..., 2] = 255  # blue
    (found,) = detector(picture)
    assert found.label == 'first'
    assert found.score == pytest.approx(0.9 * (255 + 114) / 2 / 255, abs=1e-4)
    assert found.box == pytest.approx((8, 4, 24, 12), abs=1e-3)
    (found,) = detector(np.roll(picture, 1, axis=-1))  # red
    assert found.label == 'third'


# Other heads


@pytest.mark.parametrize(
    'outputs',
    [
        (columns(*CENTERED, 0.1, 0.2, 0.8, *[5.0] * 32), PROTOTYPES),
        (PROTOTYPES, columns(*CENTERED, 0.1, 0.2, 0.8, *[5.0] * 32)),
        (filled((1, 40, 40), *CENTERED, 1, 0.1, 0.2, 0.8, *[5.0] * 32), PROTOTYPES),
        (filled((1, 30, 38), *BOX, 0.8, 2, *[5.0] * 32), PROTOTYPES),
        (filled((1, 40, 7), *CENTERED, 0.1, 0.2, 0.8),),
        (filled((1, 7), 0, *BOX, 2, 0.8, row=0),),
    ],
    ids=['v8 seg', 'prototypes first', 'v5 seg', 'end-to-end seg', 'plain rows', 'v7 end to end'],
)
def test_boxes_of_every_head_are_read(tmp_path: Path, outputs: tuple[np.ndarray, ...]) -> None:
    (found,) = load(tmp_path, *outputs)(PICTURE)
    assert (found.label, found.score) == ('car', pytest.approx(0.8))
    assert found.box == pytest.approx(IN_PICTURE)


def test_a_segmentation_says_so_and_is_used(tmp_path: Path) -> None:
    outputs = columns(*CENTERED, 0.1, 0.2, 0.8, *[5.0] * 32), PROTOTYPES
    assert len(load(tmp_path, *outputs, task='segment', **NAMES)(PICTURE)) == 1


@pytest.mark.parametrize(
    ('task', 'output', 'words'),
    [
        ('pose', columns(*CENTERED, 0.8, *[5.0] * 51), "task 'pose' .boxes with keypoints"),
        ('obb', columns(*CENTERED, 0.1, 0.2, 0.8, 1.57), "task 'obb' .rotated boxes"),
        ('classify', np.full((1, 3), 0.3, np.float32), "task 'classify' .one class for the whole"),
    ],
)
def test_other_tasks_are_refused_by_name(
    tmp_path: Path, task: str, output: np.ndarray, words: str
) -> None:
    with pytest.raises(ModelError, match=f'{words}.*export a model of the task detect'):
        load(tmp_path, output, task=task, **NAMES)


@pytest.mark.parametrize('more', [1, 51])
def test_rows_that_are_too_many_are_counted(tmp_path: Path, more: int) -> None:
    """A pose or rotated boxes, exported without the metadata that say so."""
    with pytest.raises(ModelError, match=f'{more} rows more than a box and its classes'):
        load(tmp_path, columns(*CENTERED, 0.1, 0.2, 0.8, *[1.0] * more, rows=300))


def test_a_task_that_is_not_known_is_said_where_the_shape_is_not_either(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="and the task 'depth' in its metadata"):
        load(tmp_path, np.zeros((1, 1, 64, 64), np.float32), task='depth')


def test_rows_that_an_end_to_end_head_leaves_empty_are_no_fault(tmp_path: Path) -> None:
    output = filled((1, 30, 6), *BOX, 0.8, 2, row=0)
    output[0, 1:] = -1
    detector = load(tmp_path, output)
    detector.threshold = 0.0
    assert len(detector(PICTURE)) == 1
    assert not detector.counts


# Names


def test_names_can_be_given(tmp_path: Path) -> None:
    path = save_outputs_detector(tmp_path / 'a.onnx', [columns(*CENTERED, 0.1, 0.8)])
    with pytest.raises(ModelError, match='no class names in'):
        Detector.load(path, EngineOptions('cpu'))
    (found,) = Detector.load(path, EngineOptions('cpu'), names=['walker', 'rider'])(PICTURE)
    assert found.label == 'rider'
    with pytest.raises(ModelError, match='with 3 class names given'):
        Detector.load(path, EngineOptions('cpu'), names=['a', 'b', 'c'])


def test_given_names_win_over_those_of_the_file(tmp_path: Path) -> None:
    path = save_outputs_detector(
        tmp_path / 'a.onnx', [columns(*CENTERED, 0, 0, 0.8)], metadata=NAMES
    )
    assert Detector.load(path, EngineOptions('cpu'), names=['a', 'b', 'c'])(PICTURE)[0].label == 'c'


def test_too_few_names_for_an_end_to_end_head_are_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match='gives class number 79, but there are 3 class names'):
        load(tmp_path, filled((1, 30, 6), *BOX, 0.8, 79))


# What is refused at load


@pytest.mark.parametrize(
    ('output', 'words'),
    [
        (raw_yolox(35, 0, 0, 900, objectness=1), 'from 0 to 900.*YOLOX exported without the sigm'),
        (raw_yolox(35, -4, -5, -3, objectness=-6), 'from 0 to 30'),  # two logits, multiplied
        (columns(*CENTERED, -3.5, -2, -1), 'scores from -1 to 0'),
        (columns(*CENTERED, 0, 0, 85), 'scores from 0 to 85'),  # per cent
        (filled((1, 40, 8), *CENTERED, 1, 0, 0, 4.5), 'scores from 0 to 4.5'),
        (filled((1, 30, 6), *BOX, 2, 0.8), 'from 0 to 2'),  # class before score
    ],
)
def test_scores_beyond_one_are_refused(tmp_path: Path, output: np.ndarray, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        load(tmp_path, output)


@pytest.mark.parametrize(
    'output',
    [
        columns(0.5, 0.5, 0.375, 0.5, 0, 0, 0.8),  # shares of the picture
        columns(32, 32, 0, 0, 0, 0, 0.8),
        columns(32, 32, -24, -32, 0, 0, 0.8),
        filled((1, 30, 6), 44, 48, 20, 16, 0.8, 2),  # corners the other way round
        filled((1, 30, 6), 0.3, 0.25, 0.7, 0.75, 0.8, 2),
    ],
)
def test_boxes_without_extent_are_refused(tmp_path: Path, output: np.ndarray) -> None:
    with pytest.raises(ModelError, match='gives boxes without extent'):
        load(tmp_path, output)


@pytest.mark.parametrize(
    'output',
    [
        columns(*CENTERED, 0, 0, np.nan),
        columns(32, np.inf, 24, 32, 0, 0, 0.8),
        raw_yolox(35, 0, 0, 0.8) + filled((1, 84, 8), 0, 0, 200, row=3),  # e**200 pixels
        filled((1, 30, 6), *BOX, np.nan, np.nan),
    ],
)
def test_nan_is_refused(tmp_path: Path, output: np.ndarray) -> None:
    with pytest.raises(ModelError, match='gives NaN or infinity for boxes or scores'):
        load(tmp_path, output)


def test_rounding_of_half_precision_is_no_fault(tmp_path: Path) -> None:
    (found,) = load(tmp_path, columns(*CENTERED, 0, 0, 1.004))(PICTURE)
    assert found.score == 1.0


# What is left out and counted while it runs


@pytest.mark.parametrize(
    ('later', 'cause'),
    [
        (columns(*CENTERED, 0, 0, np.nan), 'not finite'),
        (columns(np.nan, 32, 24, 32, 0, 0, 0.8), 'not finite'),
        (columns(*CENTERED, 0, 0, 700), 'score beyond one'),
        (columns(32, 32, 0, 32, 0, 0, 0.8), 'without extent'),
    ],
)
def test_what_goes_wrong_later_is_counted(tmp_path: Path, later: np.ndarray, cause: str) -> None:
    path = save_outputs_detector(
        tmp_path / 'a.onnx', [columns(*CENTERED, 0, 0, 0.8)], metadata=NAMES, later=later
    )
    detector = Detector.load(path, EngineOptions('cpu'))
    assert len(detector(PICTURE)) == 1
    assert not detector.counts
    assert detector(BLACK) == []
    assert dict(detector.counts) == {cause: 1}
    assert len(detector(PICTURE)) == 1


def test_a_class_without_a_name_is_counted(tmp_path: Path) -> None:
    good, later = (filled((1, 30, 6), *BOX, 0.8, number) for number in (2, 7))
    path = save_outputs_detector(tmp_path / 'a.onnx', [good], metadata=NAMES, later=later)
    detector = Detector.load(path, EngineOptions('cpu'))
    assert detector(BLACK) == []
    assert dict(detector.counts) == {'unknown class': 1}


def test_a_box_in_the_border_is_left_out_and_no_fault(tmp_path: Path) -> None:
    """A wide picture leaves the upper rows of the input grey; what is seen there is nowhere."""
    detector = load(tmp_path, columns(32, 6, 10, 8, 0, 0, 0.8))
    assert detector(np.zeros((32, 64, 3), np.uint8)) == []
    assert not detector.counts
