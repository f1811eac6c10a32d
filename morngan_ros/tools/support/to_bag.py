"""What the commands that write frames as a rosbag2 share: their options and the writing itself."""

import argparse
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
import time
from typing import Any
from typing import NamedTuple

import numpy as np

from morngan_ros.bags import BagWriter
from morngan_ros.bags import camera_info_message
from morngan_ros.bags import detections_message
from morngan_ros.bags import image_message
from morngan_ros.bags import sibling
from morngan_ros.bags import STORAGES
from morngan_ros.bags.calibration import Calibration
from morngan_ros.bags.calibration import read_calibration
from morngan_ros.bags.calibration import UNCALIBRATED
from morngan_ros.errors import SourceError
from morngan_ros.object_finder import Detection
from morngan_ros.sources.frames import DEFAULT_FRAME_ID
from morngan_ros.tools.support import cli

VISIBLE_TOPIC = '/visible/image_raw'


class AnnotatedFrame(NamedTuple):
    """What was seen at one moment.

    Attributes:
        stamp_ns: Goes into all headers.
        counts: Thermal picture, uint8 or uint16 [H, W].
        annotations: What is in it by the word of people; empty says nobody, None says nothing.
        visible: The same view in colour, uint8 [H, W, 3] RGB; None if there is none.
    """

    stamp_ns: int
    counts: np.ndarray
    annotations: Sequence[Detection] | None = None
    visible: np.ndarray | None = None


def add_arguments(parser: argparse.ArgumentParser, topic: str) -> None:
    """Add the options that all these commands have.

    Args:
        parser: Gets the options that `write` reads.
        topic: Default name of the thermal images.
    """
    parser.add_argument('--out', type=Path, required=True, help='the bag, a new directory')
    parser.add_argument('--topic', default=topic, help='topic of the images (default: %(default)s)')
    parser.add_argument('--frame-id', default=DEFAULT_FRAME_ID, help='default: %(default)s')
    parser.add_argument(
        '--start', type=float, help='stamp of the first frame, seconds since 1970 (default: now)'
    )
    parser.add_argument(
        '--camera-info',
        type=Path,
        metavar='FILE.yaml',
        help='calibration file of camera_calibration (default: none)',
    )
    parser.add_argument('--storage', choices=STORAGES, default='mcap', help='default: %(default)s')
    parser.add_argument('--overwrite', action='store_true', help='replace an existing bag')


class EntryError(ValueError):
    """An entry of an annotation file cannot be used.

    Args:
        message: Why.
        cause: The same in a word or two, by which such entries are counted.
    """

    def __init__(self, message: str, cause: str) -> None:
        super().__init__(message)
        self.cause = cause


#: Called with the name of an entry that cannot be used, the cause in a word, and the reason.
OnBadEntry = Callable[[str, str, str], None]


def numbers_of(values: Sequence[Any]) -> list[float]:
    """Read four finite numbers.

    Raises:
        EntryError: They are others.
    """
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError):
        numbers = []
    if len(numbers) != 4 or not np.isfinite(numbers).all():
        raise EntryError(f'not the four numbers of a box: {values!r}', 'box')
    return numbers


def box_of(values: Sequence[Any]) -> tuple[float, float, float, float]:
    """Turn left, top, width and height, as they were read from a file, into corners.

    Raises:
        EntryError: They are not four numbers, or describe no box in pixels.
    """
    left, top, width, height = numbers_of(values)
    if width <= 0 or height <= 0:
        raise EntryError(f'a box without extent: {values!r}', 'box')
    if max(left, top, width, height) <= 1:
        raise EntryError(
            f'shares of the picture, as YOLO writes, instead of pixels: {values!r}', 'box'
        )
    return left, top, left + width, top + height


def start_ns(options: argparse.Namespace) -> int:
    """Return the stamp of the first frame."""
    return time.time_ns() if options.start is None else round(options.start * 1e9)


def write(
    shots: Iterable[AnnotatedFrame],
    count: int,
    label: str,
    source: str | Path,
    options: argparse.Namespace,
) -> None:
    """Write the bag, with a progress bar, and sum up.

    Args:
        shots: In the order of their stamps.
        count: How many there are, or nearly.
        label: What they are, for people: 'folder night_drive'.
        source: Path of the input, which must not be the output.
        options: From a parser of `add_arguments`.

    Raises:
        SourceError: The bag cannot be written, the calibration does not fit, or nothing came.
    """
    shots = iter(shots)
    # An old bag is replaced only when there is something to write.
    first = next(shots, None)
    if first is None:
        raise SourceError(f'{label}: none of its frames could be read')
    calibration = _calibration(options.camera_info, first)
    cli.claim_output(options.out, str(source), options.overwrite)
    counts: Counter[str] = Counter()
    with BagWriter(options.out, options.storage) as bag, cli.progress() as progress:
        for shot in progress.track(chain([first], shots), count, description='write'):
            for topic, message in _messages(shot, options, calibration):
                bag.write(topic, message, shot.stamp_ns)
                counts[topic] += 1
    topics = ', '.join(f'{topic} {number}' for topic, number in counts.items())
    print(f'{counts[options.topic]} frames of {label} -> {options.out} ({topics})')


def _calibration(file: Path | None, shot: AnnotatedFrame) -> Calibration:
    """Read the calibration, if there is one, and see that it is of such pictures."""
    if file is None:
        return UNCALIBRATED
    calibration = read_calibration(file)
    height, width = shot.counts.shape
    if (calibration.width, calibration.height) != (width, height):
        raise SourceError(
            f'{file} is of pictures of {calibration.width}x{calibration.height}, '
            f'these have {width}x{height}'
        )
    return calibration


def _messages(
    shot: AnnotatedFrame, options: argparse.Namespace, calibration: Calibration
) -> list[tuple[str, object]]:
    head = shot.stamp_ns, options.frame_id
    height, width = shot.counts.shape
    info = camera_info_message(height, width, *head, calibration)
    messages = [
        (options.topic, image_message(shot.counts, *head)),
        (sibling(options.topic, 'camera_info'), info),
    ]
    if shot.annotations is not None:
        found = detections_message(shot.annotations, *head)
        messages.append((sibling(options.topic, 'annotations'), found))
    if shot.visible is not None:
        messages.append((VISIBLE_TOPIC, image_message(shot.visible, *head)))
    return messages
