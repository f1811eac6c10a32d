"""The paper's tables: complete, and their means follow from their rows."""

import numpy as np
import pytest

from morngan_train.classes import Label
from morngan_train.metrics.segmentation import FLIR_CLASSES
from morngan_train.metrics.segmentation import KAIST_CLASSES
from morngan_train.metrics.segmentation import mean_iou
from morngan_train.metrics.segmentation import SMALL_CLASSES
from morngan_train.published import published_table

METHODS = [
    'Reference NVC',
    'CycleGAN',
    'UNIT',
    'ToDayGAN',
    'DRIT++',
    'ForkGAN',
    'PearlGAN',
    'DlamGAN',
    'MornGAN',
]
ROWS = {
    1: METHODS,
    2: METHODS,
    3: METHODS,
    4: METHODS,
    5: ['baseline', '+SC', '+SDP', '+MGCA', '+CGR', '+SR'],
    6: METHODS[1:],
    7: ['2', '3', '4', '5', '6'],
}
ROUNDED = 0.0501
"""Figures have one decimal; the paper rounds halves either way."""


def ious(number: int, row: str) -> np.ndarray:
    """Put a printed row where `evaluate` has its IoU [19]; classes without a column are nan."""
    table = published_table(number)
    each = np.full(len(Label), np.nan)
    for score, value in zip(table.scores, table.rows[row], strict=True):
        if score.startswith('iou_'):
            each[Label[score.removeprefix('iou_').upper()]] = value
    return each


@pytest.mark.parametrize('number', ROWS)
def test_tables_are_complete(number):
    table = published_table(number)
    assert table.number == number
    assert list(table.rows) == ROWS[number]
    for row in table.rows.values():
        assert len(row) == len(table.columns) == len(table.scores)
        for column, value in zip(table.columns, row, strict=True):
            assert 0 <= value <= (100 if table.percent(column) else 1)
    assert bool(table.parser) == any('IoU' in column for column in table.columns)
    assert bool(table.detector) == ('mAP' in table.columns)


@pytest.mark.parametrize('row', METHODS)
@pytest.mark.parametrize(('number', 'classes'), [(1, FLIR_CLASSES), (3, KAIST_CLASSES)])
def test_means_of_tables_1_and_3_follow_from_their_rows(number, classes, row):
    """By the classes and the mean that `evaluate` uses."""
    each = ious(number, row)
    assert np.isfinite(each).sum() == len(classes)
    assert mean_iou(each, classes) == pytest.approx(
        published_table(number).rows[row][-1], abs=ROUNDED
    )


def test_miou_s_of_the_ablation_is_that_of_the_method():
    """The last row of Table 5, the fourth of Table 7 and MornGAN's row of Table 1 are one run."""
    ablation, clusters = published_table(5).rows['+SR'], published_table(7).rows['4']
    assert ablation == clusters
    assert mean_iou(ious(1, 'MornGAN'), FLIR_CLASSES) == pytest.approx(ablation[0], abs=ROUNDED)
    assert mean_iou(ious(1, 'MornGAN'), SMALL_CLASSES) == pytest.approx(ablation[1], abs=ROUNDED)


@pytest.mark.parametrize('row', METHODS)
def test_map_of_table_2_is_the_mean_of_its_classes(row):
    *classes, mean = published_table(2).rows[row]
    # Printed from figures of more decimals: DlamGAN's is 0.07 above, MornGAN's 0.07 below.
    assert np.mean(classes) == pytest.approx(mean, abs=2 * ROUNDED)


def test_no_such_table():
    with pytest.raises(KeyError):
        published_table(8)
