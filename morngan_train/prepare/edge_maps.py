"""Edge maps for a data folder: edgesA of the day pictures, edgesB of the night frames."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from typing import TypeAlias

import cv2

from morngan_train.data.edges import canny
from morngan_train.data.reading import DataError
from morngan_train.data.reading import list_images
from morngan_train.data.reading import read_rgb
from morngan_train.data.reading import read_thermal
from morngan_train.data.surround import surround_edges
from morngan_train.prepare.workers import Done
from morngan_train.prepare.workers import kept
from morngan_train.prepare.workers import remove
from morngan_train.prepare.workers import size_of
from morngan_train.prepare.workers import work
from morngan_train.prepare.workers import write_png

Method: TypeAlias = Literal['canny', 'surround']
METHODS: tuple[Method, ...] = ('surround', 'canny')

THRESHOLDS = (0.1, 0.2)
"""Of Canny, as shares of the strongest gradient; the authors'."""

DAY_METHOD: Method = 'canny'


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
        if task.color:
            gray = cv2.cvtColor(read_rgb(task.source), cv2.COLOR_RGB2GRAY)
        else:
            gray = read_thermal(task.source)
        edges = canny(gray, *THRESHOLDS) if task.method == 'canny' else surround_edges(gray)
        write_png(task.target, edges)
        return Done(size_of(edges))
    except (DataError, OSError) as error:
        return Done(None, error=str(error))


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
    data: Path, night: Method, *, jobs: int, overwrite: bool = False
) -> dict[str, list[Done]]:
    """Write edgesA (Canny) and edgesB beside trainA and trainB, a PNG for each picture.

    Args:
        data: Data folder; one of trainA and trainB may be absent.
        night: How the edges of thermal frames are found.
        jobs: Processes.
        overwrite: Replace edge maps that are there.

    Returns:
        The outcomes by folder.

    Raises:
        DataError: trainA and trainB are missing, one is empty, or a picture cannot be read.
    """
    plan = {_edges(folder).name: _tasks(folder, night) for folder in trained(data)}
    for folder, tasks in plan.items():
        (data / folder).mkdir(exist_ok=True)
        if overwrite:
            remove(task.target for task in tasks)
    return {
        folder: work(find_edges, tasks, f'{folder} ({tasks[0].method})', jobs)
        for folder, tasks in plan.items()
    }


def _tasks(folder: Path, night: Method) -> list[EdgeTask]:
    color = folder.name == 'trainA'
    method = DAY_METHOD if color else night
    return [
        EdgeTask(file, _edges(folder) / f'{file.stem}.png', color, method)
        for file in list_images(folder)
    ]


def _edges(folder: Path) -> Path:
    """Name the folder for the edge maps of trainA or trainB."""
    return folder.with_name(folder.name.replace('train', 'edges'))
