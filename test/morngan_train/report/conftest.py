"""Evaluations and runs as the real commands write them, of a simulated night street."""

from collections.abc import Callable
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tiny_models import FALSE_COLOR
from tiny_models import save_generator

from morngan_ros.exposure import Exposure
from morngan_ros.simulation import ThermalScene
from morngan_train.cli import main
from morngan_train.recipe import Recipe
from morngan_train.training.runlog import RunLog

FRAMES = 6
WIDTH, HEIGHT = 160, 128
HOSTILE = 'a<b>&"c'
"""A name that ends up in HTML, in attributes and in JSON."""


@pytest.fixture(scope='session')
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three evaluations: the raw frames, the model that ships, false colour."""
    root = tmp_path_factory.mktemp('street')
    data = root / 'data'
    (data / 'testB').mkdir(parents=True)
    scene = ThermalScene(WIDTH, HEIGHT)
    for k in range(FRAMES):
        frame = Exposure()(scene.render(2.5 * k).counts, 0.0)
        cv2.imwrite(str(data / f'testB/{HOSTILE}_{k}.png'), frame)
    shipped = Path(__file__).parents[3] / 'models/morngan_context.onnx'
    false = save_generator(root / 'false.onnx', FALSE_COLOR)
    for name, source in {'raw': 'raw', 'shipped': str(shipped), HOSTILE: str(false)}.items():
        words = f'--metrics apce,flicker --jobs 1 --data {data}'.split()
        files = ['--json', str(root / f'{name}.json'), '--pictures', str(root / 'shown' / name)]
        assert main(['evaluate', source, *words, *files]) == 0
    return root


@pytest.fixture(scope='session')
def evaluations(street: Path) -> list[Path]:
    return [street / f'{name}.json' for name in ('raw', 'shipped', HOSTILE)]


@pytest.fixture(scope='session')
def run_folder(street: Path, tiny: Recipe) -> Path:
    """A run through all phases of the tiny recipe; losses are made up."""
    folder = street / 'runs' / 'tiny'
    log = RunLog(folder)
    (folder / 'recipe.json').write_text(tiny.model_dump_json())
    for epoch, phase in enumerate(('pairs', '0a', '0a', '4'), 1):
        head = {'epoch': epoch, 'phase': phase, 'step': 10 * epoch, 'lr': 2e-3}
        losses = {'aligned': 1 / epoch} | ({'cycle_a': 0.5} if phase != 'pairs' else {})
        log.epoch({**head, 'seconds': 2.0 * epoch, **losses})
    log.close()
    return folder


@pytest.fixture
def changed(evaluations: list[Path], tmp_path: Path) -> Callable[..., Path]:
    """Copy the evaluation of the shipped model with other fields; pictures stay where they are."""

    def change(name: str = 'changed', **fields: Any) -> Path:
        content = json.loads(evaluations[1].read_text())
        content['pictures'] = str(evaluations[1].parent / content['pictures'])
        path = tmp_path / f'{name}.json'
        path.write_text(json.dumps(content | fields))
        return path

    return change


@pytest.fixture(scope='session')
def pixels(street: Path) -> Callable[[str, int], np.ndarray]:
    """Read the picture of a method and frame as `evaluate` wrote it, BGR."""

    def read(method: str, frame: int) -> np.ndarray:
        return cv2.imread(str(street / 'shown' / method / f'{HOSTILE}_{frame}.png'))

    return read
