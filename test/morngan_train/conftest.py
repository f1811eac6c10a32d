"""A tiny data set and a tiny recipe: enough to run everything, quick on any machine."""

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from morngan_train.recipe import parse_recipe
from morngan_train.recipe import Recipe

# The kernels here are tiny: threads that wait for each other on a busy machine cost ten times more.
torch.set_num_threads(1)
os.environ['OMP_NUM_THREADS'] = '1'

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


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three day frames with registered thermal partners and two night frames, 120x96."""
    rng = np.random.default_rng(0)
    root = tmp_path / 'data'
    for folder, names in {'trainA': 'abc', 'trainA_thermal': 'abc', 'trainB': 'xy'}.items():
        (root / folder).mkdir(parents=True)
        for i, name in enumerate(names):
            picture = _blocks(rng)
            if folder == 'trainA_thermal':
                # Registered by construction: thermal is the inverse of the day picture's grey.
                day = cv2.imread(str(root / 'trainA' / f'{names[i]}.png'))
                picture = 255 - cv2.cvtColor(day, cv2.COLOR_BGR2GRAY)
            elif folder == 'trainB':
                picture = picture[..., 0]
            cv2.imwrite(str(root / folder / f'{name}.png'), picture)
    return root


def _blocks(rng: np.random.Generator) -> np.ndarray:
    coarse = rng.integers(0, 256, (12, 15, 3), np.uint8)
    return cv2.resize(coarse, (120, 96), interpolation=cv2.INTER_NEAREST)
