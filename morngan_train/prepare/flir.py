"""FLIR ADAS, the Thermal Starter set (v1) and its successor (v2), as their archives unpack."""

from collections import Counter
from dataclasses import dataclass
import json
from pathlib import Path

from morngan_train.data.reading import DataError
from morngan_train.data.reading import SUFFIXES
from morngan_train.prepare.lists import bare_name
from morngan_train.prepare.lists import read_lists
from morngan_train.prepare.selection import few
from morngan_train.prepare.selection import Folder
from morngan_train.prepare.selection import Selection
from morngan_train.prepare.selection import SourcePicture

_V1_PARTS = ('training', 'train', 'validation', 'val', 'video')
_V2_PARTS = ('images_{}_train', 'images_{}_val', 'video_{}_test')


@dataclass(frozen=True, slots=True)
class _Layout:
    version: str
    root: Path
    color: list[Path]
    thermal: list[Path]


def select_flir(source: Path, lists: Path | None) -> Selection:
    """Choose the frames of FLIR ADAS.

    With lists, the frames that they name, from all parts of the set. Without, v2 goes by the
    attribute `hours` that its coco.json gives each frame: day colour and night thermal of the
    training part, night thermal of the validation part for testB; dawn, dusk and frames without
    the attribute are left out. v1 has no such attribute.

    Args:
        source: Where the archive was unpacked, or the folder in it.
        lists: Folder of split lists.

    Returns:
        trainA, trainB and testB; what the lists name in vain is among the problems.

    Raises:
        DataError: There is no FLIR ADAS here, v1 comes without lists, or a file is unreadable.
    """
    layout = _find_layout(source)
    if lists is not None:
        return _by_lists(layout, lists)
    if layout.version == 'v1':
        raise DataError(
            f'{layout.root} is FLIR ADAS v1, which does not mark day and night; give --lists, '
            'see docs/data.md for the published lists'
        )
    return _by_hours(layout.root)


def _find_layout(source: Path) -> _Layout:
    if not source.is_dir():
        raise DataError(f'{source} does not exist or is not a folder')
    for root in (source, *sorted(path for path in source.iterdir() if path.is_dir())):
        color, thermal = (
            [folder for part in _V2_PARTS if (folder := root / part.format(kind) / 'data').is_dir()]
            for kind in ('rgb', 'thermal')
        )
        if color and thermal:
            return _Layout('v2', root, color, thermal)
        color, thermal = (
            [folder for part in _V1_PARTS if (folder := root / part / name).is_dir()]
            for name in ('RGB', 'thermal_8_bit')
        )
        if color and thermal:
            return _Layout('v1', root, color, thermal)
    raise DataError(
        f'{source} does not contain FLIR ADAS; expected in this folder or one level below:\n  '
        'v1: training/RGB, training/thermal_8_bit, validation/... (or train, val)\n  v2: '
        'images_rgb_train/data, images_thermal_train/data, images_thermal_val/data'
    )


def _by_lists(layout: _Layout, lists: Path) -> Selection:
    selection = Selection(f'FLIR ADAS {layout.version}', 'lists')
    found = {'A': _index(layout.color), 'B': _index(layout.thermal)}
    for folder, lines in read_lists(lists).items():
        files = found[folder[-1]]
        names = [bare_name(line) for line in lines]
        missing = [name for name in names if name not in files]
        if missing:
            where = layout.color if folder == 'trainA' else layout.thermal
            selection.problems.append(
                f'{len(missing)} of the {len(names)} names for {folder} are not in '
                f'{", ".join(map(str, where))}: {few(missing)}'
            )
        selection.add(folder, [SourcePicture(files[name], name) for name in names if name in files])
    return selection


def _index(folders: list[Path]) -> dict[str, Path]:
    return {
        file.stem: file
        for folder in folders
        for file in folder.iterdir()
        if file.suffix.lower() in SUFFIXES
    }


def _by_hours(root: Path) -> Selection:
    selection = Selection('FLIR ADAS v2', 'attributes')
    wanted: list[tuple[Folder, str, str]] = [
        ('trainA', 'images_rgb_train', 'day'),
        ('trainB', 'images_thermal_train', 'night'),
        ('testB', 'images_thermal_val', 'night'),
    ]
    for folder, part, hours in wanted:
        frames = _frames(root / part)
        counts = Counter(hour or 'unknown' for _, hour in frames)
        others = ', '.join(f'{n} {hour}' for hour, n in sorted(counts.items()) if hour != hours)
        if others:
            selection.notes.append(f'{folder}: left out of {part}: {others}')
        chosen = [root / part / 'data' / name for name, hour in frames if hour == hours]
        missing = [file.name for file in chosen if not file.is_file()]
        if missing:
            selection.problems.append(
                f'{len(missing)} of the {len(chosen)} {hours} frames of {part}/coco.json are not '
                f'in {root / part / "data"}: {few(missing)}'
            )
        selection.add(folder, [SourcePicture(file, file.stem) for file in chosen])
    return selection


def _frames(part: Path) -> list[tuple[str, str | None]]:
    """Read file names, without folders, and the attribute `hours` of the frames of a part."""
    file = part / 'coco.json'
    try:
        images = json.loads(file.read_text())['images']
        return [
            (Path(image['file_name']).name, (image.get('extra_info') or {}).get('hours'))
            for image in images
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f'{file} cannot be read as the annotations of FLIR ADAS v2 ({error!r}); '
            'unpack it again, or give --lists'
        ) from error
