"""The command `masks`: let teachers label the day pictures of a data folder, show what came out."""

import argparse
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
import json
from pathlib import Path
from typing import Literal
from typing import TypeVar

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table
import torch

from morngan_train.classes import CLASSES
from morngan_train.classes import Label
from morngan_train.classes import paint
from morngan_train.classes import UNLABELLED
from morngan_train.data.prepared import masks_are_finished
from morngan_train.data.reading import list_images
from morngan_train.data.reading import read_rgb
from morngan_train.files import written_whole
from morngan_train.labels.denoising import denoise_day
from morngan_train.labels.fusion import fuse
from morngan_train.masks.teachers import MaskFolder
from morngan_train.masks.teachers import open_teacher
from morngan_train.masks.teachers import Options
from morngan_train.masks.teachers import read_class_map
from morngan_train.masks.teachers import Teacher
from morngan_train.masks.teachers import TeacherError

ROLES = ('cityscapes', 'coco')
FUSED = 'fused'
RECORD = 'made_by.json'
DEFAULTS = Options()

PREVIEW_ROWS = 6
PREVIEW_WIDTH = 320
CAPTION = 20

Fusion = Literal['panoptic', 'objects']
T = TypeVar('T')


def add_parser(commands: 'argparse._SubParsersAction[argparse.ArgumentParser]') -> None:
    """Add `masks` to the command line."""
    parser = commands.add_parser(
        'masks',
        help='label day pictures with teachers',
        description='Write DATA/masks_ROLE/NAME.png, Cityscapes trainIds, for every picture of '
        'DATA/trainA. Then print the pixels of each class and draw DATA/masks_preview.png. '
        'Without --teacher, check the existing masks. After an interruption, run the same '
        'command again to resume.',
    )
    parser.add_argument('data', type=Path, help='data folder, see docs/data.md')
    parser.add_argument(
        '--teacher',
        type=_assignment,
        action='append',
        default=[],
        metavar='ROLE=SOURCE',
        help='role cityscapes or coco; a folder of masks, the folder of a network, or the name '
        'of a network on the Hugging Face hub',
    )
    parser.add_argument(
        '--map',
        type=_assignment,
        action='append',
        default=[],
        metavar='ROLE=FILE',
        help="YAML file with the trainIds of the teacher's classes; needed for networks whose "
        'classes are neither those of Cityscapes nor of COCO panoptic, and for folders with '
        'other ids',
    )
    parser.add_argument(
        '--threshold',
        type=_confidence,
        default=DEFAULTS.threshold,
        help='minimum confidence of a labelled pixel (%(default)s; 0: label everything)',
    )
    parser.add_argument(
        '--side',
        type=int,
        default=DEFAULTS.side,
        help='shorter side, in pixels, of a picture at the input of a network (%(default)s)',
    )
    parser.add_argument(
        '--enhance',
        action='store_true',
        help='stretch the contrast at the input of a network, for hazy pictures',
    )
    parser.add_argument(
        '--fusion',
        choices=('panoptic', 'objects'),
        default='panoptic',
        help='what the coco masks cover; affects table and preview (%(default)s)',
    )
    parser.add_argument(
        '--device', default=_device(), help='device that runs the networks (%(default)s)'
    )
    parser.add_argument('--jobs', type=int, default=1, help='pictures per batch (%(default)s)')
    parser.add_argument(
        '--overwrite', action='store_true', help='delete the masks of these roles first'
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Label, count and draw.

    Returns:
        0, or 130 when interrupted.

    Raises:
        DataError: `trainA` is missing or empty, a picture cannot be decoded, or masks are missing
            or wrong.
        TeacherError: A teacher cannot be opened, or there are masks by another one.
    """
    pictures = _list_pictures(args.data / 'trainA')
    sources, maps = _by_role(args.teacher), _by_role(args.map)
    for role in maps:
        if role not in sources:
            raise TeacherError(f'--map {role}=... needs --teacher {role}=...')
    try:
        # All are opened before the first one works: what is wrong is said now, not in an hour.
        teachers = {
            role: _open(args, pictures, source, maps.get(role)) for role, source in sources.items()
        }
        for role, teacher in teachers.items():
            folder = _folder(args.data, role)
            _claim(folder, teacher, overwrite=args.overwrite)
            _label_all(teacher, pictures, folder, args.jobs)
        _report(args.data, pictures, args.fusion, args.jobs)
    except KeyboardInterrupt:
        print('stopped; run the same command again to resume')
        return 130
    return 0


def _assignment(text: str) -> tuple[str, str]:
    role, _, value = text.partition('=')
    if role not in ROLES or not value:
        raise argparse.ArgumentTypeError(f'{text!r} is neither cityscapes=... nor coco=...')
    return role, value


def _confidence(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f'{value} is not in [0, 1]')
    return value


def _by_role(pairs: list[tuple[str, str]]) -> dict[str, str]:
    by_role = dict(pairs)
    if len(by_role) < len(pairs):
        raise TeacherError('--teacher and --map can be given once for each role')
    return by_role


def _device() -> str:
    return 'cuda' if torch.cuda.is_available() else 'cpu'


def _list_pictures(folder: Path) -> list[Path]:
    pictures = list_images(folder)
    first: dict[str, Path] = {}
    for picture in pictures:
        if first.setdefault(picture.stem, picture) is not picture:
            raise TeacherError(
                f'{picture} and {first[picture.stem].name} would share one mask; rename one of them'
            )
    return pictures


def _folder(data: Path, role: str) -> Path:
    return data / f'masks_{role}'


def _open(
    args: argparse.Namespace, pictures: list[Path], source: str, class_map: str | None
) -> Teacher:
    if Path(source).resolve() in {_folder(args.data, role).resolve() for role in ROLES}:
        raise TeacherError(
            f'{source} is the folder that masks are written to; leave out '
            '--teacher to check its masks'
        )
    return open_teacher(
        source,
        pictures,
        read_class_map(Path(class_map)) if class_map else None,
        Options(args.threshold, args.side, args.enhance, args.device),
    )


def _claim(folder: Path, teacher: Teacher, *, overwrite: bool) -> None:
    """Make sure that a folder holds no masks but those of this teacher with these settings."""
    folder.mkdir(exist_ok=True)
    record = folder / RECORD
    wanted = json.dumps(teacher.settings, indent=2)
    masks = list(folder.glob('*.png'))
    if overwrite:
        for mask in masks:
            mask.unlink()
    elif masks and not (record.is_file() and record.read_text(encoding='utf-8') == wanted):
        raise TeacherError(
            f'{folder} holds {len(masks)} masks made with other settings (see {RECORD} in this '
            'folder); add --overwrite to delete them first'
        )
    record.write_text(wanted, encoding='utf-8')


def _label_all(teacher: Teacher, pictures: list[Path], folder: Path, jobs: int) -> None:
    """Write the masks that are not there yet."""
    pending = [picture for picture in pictures if not (folder / f'{picture.stem}.png').is_file()]
    for _ in _parallel(partial(_label, teacher, folder), pending, jobs, folder.name):
        pass


def _label(teacher: Teacher, folder: Path, picture: Path) -> None:
    """Write the mask of a picture, whole or not at all."""
    labels = teacher(picture.stem, read_rgb(picture))
    with written_whole(folder / f'{picture.stem}.png') as partial:
        partial.write_bytes(cv2.imencode('.png', labels)[1].tobytes())


def _parallel(work: Callable[[Path], T], pictures: list[Path], jobs: int, what: str) -> Iterator[T]:
    """Do the work for every picture in threads; OpenCV and PyTorch run beside each other."""
    pool = ThreadPoolExecutor(max(1, jobs))
    try:
        results = pool.map(work, pictures)
        yield from track(results, what, len(pictures), console=Console(stderr=True))
    finally:
        pool.shutdown(cancel_futures=True)


def _report(data: Path, pictures: list[Path], fusion: Fusion, jobs: int) -> None:
    """Check all masks, print what they label, draw some of them."""
    folders = {role: _folder(data, role) for role in ROLES if _folder(data, role).is_dir()}
    if not folders:
        raise TeacherError(f'{data} has no masks yet; create them with --teacher')
    masks = {role: MaskFolder(folder, pictures) for role, folder in folders.items()}
    read = partial(_read_labels, masks, fusion, masks_are_finished(data))
    counts = _parallel(lambda picture: _count(read(picture)), pictures, jobs, 'checking')
    Console().print(_table(_sum(counts)))
    chosen = pictures[:: max(1, len(pictures) // PREVIEW_ROWS)][:PREVIEW_ROWS]
    path = data / 'masks_preview.png'
    sheet = _sheet((read_rgb(picture), read(picture)) for picture in chosen)
    cv2.imwrite(str(path), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    print(f'wrote {path}; check it before you train')


def _read_labels(
    masks: dict[str, MaskFolder], fusion: Fusion, finished: bool, picture: Path
) -> dict[str, np.ndarray]:
    """Read the masks of a picture; add what training makes of them, fused and denoised."""
    rgb = read_rgb(picture)
    labels = {role: folder(picture.stem, rgb) for role, folder in masks.items()}
    if 'cityscapes' in labels:
        fused = fuse(labels['cityscapes'], labels.get('coco'), fusion)
        labels[FUSED] = fused if finished else denoise_day(fused, rgb)
    return labels


def _count(labels: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: np.bincount(mask.ravel(), minlength=256) for name, mask in labels.items()}


def _sum(counts: Iterable[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    total: dict[str, np.ndarray] = {}
    for count in counts:
        for name, pixels in count.items():
            total[name] = total.get(name, 0) + pixels
    return total


def _table(counts: dict[str, np.ndarray]) -> Table:
    """Lay out pixels by class: int64 [256] for each set of masks."""
    table = Table(title='pixels by class')
    table.add_column('class')
    for name in counts:
        table.add_column('fused, denoised' if name == FUSED else name, justify='right')
    for label in Label:
        table.add_row(label.name.lower(), *(_cell(c[label], c.sum()) for c in counts.values()))
    table.add_section()
    table.add_row('labelled', *(_cell(c[:CLASSES].sum(), c.sum()) for c in counts.values()))
    table.add_row('unlabelled', *(_cell(c[UNLABELLED], c.sum()) for c in counts.values()))
    return table


def _cell(pixels: int, total: int) -> str:
    return f'{pixels:,} {pixels / total:7.2%}'


def _sheet(rows: Iterable[tuple[np.ndarray, dict[str, np.ndarray]]]) -> np.ndarray:
    """Draw a row for each picture: itself, then its masks over it; unlabelled pixels are dark."""
    strips = []
    for rgb, labels in rows:
        masked = {name: cv2.addWeighted(rgb, 0.4, paint(m), 0.6, 0) for name, m in labels.items()}
        cells = {'picture': rgb, **masked}
        strips.append(np.hstack([_captioned(cell, name) for name, cell in cells.items()]))
    return np.vstack(strips)


def _captioned(picture: np.ndarray, caption: str) -> np.ndarray:
    height = round(PREVIEW_WIDTH * picture.shape[0] / picture.shape[1])
    small = cv2.resize(picture, (PREVIEW_WIDTH, height), interpolation=cv2.INTER_AREA)
    framed = cv2.copyMakeBorder(small, CAPTION, 0, 0, 0, cv2.BORDER_CONSTANT)
    place = (4, CAPTION - 6)
    return cv2.putText(framed, caption, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255))
