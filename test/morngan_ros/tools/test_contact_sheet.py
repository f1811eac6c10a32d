"""Tests of tools.contact_sheet: every picture is on the page, in its row and column."""

import cv2
import numpy as np
import pytest

from morngan_ros.tools.support import contact_sheet
from morngan_ros.tools.support.contact_sheet import GAP
from morngan_ros.tools.support.contact_sheet import MARGIN
from morngan_ros.tools.support.contact_sheet import TILE_WIDTH
from morngan_ros.tools.support.recording import RecordedFrame


def picture(index: int, overlay: bool = True) -> RecordedFrame:
    """Flat pictures, each of another colour."""
    flat = np.ones((64, 80, 3), np.uint8)
    return RecordedFrame(
        stamp=index * 100_000_000,
        thermal=np.full((64, 80), 40 + 20 * index, np.uint8),
        color=flat * np.array([200, 10 * index, 30], np.uint8),
        overlay=flat * np.array([30, 10 * index, 200], np.uint8) if overlay else None,
    )


def rows_of(page: np.ndarray, column: int) -> list[tuple[int, int, int]]:
    """Colours of a column from top to bottom, without paper and letters."""
    x = MARGIN + column * (TILE_WIDTH + GAP) + 5
    line = page[:, x]
    changes = np.flatnonzero(np.any(np.diff(line.astype(int), axis=0), axis=1)) + 1
    runs = np.split(line, changes)
    solid = [tuple(int(v) for v in run[0]) for run in runs if len(run) > TILE_WIDTH // 2]
    return [color for color in solid if color != contact_sheet.PAPER]


@pytest.mark.parametrize('count', [1, 2, 6])
def test_rows_and_columns(count):
    page = contact_sheet.draw([picture(i) for i in range(count)], 'title', 'subtitle')
    assert page.dtype == np.uint8
    for index in range(count):
        grey = 40 + 20 * index
        assert rows_of(page, index) == [
            (grey, grey, grey),
            (200, 10 * index, 30),
            (30, 10 * index, 200),
        ]


def test_without_detections_there_are_two_rows():
    page = contact_sheet.draw([picture(i, overlay=False) for i in range(3)], 'title', 'subtitle')
    assert len(rows_of(page, 0)) == 2


def test_saved_as_rgb_png_wide_enough_for_its_title(tmp_path):
    title = 'a long name of a bag ' * 4
    contact_sheet.save(tmp_path / 'sheet.png', [picture(0)], title, 'subtitle')
    page = cv2.cvtColor(cv2.imread(str(tmp_path / 'sheet.png')), cv2.COLOR_BGR2RGB)
    assert rows_of(page, 0)[1] == (200, 0, 30)
    assert page.shape[1] > 800
    # Nothing is written over the right margin.
    assert (page[:, -MARGIN // 2 :] == contact_sheet.PAPER).all()
