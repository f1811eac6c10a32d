"""Carry out a selection: check the target, write pictures and edge maps, keep the record."""

from pathlib import Path
from typing import Any
from typing import Literal
from typing import NamedTuple
from typing import TypeAlias

from morngan_train.data.reading import DataError
from morngan_train.data.reading import SUFFIXES
from morngan_train.prepare.edge_maps import DAY_METHOD
from morngan_train.prepare.edge_maps import Method
from morngan_train.prepare.edge_maps import write_edges
from morngan_train.prepare.pictures import Geometry
from morngan_train.prepare.pictures import PictureTask
from morngan_train.prepare.pictures import prepare_picture
from morngan_train.prepare.record import check_settings
from morngan_train.prepare.record import update
from morngan_train.prepare.selection import few
from morngan_train.prepare.selection import Folder
from morngan_train.prepare.selection import Picture
from morngan_train.prepare.selection import Selection
from morngan_train.prepare.workers import remove
from morngan_train.prepare.workers import work

Size: TypeAlias = Literal['paper', 'native']


class Options(NamedTuple):
    """How pictures are prepared, whatever the source.

    Attributes:
        size: 500x400 and a centre crop of 360x288 as in the paper, or as they are.
        night_edges: How edges of thermal frames are found.
        keep_16_bit: Do not map 16-bit thermal to 8 bits.
        jobs: Processes.
        overwrite: Make files anew that are there.
    """

    size: Size = 'paper'
    night_edges: Method = 'surround'
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
            + '\n'.join(f'  - {problem}' for problem in selection.problems)
        )
    tasks = {
        folder: [_task(picture, data, folder, selection, options) for picture in pictures]
        for folder, pictures in selection.pictures.items()
    }
    settings = {
        'source': selection.source,
        'split': selection.split,
        'size': options.size,
        'thermal': '16 bits kept' if options.keep_16_bit else '8 bits',
        **edge_settings(options.night_edges),
    }
    for folder, planned in tasks.items():
        _check_target(data / folder, planned)
    check_settings(data, settings, overwrite=options.overwrite)
    for folder, planned in tasks.items():
        (data / folder).mkdir(parents=True, exist_ok=True)
        if options.overwrite:
            remove(task.target for task in planned)
    update(data, settings, notes=selection.notes)
    done = {
        str(folder): work(prepare_picture, planned, folder, options.jobs)
        for folder, planned in tasks.items()
    }
    done |= write_edges(data, options.night_edges, jobs=options.jobs, overwrite=options.overwrite)
    return update(data, settings, done)


def edge_settings(night: Method) -> dict[str, str]:
    """Name the methods of the edge maps for the record."""
    return {'edgesA': DAY_METHOD, 'edgesB': night}


def _task(
    picture: Picture, data: Path, folder: Folder, selection: Selection, options: Options
) -> PictureTask:
    color = folder == 'trainA'
    geometry: Geometry = 'resize+crop'
    if options.size == 'native':
        geometry = 'native'
    elif folder == 'testB' and selection.crop_test_only:
        geometry = 'crop'
    suffix = picture.source.suffix.lower() if color and geometry == 'native' else '.png'
    return PictureTask(
        picture.source,
        data / folder / f'{picture.name}{suffix}',
        color,
        geometry,
        options.keep_16_bit,
    )


def _check_target(folder: Path, planned: list[PictureTask]) -> None:
    """Refuse to write among other pictures, or over the source itself."""
    if any(task.source.parent.resolve() == folder.resolve() for task in planned):
        raise DataError(f'{folder} is the source; choose another --out')
    if not folder.is_dir():
        return
    names = {task.target.name for task in planned}
    there = (file.name for file in folder.iterdir() if file.suffix.lower() in SUFFIXES)
    strangers = sorted(name for name in there if name not in names)
    if strangers:
        raise DataError(
            f'{folder} holds {len(strangers)} pictures that are not of this selection '
            f'({few(strangers)}); remove them, or choose another --out'
        )
