"""The classes of Cityscapes by trainId, the groups that the method treats alike, their colours."""

from enum import IntEnum

import numpy as np

UNLABELLED = 255


class Label(IntEnum):
    """Cityscapes trainIds."""

    ROAD = 0
    SIDEWALK = 1
    BUILDING = 2
    WALL = 3
    FENCE = 4
    POLE = 5
    LIGHT = 6
    SIGN = 7
    VEGETATION = 8
    TERRAIN = 9
    SKY = 10
    PERSON = 11
    RIDER = 12
    CAR = 13
    TRUCK = 14
    BUS = 15
    TRAIN = 16
    MOTORCYCLE = 17
    BICYCLE = 18


CLASSES = len(Label)

FOREGROUND = frozenset({Label.BUILDING, Label.LIGHT, Label.SIGN, *range(Label.PERSON, CLASSES)})
"""C_fg of Eq. 9: buildings and all objects."""

SMALL_SAMPLE = (
    Label.LIGHT,
    Label.SIGN,
    Label.PERSON,
    Label.TRUCK,
    Label.BUS,
    Label.MOTORCYCLE,
)
"""C_ss: the classes that memory and sampler look for, in the order of the distribution vector."""

_COLORS = (
    (128, 64, 128),
    (244, 35, 232),
    (70, 70, 70),
    (102, 102, 156),
    (190, 153, 153),
    (153, 153, 153),
    (250, 170, 30),
    (220, 220, 0),
    (107, 142, 35),
    (152, 251, 152),
    (70, 130, 180),
    (220, 20, 60),
    (255, 0, 0),
    (0, 0, 142),
    (0, 0, 70),
    (0, 60, 100),
    (0, 80, 100),
    (0, 0, 230),
    (119, 11, 32),
)

PALETTE = np.zeros((256, 3), np.uint8)
PALETTE[:CLASSES] = _COLORS
"""Cityscapes' colours by trainId, RGB; unlabelled is black."""


def paint(labels: np.ndarray) -> np.ndarray:
    """Show a label map in Cityscapes' colours: uint8 [H, W] -> uint8 [H, W, 3] RGB."""
    result: np.ndarray = PALETTE[labels]
    return result
