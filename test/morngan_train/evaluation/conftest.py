"""A tiny test set, and what judges it."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_models import save_detector
from tiny_parser import save_parser

DETECTOR_NAMES = {0: 'person', 1: 'bicycle', 2: 'car'}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three frames of 64x64; a person in the middle of each, road below and sky above."""
    root = tmp_path / 'data'
    rng = np.random.default_rng(0)
    mask = np.zeros((64, 64), np.uint8)
    mask[:20], mask[20:30] = 10, 255
    for name in 'abc':
        coarse = rng.integers(0, 256, (8, 8), np.uint8)
        frame = cv2.resize(coarse, (64, 64), interpolation=cv2.INTER_NEAREST)
        for folder, picture in (
            ('testB', frame),
            ('testB_masks', mask),
            ('trainA', cv2.merge([frame] * 3)),
            ('trainA_thermal', frame),
        ):
            (root / folder).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(root / folder / f'{name}.png'), picture)
        (root / 'testB_boxes').mkdir(exist_ok=True)
        (root / 'testB_boxes' / f'{name}.txt').write_text('0 0.5 0.5 0.25 0.5\n')
    return root


@pytest.fixture
def detector(tmp_path: Path) -> Path:
    """It sees the person everywhere, and a car that is not there."""
    rows = [(32, 32, 16, 32, 0.9, 0, 0), (10, 10, 8, 8, 0, 0, 0.5)]
    prediction = np.array(rows, np.float32).T[None]
    return save_detector(tmp_path / 'yolo.onnx', prediction, names=DETECTOR_NAMES)


@pytest.fixture
def parser(tmp_path: Path) -> Path:
    """All is road, whatever it sees."""
    return save_parser(tmp_path / 'parser.onnx')
