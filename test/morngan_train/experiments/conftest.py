"""The tiny data set with a test part, and a shorter tiny recipe as a base."""

from pathlib import Path
import shutil

import numpy as np
import pytest
from tiny_models import save_detector
import yaml

from morngan_train.recipe import Recipe


@pytest.fixture(scope='session')
def tested(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Training data as elsewhere; its night frames are the test too, a person in the middle."""
    root = tmp_path_factory.mktemp('experiments') / 'toy'
    shutil.copytree(shared_data, root)
    shutil.copytree(root / 'trainB', root / 'testB')
    (root / 'testB_boxes').mkdir()
    for name in 'xy':
        (root / f'testB_boxes/{name}.txt').write_text('0 0.5 0.5 0.2 0.5\n')
    return root


@pytest.fixture(scope='session')
def base(tiny: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny recipe, an epoch of every second phase: with pairs, learning, and constrained."""
    content = tiny.model_dump(mode='json')
    content['phases'] = [phase | {'epochs': 1} for phase in content['phases'][::2]]
    path = tmp_path_factory.mktemp('base') / 'toy.yaml'
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture(scope='session')
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """It sees the same box everywhere, whatever it is shown."""
    prediction = np.array([(32, 32, 14, 30, 0.9, 0, 0)], np.float32).T[None]
    names = {0: 'person', 1: 'bicycle', 2: 'car'}
    return save_detector(tmp_path_factory.mktemp('yolo') / 'yolo.onnx', prediction, names=names)
