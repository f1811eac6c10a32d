"""IoU against plain loops, and the means of the paper's tables from their rows."""

import numpy as np
import pytest

from morngan_train.labels.classes import Label
from morngan_train.metrics.segmentation import confusion
from morngan_train.metrics.segmentation import FLIR_CLASSES
from morngan_train.metrics.segmentation import iou
from morngan_train.metrics.segmentation import KAIST_CLASSES
from morngan_train.metrics.segmentation import mean
from morngan_train.metrics.segmentation import mean_iou
from morngan_train.metrics.segmentation import SMALL_CLASSES

# Rows of Tables 1 and 3: IoU of the classes in percent, then the printed mean.
TABLE_1 = """
95.2 53.7 1.0 56.6 5.2 40.3 0.0 2.5 70.1 36.1
97.2 19.6 89.4 79.3 0.0 67.1 0.0 0.3 0.8 39.3
96.3 48.3 92.5 63.7 0.0 59.5 12.4 0.6 49.4 47.0
97.0 42.3 83.2 76.5 0.0 56.3 2.5 0.0 6.5 40.5
98.2 16.1 75.3 79.4 0.0 38.3 0.0 0.0 3.2 34.5
96.2 48.9 90.2 82.1 0.0 73.2 7.9 0.0 17.8 46.3
98.6 71.0 95.1 89.1 0.0 84.3 12.2 1.5 0.0 50.2
97.4 67.2 94.0 89.1 0.1 74.0 36.2 2.1 0.3 51.2
98.7 84.0 96.8 95.6 0.7 94.5 40.4 1.2 22.8 59.4
"""
TABLE_3 = """
82.6 74.6 0.0 56.1 0.0 19.0 0.0 0.0 29.0
83.5 25.0 64.1 39.4 0.0 8.9 0.1 0.0 27.6
92.3 59.3 81.0 60.3 0.0 23.8 0.0 0.0 39.6
92.5 57.6 82.8 54.1 3.6 23.3 0.1 0.0 39.3
89.1 58.9 63.1 47.6 0.0 5.6 0.0 0.0 33.0
89.6 30.3 44.6 48.5 0.5 27.9 0.0 0.0 30.2
93.4 43.1 83.8 70.3 0.9 57.6 0.0 6.1 44.4
92.6 49.0 71.9 66.4 2.1 49.5 2.0 8.2 42.7
93.7 72.2 87.6 72.5 7.2 61.1 4.2 13.1 51.5
"""


def _rows(table: str) -> list[list[float]]:
    return [[float(word) for word in line.split()] for line in table.strip().splitlines()]


@pytest.mark.parametrize(('table', 'classes'), [(TABLE_1, FLIR_CLASSES), (TABLE_3, KAIST_CLASSES)])
def test_means_of_the_paper(table: str, classes: tuple[int, ...]) -> None:
    for *values, printed in _rows(table):
        ious = np.full(19, np.nan)
        ious[list(classes)] = values
        assert len(values) == len(classes)
        assert mean_iou(ious, classes) == pytest.approx(printed, abs=0.051)


def test_small_classes_of_the_paper() -> None:
    ious = np.full(19, np.nan)
    ious[list(FLIR_CLASSES)] = _rows(TABLE_1)[-1][:-1]
    assert mean_iou(ious, SMALL_CLASSES) == pytest.approx(31.92)


def test_the_classes_by_number() -> None:
    assert sorted(FLIR_CLASSES) == [0, 2, 7, 10, 11, 13, 14, 15, 17]
    assert sorted(KAIST_CLASSES) == [0, 2, 7, 10, 11, 13, 15, 17]


def test_iou_against_plain_loops() -> None:
    rng = np.random.default_rng(0)
    values = np.array([*range(17), 255], np.uint8)  # 17 and 18 are nowhere
    truths, guesses = rng.choice(values, (2, 3, 20, 30))
    total = sum(confusion(t, g) for t, g in zip(truths, guesses, strict=True))
    ious = iou(np.asarray(total))
    for label in range(17):
        hits = union = 0
        for truth, guess in zip(truths.ravel().tolist(), guesses.ravel().tolist(), strict=True):
            if truth != 255:
                hits += truth == label and guess == label
                union += label in (truth, guess)
        assert ious[label] == pytest.approx(hits / union, abs=1e-6)
    assert np.isnan(ious[17:]).all()


def test_a_class_that_is_only_predicted_has_nothing() -> None:
    truth = np.full((2, 2), Label.ROAD, np.uint8)
    guess = truth.copy()
    guess[0, 0] = Label.BUS
    ious = iou(confusion(truth, guess))
    assert ious[Label.ROAD] == 0.75
    assert ious[Label.BUS] == 0.0
    assert mean_iou(ious, FLIR_CLASSES) == 0.375


def test_means_leave_out_what_is_not_there() -> None:
    assert mean([1.0, float('nan'), 0.0]) == 0.5
    assert np.isnan(mean([float('nan')]))


def test_strange_values_and_shapes_are_refused() -> None:
    good = np.zeros((2, 2), np.uint8)
    with pytest.raises(ValueError, match='33 is no trainId'):
        confusion(good + 33, good)
    with pytest.raises(ValueError, match='33 is no trainId'):
        confusion(good, good + 33)
    with pytest.raises(ValueError, match='prediction'):
        confusion(good, good[:1])
