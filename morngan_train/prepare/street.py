"""Frames of simulated streets, with boxes and with their colours by day.

A small part of a training, but the only one whose truth is complete.
"""

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from morngan_ros.exposure import Exposure
from morngan_ros.simulation.daylight import daylight
from morngan_ros.simulation.thermal_scene import ThermalScene
from morngan_train.data.boxes import OBJECTS
from morngan_train.data.boxes import yolo_text
from morngan_train.data.low_color import COLORS
from morngan_train.data.low_color import FRAMES
from morngan_train.data.reading import DataError
from morngan_train.prepare.record import update

FOLDERS = ('trainB', FRAMES)
"""Folders that get the frames: by night, and as what is known in colour too."""

SHRUNK = (160, 128)
"""Width and height of the colours: what is painted has no detail worth learning."""

LASTS = 60.0
"""Seconds out of which frames are drawn."""


def write_streets(data: Path, seeds: Iterable[int], frames: int) -> int:
    """Write frames of some streets into a data folder.

    Args:
        data: Folder to write; it must not hold frames of anything else.
        seeds: Of the streets; 0 is that of the demo, from which nothing should learn.
        frames: Of each street.

    Returns:
        How many frames were written.

    Raises:
        DataError: The folder holds other frames.
    """
    folders = [data / name for name in (*FOLDERS, COLORS, *(f'{name}_boxes' for name in FOLDERS))]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        foreign = [path for path in folder.iterdir() if not path.name.startswith('street')]
        if foreign:
            raise DataError(f'{folder} holds other files, such as {foreign[0].name}; choose --out')
    count = 0
    for seed in seeds:
        scene = ThermalScene(seed=seed)
        for t in np.random.default_rng([seed, 2]).uniform(0, LASTS, frames):
            _write_frame(data, f'street{seed:03}_{round(t * 1000):05}', scene, float(t), seed)
            count += 1
    update(data, {'source': 'simulated streets'})
    return count


def _write_frame(data: Path, name: str, street: ThermalScene, t: float, seed: int) -> None:
    scene = street.render(t)
    frame = Exposure()(scene.counts, t)
    height, width = frame.shape
    found = [(OBJECTS.index(label), *corners) for label, *corners in scene.boxes]
    boxes = yolo_text(np.array(found, float).reshape(-1, 5), width, height)
    color = cv2.resize(daylight(scene, seed), SHRUNK, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(data / COLORS / f'{name}.png'), color[..., ::-1])
    for folder in FOLDERS:
        cv2.imwrite(str(data / folder / f'{name}.png'), frame)
        (data / f'{folder}_boxes' / f'{name}.txt').write_text(boxes)
