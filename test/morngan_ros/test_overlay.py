"""Boxes for people to look at."""

import numpy as np
import pytest

from morngan_ros.object_finder import Detection
from morngan_ros.overlay import class_color
from morngan_ros.overlay import draw

PICTURE = np.full((512, 640, 3), 90, np.uint8)


def detection(box: tuple[float, float, float, float], index: int = 2) -> Detection:
    return Detection('car', index, 0.87, box)


def test_box_has_the_colour_of_its_class_and_the_inside_stays() -> None:
    picture = draw(PICTURE, [detection((100, 200, 300, 400))])
    for y, x in ((200, 250), (400, 150), (300, 100), (300, 300)):
        assert tuple(picture[y, x]) == class_color(2)
    np.testing.assert_array_equal(picture[205:395, 105:295], PICTURE[205:395, 105:295])


def test_label_stands_above_the_box_or_inside_at_the_top() -> None:
    above = draw(PICTURE, [detection((100, 200, 300, 400))])
    assert (above[180:198, 100:140] != 90).any()
    inside = draw(PICTURE, [detection((100, 2, 300, 400))])
    assert (inside[6:12, 104:140] != 90).any()


@pytest.mark.parametrize('box', [(600.0, 100.0, 640.0, 140.0), (0.0, 0.0, 3.0, 3.0)])
def test_label_stays_readable_at_the_edge(box: tuple[float, float, float, float]) -> None:
    """A label of eight letters needs some 45 pixels to be read, wherever its box is."""
    drawn = (draw(PICTURE, [detection(box)]) != 90).any(axis=2)
    assert drawn.any(axis=0).sum() > 44


def test_input_is_left_alone() -> None:
    picture = PICTURE.copy()
    result = draw(picture, [detection((10, 50, 60, 90))])
    np.testing.assert_array_equal(picture, PICTURE)
    assert not np.shares_memory(result, picture)
    np.testing.assert_array_equal(draw(picture, []), picture)


def test_classes_are_told_apart() -> None:
    colors = np.array([class_color(index) for index in range(8)], float)
    distance = np.linalg.norm(colors[:, None] - colors[None], axis=2) + 1e3 * np.eye(8)
    assert distance.min() > 60
