"""Carry out a selection: check the target, write pictures and edge maps, keep the record."""

from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import Literal
from typing import NamedTuple
from typing import TypeAlias

from morngan_train.data.reading import DataError
from morngan_train.data.reading import SUFFIXES
from morngan_train.prepare.edge_maps import EdgeMethods
from morngan_train.prepare.edge_maps import write_edges
from morngan_train.prepare.label_files import BoxesTask
from morngan_train.prepare.label_files import MaskTask
from morngan_train.prepare.label_files import write_boxes
from morngan_train.prepare.label_files import write_mask
from morngan_train.prepare.pictures import Geometry
from morngan_train.prepare.pictures import PictureTask
from morngan_train.prepare.pictures import prepare_picture
from morngan_train.prepare.record import check_settings
from morngan_train.prepare.record import update
from morngan_train.prepare.selection import few
from morngan_train.prepare.selection import Folder
from morngan_train.prepare.selection import Selection
from morngan_train.prepare.selection import SourcePicture
from morngan_train.prepare.workers import Done
from morngan_train.prepare.workers import remove
from morngan_train.prepare.workers import work

Size: TypeAlias = Literal['paper', 'native']


class Options(NamedTuple):
    """How pictures are prepared, whatever the source.

    Attributes:
        size: 500x400 and a centre crop of 360x288 as in the paper, or as they are.
        edges: How edges are found; None writes no edge maps.
        keep_16_bit: Do not map 16-bit thermal to 8 bits.
        jobs: Processes.
        overwrite: Make files anew that are there.
    """

    size: Size = 'paper'
    edges: EdgeMethods | None = EdgeMethods()
    keep_16_bit: bool = False
    jobs: int = 1
    overwrite: bool = False


def prepare(selection: Selection, data: Path, options: Options) -> dict[str, Any]:
    """Write the data folder of a selection.

    Args:
        selection: What goes where.
        data: Folder to write; what is there and up to date is kept.
        options: How.

    Returns:
        The record, as written to prepared.json.

    Raises:
        DataError: The selection has problems, the folder holds other pictures or was prepared in
            another way, or files cannot be read or written.
    """
    if selection.problems:
        raise DataError(
            f'{selection.source} is incomplete, nothing was written:\n'
            + '\n'.join(f'  - {line}' for line in (*selection.problems, *selection.notes))
        )
    plan = _plan(selection, data, options)
    settings = {
        'source': selection.source,
        'split': selection.split,
        'size': options.size,
        'thermal': '16 bits kept' if options.keep_16_bit else '8 bits',
        **edge_settings(options.edges),
    }
    for folder, job in plan.items():
        _check_target(data / folder, job.tasks)
    check_settings(data, settings, overwrite=options.overwrite)
    for folder, job in plan.items():
        (data / folder).mkdir(parents=True, exist_ok=True)
        if options.overwrite:
            remove(task.target for task in job.tasks)
    update(data, settings, notes=selection.notes)
    # Boxes are written sooner than processes start.
    done = {
        folder: work(*job, folder, 1 if job.function is write_boxes else options.jobs)
        for folder, job in plan.items()
    }
    if options.edges is not None:
        done |= write_edges(data, options.edges, jobs=options.jobs, overwrite=options.overwrite)
    return update(data, settings, done)


def edge_settings(methods: EdgeMethods | None) -> dict[str, str]:
    """Name the methods of the edge maps for the record; there are none without edge maps."""
    return {} if methods is None else {'edgesA': methods.day, 'edgesB': methods.night}


class _Job(NamedTuple):
    """What is done to every file of a folder."""

    function: Callable[[Any], Done]
    tasks: Sequence[PictureTask | BoxesTask | MaskTask]


def _plan(selection: Selection, data: Path, options: Options) -> dict[str, _Job]:
    plan: dict[str, _Job] = {}
    for folder, pictures in selection.pictures.items():
        geometry = _geometry(folder, selection, options)
        plan[folder] = _Job(
            prepare_picture,
            [_picture_task(picture, data / folder, geometry, options) for picture in pictures],
        )
        for kind, labels in (('boxes', selection.boxes), ('ignore', selection.ignore)):
            if boxes := labels.get(folder):
                target = data / f'{folder}_{kind}'
                plan[target.name] = _Job(
                    write_boxes,
                    [BoxesTask(b, target / f'{name}.txt', geometry) for name, b in boxes.items()],
                )
        if masks := selection.masks.get(folder):
            target, trainids = data / f'{folder}_masks', selection.trainids
            plan[target.name] = _Job(
                write_mask,
                [
                    MaskTask(file, target / f'{name}.png', trainids, geometry)
                    for name, file in masks.items()
                ],
            )
    return plan


def _geometry(folder: Folder, selection: Selection, options: Options) -> Geometry:
    if options.size == 'native':
        return 'native'
    return 'crop' if folder == 'testB' and selection.crop_test_only else 'resize+crop'


def _picture_task(
    picture: SourcePicture, folder: Path, geometry: Geometry, options: Options
) -> PictureTask:
    color = folder.name in ('trainA', 'testB_visible')
    suffix = picture.source.suffix.lower() if color and geometry == 'native' else '.png'
    return PictureTask(
        picture.source,
        folder / f'{picture.name}{suffix}',
        color,
        geometry,
        options.keep_16_bit,
    )


def _check_target(folder: Path, planned: Sequence[PictureTask | BoxesTask | MaskTask]) -> None:
    """Refuse to write among other pictures, or over the source itself."""
    if any(task.source.parent.resolve() == folder.resolve() for task in planned):
        raise DataError(f'{folder} is the source folder; choose another --out')
    if not folder.is_dir():
        return
    names = {task.target.name for task in planned}
    known = SUFFIXES | {'.txt'}
    there = (file.name for file in folder.iterdir() if file.suffix.lower() in known)
    strangers = sorted(name for name in there if name not in names)
    if strangers:
        raise DataError(
            f'{folder} holds {len(strangers)} files that are not of this selection '
            f'({few(strangers)}); remove them, or choose another --out'
        )
