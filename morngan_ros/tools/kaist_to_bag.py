"""Write a video of KAIST Multispectral Pedestrian as a rosbag2 with its annotations, without ROS.

The bag contains thermal frames, camera_info and the annotated people, with stamps at the 20 Hz of
the recording. With --visible it also contains the registered colour frames.
"""

import argparse
from collections.abc import Iterator
from collections.abc import Sequence
from functools import partial
from pathlib import Path
import re

import cv2
import numpy as np

from morngan_ros.errors import FrameError
from morngan_ros.errors import SourceError
from morngan_ros.sources.pictures import read_picture
from morngan_ros.tools.support import cli
from morngan_ros.tools.support import to_bag
from morngan_ros.tools.support.kaist_annotations import find_annotations
from morngan_ros.tools.support.kaist_annotations import read_annotations
from morngan_ros.tools.support.kaist_annotations import require_annotations

EXAMPLES = """\
kaist-cvpr15/images/set04/V001 --out kaist_bag
set04/V001 --annotations kaist-cvpr15/annotations --visible --start 1700000000 --out kaist_bag"""

_RATE = 20.0
_FRAME = re.compile(r'I(\d+)')


@cli.reports_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = _parse(argv)
    skipped = cli.Skipped()
    video = options.video
    frames = _frames(video)
    annotations = _annotations(options, set(frames))
    shots = _shots(video, frames, annotations, skipped, options)
    to_bag.write(shots, len(frames), f'video {video.parent.name}/{video.name}', video, options)
    if not annotations.keys() & frames.keys():
        print('no annotations were found; --annotations names their folder')
    return skipped.exit_code()


def _frames(video: Path) -> dict[int, Path]:
    """Find the thermal frames of a video, by number."""
    folder = video / 'lwir'
    files = sorted(folder.glob('I[0-9]*.*')) if folder.is_dir() else []
    frames = {int(match[1]): file for file in files if (match := _FRAME.fullmatch(file.stem))}
    if not frames:
        raise SourceError(
            f'{video} is no video of KAIST: it has no lwir/I00000.jpg and so on; '
            'name a folder such as images/set00/V000'
        )
    return frames


def _annotations(options: argparse.Namespace, numbers: set[int]) -> dict[int, Path]:
    """Find the annotations: where the archive has them unless another folder is named."""
    video = options.video.resolve()
    if options.annotations is not None:
        return require_annotations(video, options.annotations.resolve(), numbers)
    return find_annotations(video, video.parent.parent.parent / 'annotations')


def _shots(
    video: Path,
    frames: dict[int, Path],
    annotations: dict[int, Path],
    skipped: cli.Skipped,
    options: argparse.Namespace,
) -> Iterator[to_bag.AnnotatedFrame]:
    start_ns = to_bag.start_ns(options)
    first = min(frames)
    for number, file in sorted(frames.items()):
        try:
            counts = read_picture(file)
            visible = _read_color(video / 'visible' / file.name) if options.visible else None
        except FrameError as error:
            skipped(file.name, error)
            continue
        text = annotations.get(number)
        found = (
            None if text is None else read_annotations(text, partial(skipped.add, 'annotations'))
        )
        stamp_ns = start_ns + round((number - first) * 1e9 / _RATE)
        yield to_bag.AnnotatedFrame(stamp_ns, counts, found, visible)


def _read_color(file: Path) -> np.ndarray:
    """Read a colour picture, uint8 [H, W, 3] RGB."""
    bgr = cv2.imread(str(file), cv2.IMREAD_COLOR)
    if bgr is None:
        raise FrameError(f'{file} is missing or broken', 'undecodable')
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = cli.parser('kaist_to_bag', __doc__ or '', EXAMPLES)
    parser.add_argument(
        'video', type=Path, help='folder of a video, with the folders lwir and visible'
    )
    parser.add_argument(
        '--annotations',
        type=Path,
        metavar='FOLDER',
        help='folder with set00/V000/I00000.txt or .xml (also below lwir), or with '
        'set00_V000_I00000.txt (default: annotations beside images)',
    )
    parser.add_argument(
        '--visible',
        action='store_true',
        help=f'write the colour frames too, to {to_bag.VISIBLE_TOPIC}',
    )
    to_bag.add_arguments(parser, '/thermal/image_raw')
    return parser.parse_args(argv)


if __name__ == '__main__':
    raise SystemExit(main())
