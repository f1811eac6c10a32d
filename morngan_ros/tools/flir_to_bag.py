"""Write a part of FLIR ADAS, version 1 or 2, as a rosbag2 with its annotations, without ROS.

Stamps follow the numbers in the names of the frames at --rate, so that gaps stay gaps. Each
recording of a part begins ten seconds after the last one, so that the exposure restarts.
"""

import argparse
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from functools import partial
from pathlib import Path
import re
from typing import NamedTuple

from morngan_ros.errors import FrameError
from morngan_ros.errors import SourceError
from morngan_ros.images.suffixes import IMAGE_SUFFIXES
from morngan_ros.object_finder import Detection
from morngan_ros.sources.pictures import read_picture
from morngan_ros.tools.support import cli
from morngan_ros.tools.support import to_bag
from morngan_ros.tools.support.flir_annotations import read_annotations

EXAMPLES = """\
FLIR_ADAS_1_3/video --out flir_bag
FLIR_ADAS_1_3/val --bits 16 --rate 2 --out flir_bag
FLIR_ADAS_v2/video_thermal_test --recording 57kWWRyeqqHs3Byei --out flir_bag"""

# Between two recordings: more than the parameter exposure_reset_after.
_GAP_NS = 10_000_000_000

# FLIR_00001, FLIR_video_00001 (v1); video-57kWWRyeqqHs3Byei-frame-000816-b6tuLjNco8MfoBs3d (v2).
_NAMES = (
    re.compile(r'FLIR_(?:video_)?(?P<number>\d+)'),
    re.compile(r'video-(?P<recording>\w+)-frame-(?P<number>\d+)(?:-\w+)?'),
)


class Layout(NamedTuple):
    """Where a version of the set keeps its files."""

    version: str
    folders: Mapping[int, str]  # by bits of a pixel
    annotations: str


LAYOUTS = (
    Layout('v1', {8: 'thermal_8_bit', 16: 'thermal_16_bit'}, 'thermal_annotations.json'),
    Layout('v2', {8: 'data', 16: 'analyticsData'}, 'coco.json'),
)


class FlirFrame(NamedTuple):
    """One picture of a recording, in their order."""

    recording: str
    number: int
    file: Path


@cli.reports_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = _parse(argv)
    if options.rate <= 0:
        raise SourceError(f'--rate must be above zero, not {options.rate}')
    layout = _layout(options.part)
    skipped = cli.Skipped()
    frames = _frames(options.part / layout.folders[options.bits], options.recording, skipped)
    annotations = read_annotations(
        options.part / layout.annotations, partial(skipped.add, 'annotations')
    )
    shots = _shots(frames, annotations, skipped, options)
    label = f'FLIR ADAS {layout.version} {options.part.resolve().name}'
    to_bag.write(shots, len(frames), label, options.part, options)
    if not any(frame.file.stem in annotations for frame in frames):
        print(f'{layout.annotations} annotates none of these frames')
    return skipped.exit_code()


def _layout(part: Path) -> Layout:
    for layout in LAYOUTS:
        if (part / layout.annotations).is_file():
            return layout
    raise SourceError(
        f'{part} is no thermal part of FLIR ADAS; looked in it for thermal_annotations.json '
        '(version 1: train, val, video) and coco.json (version 2: images_thermal_train, '
        'images_thermal_val, video_thermal_test)'
    )


def _frames(folder: Path, recording: str | None, skipped: cli.Skipped) -> list[FlirFrame]:
    """List the frames of a folder by recording and number."""
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    pictures = [file for file in files if file.suffix.lower() in IMAGE_SUFFIXES]
    hidden = [file.name for file in pictures if file.name.startswith('.')]
    if hidden:
        cli.tell([f'{len(hidden)} hidden files such as {hidden[0]} are no frames'])
    pictures = [file for file in pictures if not file.name.startswith('.')]
    frames = sorted(frame for file in pictures if (frame := _frame(file, skipped)) is not None)
    if not frames and pictures:
        raise SourceError(
            f'{folder} holds no frames of FLIR ADAS: no picture in it is named as they are'
        )
    if not frames:
        raise SourceError(f'{folder} is missing or holds no pictures')
    if recording is None:
        return frames
    chosen = [frame for frame in frames if frame.recording == recording]
    if not chosen:
        held = ', '.join(sorted({frame.recording or 'unnamed' for frame in frames}))
        raise SourceError(f'{folder} has no recording {recording!r}; it has: {held}')
    return chosen


def _frame(file: Path, skipped: cli.Skipped) -> FlirFrame | None:
    for pattern in _NAMES:
        match = pattern.fullmatch(file.stem)
        if match:
            return FlirFrame(match.groupdict().get('recording', ''), int(match['number']), file)
    reason = 'its name is none of FLIR ADAS, so its place among the frames is not known'
    skipped.add('files', file.name, 'name', reason)
    return None


def _shots(
    frames: Sequence[FlirFrame],
    annotations: Mapping[str, list[Detection]],
    skipped: cli.Skipped,
    options: argparse.Namespace,
) -> Iterator[to_bag.AnnotatedFrame]:
    origin_ns = stamp_ns = to_bag.start_ns(options)
    recording, first = frames[0].recording, frames[0].number
    for frame in frames:
        if frame.recording != recording:
            recording, first = frame.recording, frame.number
            origin_ns = stamp_ns + _GAP_NS
        stamp_ns = origin_ns + round((frame.number - first) * 1e9 / options.rate)
        try:
            counts = read_picture(frame.file)
        except FrameError as error:
            skipped(frame.file.name, error)
            continue
        yield to_bag.AnnotatedFrame(stamp_ns, counts, annotations.get(frame.file.stem))


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = cli.parser('flir_to_bag', __doc__ or '', EXAMPLES)
    parser.add_argument(
        'part', type=Path, help='folder such as train, val, video, or images_thermal_val of v2'
    )
    parser.add_argument(
        '--bits',
        type=int,
        choices=(8, 16),
        default=8,
        help='bits of a pixel (default: %(default)s)',
    )
    parser.add_argument(
        '--rate',
        type=float,
        default=30.0,
        help='frames per second for the numbers in the names (default: %(default)s, the rate of '
        'the camera; train and val of v1 were sampled at 2, rarely at 1)',
    )
    parser.add_argument(
        '--recording',
        metavar='ID',
        help='convert one recording of a part of v2, by the name of its frames',
    )
    to_bag.add_arguments(parser, '/thermal/image_raw')
    return parser.parse_args(argv)


if __name__ == '__main__':
    raise SystemExit(main())
