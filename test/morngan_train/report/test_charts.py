"""Axes and lines of the charts."""

import re

import pytest

from morngan_train.report.charts import Axis
from morngan_train.report.charts import axis_over
from morngan_train.report.charts import chart
from morngan_train.report.charts import Line
from morngan_train.report.charts import number


@pytest.mark.parametrize(
    ('values', 'ticks'),
    [
        ([0.3, 1.0], [0, 0.5, 1.0]),
        ([8000], [0, 2000, 4000, 6000, 8000]),
        ([0.0007], [0, 0.0002, 0.0004, 0.0006, 0.0008]),
        ([-1.0, 3.0], [-1, 0, 1, 2, 3]),
        ([0.0], [0, 1]),
    ],
)
def test_ticks_are_round_and_enclose_the_values(values, ticks):
    axis = axis_over(values, '')
    assert list(axis.ticks) == pytest.approx(ticks)
    assert (axis.low, axis.high) == (axis.ticks[0], axis.ticks[-1])


def test_a_line_has_gaps_and_single_points():
    axis = Axis('', 0, 4, ())
    drawn = chart([Line('l', range(5), [0, None, 2, 4, None])], axis, axis, 'about')
    (path,) = re.findall(r'class="line c0" d="([^"]+)"', drawn)
    assert path == 'M0.0 100.0h0M50.0 50.0h0L75.0 0.0'


def test_numbers_are_short():
    assert [number(v) for v in (0, 0.25, 12000, 0.0002)] == ['0', '0.25', '12,000', '2e-04']
