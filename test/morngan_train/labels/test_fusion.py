"""Fusion of the teachers' masks, pair by pair."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from morngan_train.classes import CLASSES
from morngan_train.classes import Label
from morngan_train.classes import UNLABELLED
from morngan_train.labels.fusion import fuse

IDS = [*range(CLASSES), UNLABELLED]
CITYSCAPES = np.repeat(np.array(IDS, np.uint8)[:, None], len(IDS), axis=1)
COCO = CITYSCAPES.T.copy()


def slow_panoptic(h: int, d: int) -> int:
    """The rule of the paper and its released code, as a chain of questions."""
    if h in (11, 12):
        return 11 if d == 11 else 255
    if h == 13:
        return d if d in (13, 14) else 255
    if h == 2:
        return 2 if d == 2 else 255
    return h


def slow_objects(h: int, d: int) -> int:
    if d in (6, 7, 11, 13, 14, 15, 16, 17, 18):
        return d
    return 255 if h in (11, 12, 17, 18) else h


def slow_alone(h: int, d: int) -> int:
    return 11 if h == 12 else h


@pytest.mark.parametrize(
    ('mode', 'coco', 'rule'),
    [
        ('panoptic', COCO, slow_panoptic),
        ('objects', COCO, slow_objects),
        ('panoptic', None, slow_alone),
        ('objects', None, slow_alone),
    ],
)
def test_every_pair_of_ids(mode, coco, rule):
    """Row h, column d of the picture is the pair (h, d)."""
    expected = [[rule(h, d) for d in IDS] for h in IDS]
    fused = fuse(CITYSCAPES, coco, mode)
    assert fused.dtype == np.uint8
    np.testing.assert_array_equal(fused, expected)
    assert Label.RIDER not in fused


@pytest.mark.parametrize('coco', [COCO, None])
def test_inputs_stay_as_they_are(coco):
    before = CITYSCAPES.copy()
    fuse(CITYSCAPES, coco, 'panoptic')[:] = 0
    np.testing.assert_array_equal(CITYSCAPES, before)


@pytest.mark.parametrize(
    ('cityscapes', 'coco', 'message'),
    [
        (np.zeros((4, 6), np.uint8), np.zeros((6, 4), np.uint8), r'\(4, 6\).*\(6, 4\)'),
        (np.full((4, 6), 19, np.uint8), None, r'Cityscapes mask holds \[19\]'),
        (np.zeros((4, 6), np.uint8), np.full((4, 6), 254, np.uint8), r'COCO mask holds \[254\]'),
        (np.zeros((4, 6, 3), np.uint8), None, r'Cityscapes mask is uint8 \(4, 6, 3\)'),
        (np.zeros((4, 6), np.uint8), np.zeros((4, 6)), r'COCO mask is float64'),
    ],
)
def test_masks_that_cannot_be_fused_are_refused(cityscapes, coco, message):
    with pytest.raises(ValueError, match=message):
        fuse(cityscapes, coco, 'objects')


def test_objects_gain_and_specks_go_on_real_masks(shared: Path):
    """COCO's people are all there, and no other: Cityscapes' specks in the shrubs are gone."""
    folder = shared / 'data/flir'
    for path in sorted((folder / 'masks_coco').iterdir())[::10]:
        coco = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        cityscapes = cv2.imread(str(folder / 'masks_cityscapes' / path.name), cv2.IMREAD_UNCHANGED)
        fused = fuse(cityscapes, coco, 'objects')
        np.testing.assert_array_equal(fused == Label.PERSON, coco == Label.PERSON)
        road = (cityscapes == Label.ROAD) & (coco == UNLABELLED)
        assert (fused[road] == Label.ROAD).all()
