"""Edge maps for a data folder: edgesA of the day pictures, edgesB of the night frames."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from typing import NamedTuple
from typing import TypeAlias

import cv2
import numpy as np

from morngan_train.data.edges import canny
from morngan_train.data.reading import DataError
from morngan_train.data.reading import list_images
from morngan_train.data.reading import read_rgb
from morngan_train.data.reading import read_thermal
from morngan_train.data.surround import surround_edges
from morngan_train.metrics import canny as matlab
from morngan_train.prepare.workers import Done
from morngan_train.prepare.workers import kept
from morngan_train.prepare.workers import remove
from morngan_train.prepare.workers import size_of
from morngan_train.prepare.workers import work
from morngan_train.prepare.workers import write_png

Method: TypeAlias = Literal['matlab', 'canny', 'surround']
DAY_METHODS: tuple[Method, ...] = ('matlab', 'canny')
NIGHT_METHODS: tuple[Method, ...] = ('surround', *DAY_METHODS)

THRESHOLDS = (0.1, 0.2)
"""Of Canny, as shares of the strongest gradient; the authors'."""

MATLAB_THRESHOLD = round(100 * THRESHOLDS[1])
"""The same for `metrics.canny`, whose lower threshold is half of the upper one."""


class EdgeMethods(NamedTuple):
    """How the edges of day pictures and of thermal frames are found."""

    day: Method = 'matlab'
    night: Method = 'surround'


@dataclass(frozen=True, slots=True)
class EdgeTask:
    """A picture of a data folder to find the edges of."""

    source: Path
    target: Path
    color: bool
    method: Method


def find_edges(task: EdgeTask) -> Done:
    """Write the edge map of a picture unless it is there; a failure is told, not raised."""
    try:
        if done := kept(task.target, task.source):
            return done
        edges = _edge_map(_gray(task), task.method)
        write_png(task.target, edges)
        return Done(size_of(edges))
    except (DataError, OSError) as error:
        return Done(None, error=str(error))


def _gray(task: EdgeTask) -> np.ndarray:
    if not task.color:
        return read_thermal(task.source)
    rgb = read_rgb(task.source)
    return matlab.gray(rgb) if task.method == 'matlab' else cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)


def _edge_map(gray: np.ndarray, method: Method) -> np.ndarray:
    if method == 'surround':
        return surround_edges(gray)
    if method == 'matlab':
        return matlab.canny(gray, MATLAB_THRESHOLD).astype(np.uint8) * 255
    return canny(gray, *THRESHOLDS)


def trained(data: Path) -> list[Path]:
    """List the folders of a data folder whose pictures have edge maps.

    Raises:
        DataError: There is neither trainA nor trainB.
    """
    folders = [folder for name in ('trainA', 'trainB') if (folder := data / name).is_dir()]
    if not folders:
        raise DataError(f'{data} does not exist, or has neither trainA nor trainB')
    return folders


def write_edges(
    data: Path, methods: EdgeMethods, *, jobs: int, overwrite: bool = False
) -> dict[str, list[Done]]:
    """Write edgesA and edgesB beside trainA and trainB, a PNG for each picture.

    Args:
        data: Data folder; one of trainA and trainB may be absent.
        methods: How edges are found.
        jobs: Processes.
        overwrite: Replace edge maps that are there.

    Returns:
        The outcomes by folder.

    Raises:
        DataError: trainA and trainB are missing, one is empty, or a picture cannot be read.
    """
    plan = {_edges(folder).name: _tasks(folder, methods) for folder in trained(data)}
    for folder, tasks in plan.items():
        (data / folder).mkdir(exist_ok=True)
        if overwrite:
            remove(task.target for task in tasks)
    return {
        folder: work(find_edges, tasks, f'{folder} ({tasks[0].method})', jobs)
        for folder, tasks in plan.items()
    }


def _tasks(folder: Path, methods: EdgeMethods) -> list[EdgeTask]:
    color = folder.name == 'trainA'
    method = methods.day if color else methods.night
    return [
        EdgeTask(file, _edges(folder) / f'{file.stem}.png', color, method)
        for file in list_images(folder)
    ]


def _edges(folder: Path) -> Path:
    """Name the folder for the edge maps of trainA or trainB."""
    return folder.with_name(folder.name.replace('train', 'edges'))
