"""A tiny data set and a tiny recipe: enough to run everything, quick on any machine."""

import importlib.util
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from morngan_train.classes import Label
from morngan_train.classes import UNLABELLED
from morngan_train.recipe import load_recipe
from morngan_train.recipe import parse_recipe
from morngan_train.recipe import Recipe

# The kernels here are tiny: threads that wait for each other on a busy machine cost ten times more.
torch.set_num_threads(1)
os.environ['OMP_NUM_THREADS'] = '1'

ROOT = Path(__file__).parents[2]

TINY: dict[str, Any] = {
    'name': 'tiny',
    'steps_per_epoch': 3,
    'generator': {'ngf': 4, 'blocks': 2, 'stem': 'shuffle'},
    'discriminator': {'ndf': 4},
    'data': {
        'crop': 64,
        'scale': [0.7, 1.0],
        'day': {'low': 1.0, 'high': 99.0, 'mean': 0.5, 'saturation': 1.2},
        'thermal': {'contrast': 0.2, 'gamma': 1.2, 'noise': 0.02},
    },
    'optimizer': {'pool': 2},
    'phases': [
        {'name': '0a', 'epochs': 1, 'ssim': 0.0, 'aligned': 5.0},
        {'name': '0b', 'epochs': 1, 'aligned': 1.0, 'lr_factor': 0.5},
    ],
}


@pytest.fixture
def recipe() -> Recipe:
    return parse_recipe(TINY)


@pytest.fixture(scope='session')
def tiny() -> Recipe:
    """The recipe that ships for tests: every phase and every term."""
    return load_recipe(ROOT / 'config/train/tiny.yaml')


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder of its own for each test."""
    return _write_data(tmp_path / 'data')


@pytest.fixture(scope='session')
def shared_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same for all tests, which must not change it."""
    return _write_data(tmp_path_factory.mktemp('shared') / 'data')


@pytest.fixture
def flir(shared: Path) -> Path:
    return shared / 'data' / 'flir'


@pytest.fixture
def yardstick(shared: Path) -> ModuleType:
    """Import score.py, which shares no code with ours."""
    pytest.importorskip('PIL')
    spec = importlib.util.spec_from_file_location('score', shared / 'tools' / 'score.py')
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _write_data(root: Path) -> Path:
    """Write three day frames with thermal partners and masks, and two night frames, 120x96."""
    rng = np.random.default_rng(0)
    for name in 'abc':
        day = _blocks(rng)
        _save(root / f'trainA/{name}.png', day)
        # Registered by construction: thermal is the inverse of the day picture's grey.
        _save(root / f'trainA_thermal/{name}.png', 255 - cv2.cvtColor(day, cv2.COLOR_BGR2GRAY))
        for teacher in ('masks_cityscapes', 'masks_coco'):
            _save(root / teacher / f'{name}.png', _mask())
    for name in 'xy':
        _save(root / f'trainB/{name}.png', _blocks(rng)[..., 0])
    return root


def _save(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture)


def _blocks(rng: np.random.Generator) -> np.ndarray:
    coarse = rng.integers(0, 256, (12, 15, 3), np.uint8)
    return cv2.resize(coarse, (120, 96), interpolation=cv2.INTER_NEAREST)


def _mask() -> np.ndarray:
    """People above, a truck below, unlabelled between: small classes that are soon learnt."""
    mask = np.full((96, 120), UNLABELLED, np.uint8)
    mask[:44], mask[52:] = Label.PERSON, Label.TRUCK
    return mask
