"""Colorize a folder of pictures, a video or a bag; no ROS needed."""

import argparse
from collections.abc import Callable
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import Protocol

import cv2
import numpy as np

from morngan_ros.bags import BagWriter
from morngan_ros.bags import detections_message
from morngan_ros.bags import image_message
from morngan_ros.bags import is_bag
from morngan_ros.bags import STORAGES
from morngan_ros.engine import PROVIDERS
from morngan_ros.errors import FrameError
from morngan_ros.errors import SourceError
from morngan_ros.models import default_model
from morngan_ros.overlay import draw
from morngan_ros.pipeline import Pipeline
from morngan_ros.pipeline import Result
from morngan_ros.sources import Frame
from morngan_ros.sources import open_source
from morngan_ros.sources import Source
from morngan_ros.sources import VIDEO_SUFFIXES
from morngan_ros.tools import cli

EXAMPLES = """\
night_drive/ --out colored/
night.mp4 --out colored.mp4 --detector yolov8n.onnx --overlay
night_bag/ --out colored_bag/ --detector yolov8n.onnx"""


class Sink(Protocol):
    """Where the results go."""

    def write(self, frame: Frame, result: Result) -> None:
        """Append one."""

    def close(self) -> None:
        """Finish the file."""


class FolderSink:
    """PNG files that keep the names of the frames."""

    def __init__(self, folder: Path, picture: Callable[[Result], np.ndarray]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._picture = picture
        self._written: set[str] = set()

    def write(self, frame: Frame, result: Result) -> None:
        """Save the picture as NAME.png."""
        path = self._folder / f'{frame.name}.png'
        if frame.name in self._written:
            raise SourceError(f'two pictures are named {frame.name}: both would become {path}')
        self._written.add(frame.name)
        _save_png(path, self._picture(result))

    def close(self) -> None:
        """Do nothing: every file is finished."""


class VideoSink:
    """An MP4 file as large as the first frame."""

    def __init__(self, path: Path, rate: float, picture: Callable[[Result], np.ndarray]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._rate = rate
        self._picture = picture
        self._writer: cv2.VideoWriter | None = None

    def write(self, frame: Frame, result: Result) -> None:
        """Append the picture."""
        picture = self._picture(result)
        if self._writer is None:
            self._writer = self._open(picture.shape[1], picture.shape[0])
        self._writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))

    def close(self) -> None:
        """Write the index of the file."""
        if self._writer is not None:
            self._writer.release()

    def _open(self, width: int, height: int) -> cv2.VideoWriter:
        code = cv2.VideoWriter.fourcc(*'mp4v')
        writer = cv2.VideoWriter(str(self._path), code, self._rate, (width, height))
        if not writer.isOpened():
            raise SourceError(f'video {self._path} cannot be written; end its name in .mp4')
        return writer


class BagSink:
    """A bag with the topics of the node and the stamps of the input."""

    def __init__(self, path: Path, storage: str, detections: bool, overlay: bool) -> None:
        self._bag = BagWriter(path, storage)
        self._detections = detections
        self._overlay = overlay

    def write(self, frame: Frame, result: Result) -> None:
        """Append color/image_raw and, as asked for, detections and overlay/image_raw."""
        head = frame.stamp_ns, frame.frame_id
        messages = {'/color/image_raw': image_message(result.color, *head)}
        if self._detections:
            messages['/detections'] = detections_message(result.detections, *head)
        if self._overlay:
            picture = draw(result.color, result.detections)
            messages['/overlay/image_raw'] = image_message(picture, *head)
        for topic, message in messages.items():
            self._bag.write(topic, message, frame.recorded_ns)

    def close(self) -> None:
        """Write the index and metadata."""
        self._bag.close()


@cli.reports_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = _parse(argv)
    skipped = cli.Skipped()
    _check(options)
    source = open_source(options.input, rate=options.rate, topic=options.topic, on_bad=skipped)
    cli.tell(source.notes)
    cli.claim_output(options.out, options.input, options.overwrite)
    pipeline = Pipeline.load(
        options.model or default_model(),
        detector=options.detector,
        provider=options.provider,
        precision=options.precision,
        threads=options.threads,
        threshold=options.threshold,
        tiles=options.tiles,
        class_names=options.class_names,
    )
    started = perf_counter()
    with ExitStack() as stack:
        sink = _open_sink(options, source)
        stack.callback(sink.close)
        done = colorize(source, pipeline, sink, skipped)
    if done == 0:
        raise SourceError(f'{source.label}: none of its frames could be read')
    generator = pipeline.generator
    print(
        f'{done} frames of {source.label} -> {options.out} '
        f'({done / (perf_counter() - started):.1f} frames/s, {generator.name} on '
        f'{generator.provider} {generator.precision})'
    )
    return skipped.exit_code()


def colorize(
    source: Source,
    pipeline: Pipeline,
    sink: Sink,
    on_bad: Callable[[str, FrameError], None],
) -> int:
    """Send every frame of the source through the pipeline into the sink, with a progress bar.

    Args:
        source: The frames.
        pipeline: Its exposure goes on from frame to frame, by their stamps.
        sink: Gets the results in order; it is not closed.
        on_bad: Called for a frame that the pipeline refuses.

    Returns:
        How many frames were colorized.
    """
    done = 0
    with cli.progress() as progress:
        for frame in progress.track(source, source.length, description='colorize'):
            try:
                result = pipeline(frame.counts, frame.stamp_ns / 1e9)
            except FrameError as error:
                on_bad(frame.name, error)
                continue
            sink.write(frame, result)
            done += 1
    return done


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = cli.parser('colorize', __doc__ or '', EXAMPLES)
    parser.add_argument('input', help='folder of 8- or 16-bit pictures, video, or bag')
    parser.add_argument(
        '--out', type=Path, required=True, help='folder, video (.mp4) or bag: as the input is'
    )
    parser.add_argument('--model', type=Path, help='generator (default: the one that ships)')
    parser.add_argument('--detector', type=Path, help='YOLO or YOLOX export (.onnx)')
    parser.add_argument(
        '--class-names',
        type=cli.names,
        default=(),
        metavar='NAME,NAME',
        help="of the detector's classes, in its order (default: those in the file, or COCO's)",
    )
    parser.add_argument('--threshold', type=float, default=0.25, help='least score of a detection')
    parser.add_argument('--tiles', action='store_true', help='detect on 2x2 tiles as well')
    parser.add_argument('--overlay', action='store_true', help='draw the detections')
    parser.add_argument('--provider', choices=PROVIDERS, default='auto')
    parser.add_argument('--precision', default='auto', help='fp32, bf16, ... (default: auto)')
    parser.add_argument('--threads', type=int, default=0, help='0: as many as there are cores')
    parser.add_argument('--rate', type=float, help='frames a second of a folder or video')
    parser.add_argument(
        '--topic', help='image topic of a bag (default: what looks like a thermal camera)'
    )
    parser.add_argument('--storage', choices=STORAGES, default='mcap', help='of the bag written')
    parser.add_argument('--overwrite', action='store_true', help='replace what --out names')
    return parser.parse_args(argv)


def _check(options: argparse.Namespace) -> None:
    if options.overlay and options.detector is None:
        raise SourceError('--overlay draws detections: it needs --detector FILE.onnx')
    if options.detector is not None and not options.overlay and not is_bag(Path(options.input)):
        raise SourceError('pictures and videos hold no detections: add --overlay to draw them')


def _open_sink(options: argparse.Namespace, source: Source) -> Sink:
    overlay = bool(options.overlay)
    path = Path(options.input)
    if is_bag(path):
        return BagSink(options.out, options.storage, options.detector is not None, overlay)
    picture = _overlay if overlay else _color
    if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file():
        return VideoSink(options.out, source.rate, picture)
    return FolderSink(options.out, picture)


def _color(result: Result) -> np.ndarray:
    return result.color


def _overlay(result: Result) -> np.ndarray:
    return draw(result.color, result.detections)


def _save_png(path: Path, rgb: np.ndarray) -> None:
    # Compression level 1: a third of the default's time for a tenth more bytes.
    data = cv2.imencode(
        '.png', cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 1]
    )[1]
    try:
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise SourceError(f'picture {path} cannot be written: {error}') from None


if __name__ == '__main__':
    raise SystemExit(main())
