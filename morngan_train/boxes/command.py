"""The command `boxes`: let a detector label the road users of a data folder, show what came out."""

import argparse
from collections import Counter
from collections.abc import Callable
from collections.abc import Sequence
import json
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track

from morngan_ros.detector import Detector
from morngan_ros.generator import Generator
from morngan_train.boxes.teacher import find
from morngan_train.data.boxes import OBJECTS
from morngan_train.data.boxes import yolo_text
from morngan_train.data.reading import DataError
from morngan_train.data.reading import list_images
from morngan_train.data.reading import read_rgb
from morngan_train.data.reading import read_thermal

RECORD = 'made_by.json'
NIGHT = ('trainB', 'thermal')
"""Folders whose frames have no registered day picture."""

CLASSES = (*OBJECTS, 'truck', 'bus', 'motorcycle')
"""What the detector looks for; the last three become regions to leave out."""

PREVIEWS = 6
PREVIEW_WIDTH = 320
COLORS = ((80, 220, 255), (255, 160, 60), (120, 255, 120), (128, 128, 128))
"""BGR of person, bicycle, car, and of regions to leave out."""

Views = Callable[[Path], Sequence[np.ndarray]]


def add_parser(commands: 'argparse._SubParsersAction[argparse.ArgumentParser]') -> None:
    """Add `boxes` to the command line."""
    parser = commands.add_parser(
        'boxes',
        help='label road users with a detector',
        description='Write FOLDER_boxes/NAME.txt (YOLO format: person 0, bicycle 1, car 2) and '
        'FOLDER_ignore/NAME.txt for the folders trainA_thermal, trainB and thermal of DATA. '
        'Skip folders that do not exist or already have boxes. The detector looks at the '
        'registered day picture for trainA_thermal, and at the frame and its colour for the '
        'others. Check DATA/boxes_preview.png before training.',
    )
    parser.add_argument('data', type=Path, help='data folder, see docs/data.md')
    parser.add_argument(
        '--detector', type=Path, required=True, help='ONNX export of YOLO or YOLOX with COCO names'
    )
    parser.add_argument(
        '--model', type=Path, help='generator for the colour of night frames (default: none)'
    )
    parser.add_argument(
        '--sure', type=float, default=0.25, help='minimum score of a box (default: %(default)s)'
    )
    parser.add_argument(
        '--doubtful',
        type=float,
        default=0.08,
        help='minimum score of an ignore region (default: %(default)s)',
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Label all folders that have no boxes."""
    if not 0 < arguments.doubtful <= arguments.sure <= 1:
        raise DataError('--doubtful and --sure are scores: 0 < doubtful <= sure <= 1')
    folders = _folders(arguments.data)
    detector = Detector.load(arguments.detector, threshold=arguments.doubtful, tiles=True)
    detector.classes = [name for name in CLASSES if name in detector.names]
    generator = Generator.load(arguments.model) if arguments.model else None

    def by_day(path: Path) -> list[np.ndarray]:
        return [read_rgb(_day_picture(path))]

    def by_night(path: Path) -> list[np.ndarray]:
        frame = read_thermal(path)
        gray = cv2.cvtColor(frame, cv2.COLOR_GRAY2RGB)
        return [gray] if generator is None else [gray, generator(frame)]

    previews = []
    for folder in folders:
        views = by_night if folder.name in NIGHT else by_day
        previews += _label(folder, detector, views, arguments.sure)
        _sibling(folder, 'boxes').joinpath(RECORD).write_text(_record(arguments), encoding='utf-8')
    picture = arguments.data / 'boxes_preview.png'
    cv2.imwrite(str(picture), np.hstack(previews))
    Console().print(f'check {picture}', soft_wrap=True)
    return 0


def _folders(data: Path) -> list[Path]:
    """List the folders to label.

    Raises:
        DataError: There are none.
    """
    there = [data / name for name in ('trainA_thermal', *NIGHT) if (data / name).is_dir()]
    bare = [folder for folder in there if not _sibling(folder, 'boxes').exists()]
    if not there:
        raise DataError(f'{data} has no folder trainA_thermal, trainB or thermal; see docs/data.md')
    if not bare:
        names = ', '.join(_sibling(folder, 'boxes').name for folder in there)
        raise DataError(f'{data} already has {names}; remove a folder to remake it')
    return bare


def _label(folder: Path, detector: Detector, views: Views, sure: float) -> list[np.ndarray]:
    """Write the files of one folder; return a column of pictures with their boxes."""
    targets = [_sibling(folder, kind) for kind in ('boxes', 'ignore')]
    for target in targets:
        target.mkdir(exist_ok=True)
    files = list_images(folder)
    shown = set(files[:: max(1, len(files) // PREVIEWS)][:PREVIEWS])
    counts: Counter[str] = Counter()
    previews = []
    for path in track(files, folder.name, console=Console(stderr=True)):
        frame = read_thermal(path)
        height, width = frame.shape
        found = find(detector, views(path), sure)
        for target, rows in zip(targets, found, strict=True):
            text = yolo_text(rows, width, height)
            (target / f'{path.stem}.txt').write_text(text, encoding='utf-8')
        counts.update(OBJECTS[int(number)] for number in found[0][:, 0])
        counts['left out'] += len(found[1])
        if path in shown:
            previews.append(_preview(frame, *found))
    told = ', '.join(f'{count} {name}' for name, count in counts.items())
    Console().print(f'{folder.name}: {len(files)} frames: {told}', soft_wrap=True)
    return [np.vstack(_of_one_size(previews))]


def _preview(frame: np.ndarray, boxes: np.ndarray, regions: np.ndarray) -> np.ndarray:
    picture = cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR)
    for rows, fixed in ((regions, len(OBJECTS)), (boxes, None)):
        for number, *corners in rows:
            x1, y1, x2, y2 = (round(c) for c in corners)
            color = COLORS[int(number) if fixed is None else fixed]
            cv2.rectangle(picture, (x1, y1), (x2, y2), color, 2)
    height = round(PREVIEW_WIDTH * frame.shape[0] / frame.shape[1])
    return cv2.resize(picture, (PREVIEW_WIDTH, height), interpolation=cv2.INTER_AREA)


def _of_one_size(pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Bring pictures of a column to the lowest height among them, and their number to six."""
    height = PREVIEW_WIDTH * 4 // 5
    column = [cv2.resize(picture, (PREVIEW_WIDTH, height)) for picture in pictures]
    return column + [np.zeros_like(column[0])] * (PREVIEWS - len(column))


def _day_picture(path: Path) -> Path:
    """Find the day picture that a thermal frame is registered to."""
    folder = path.parent.parent / 'trainA'
    found = [file for file in list_images(folder) if file.stem == path.stem]
    if not found:
        raise DataError(f'{path} has no picture of the same name in {folder}')
    return found[0]


def _sibling(folder: Path, kind: str) -> Path:
    return folder.with_name(f'{folder.name}_{kind}')


def _record(arguments: argparse.Namespace) -> str:
    """Say what made the boxes: files by name, for paths mean nothing elsewhere."""
    return json.dumps(
        {
            'detector': arguments.detector.name,
            'model': arguments.model.name if arguments.model else '',
            'sure': arguments.sure,
            'doubtful': arguments.doubtful,
        },
        indent=2,
    )
