"""Colorize pictures, folders of pictures, videos, cameras and bags without ROS."""

import argparse
from collections.abc import Callable
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
import sys
from time import perf_counter

import numpy as np

from morngan_ros.bags import is_bag
from morngan_ros.bags import STORAGES
from morngan_ros.detector import Detector
from morngan_ros.engines import EngineOptions
from morngan_ros.engines import PROVIDERS
from morngan_ros.errors import FrameError
from morngan_ros.errors import OutputError
from morngan_ros.errors import SourceError
from morngan_ros.generator import Generator
from morngan_ros.images.crop import Crop
from morngan_ros.images.suffixes import VIDEO_SUFFIXES
from morngan_ros.overlay import draw
from morngan_ros.pipeline import NO_DETECTOR
from morngan_ros.pipeline import open_detector
from morngan_ros.pipeline import Pipeline
from morngan_ros.pipeline import Result
from morngan_ros.shipped import default_model
from morngan_ros.sources import open_source
from morngan_ros.sources import Source
from morngan_ros.tools.support import archive
from morngan_ros.tools.support import cli
from morngan_ros.tools.support import sinks
from morngan_ros.tools.support.cluster import ADDRESS_HELP

EXAMPLES = """\
night_drive/ --out colored/
night_drive/ --out colored.mp4 --rate 30
night.png --out day.png
night.mp4 --out colored.mp4 --detector yolov8n.onnx --overlay --detections boxes.json
night_bag/ --out colored_bag/ --detector yolov8n.onnx --rows :-2
rtsp://camera/thermal --out colored.mp4 --frames 300
archive/*.mcap --out colored/ --jobs 4
--list recordings.txt --out /shared/colored --ray auto"""


@cli.reports_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = _parse(argv)
    if archive.is_archive(options):
        return archive.run(options, colorize_input)
    (options.input,) = options.inputs
    return colorize_input(options)


def colorize_input(options: argparse.Namespace) -> int:
    """Colorize `options.input` into `options.out`; return the exit code.

    Raises:
        MornganError: Nothing of it could be colorized.
    """
    skipped = cli.Skipped()
    exposure = cli.exposure(options)
    source = open_source(
        options.input,
        rate=options.rate,
        topic=options.topic,
        frames=options.frames,
        on_bad=skipped,
    )
    cli.tell(source.notes)
    _check(options, source)
    for output in (options.out, options.detections):
        if output is not None:
            cli.claim_output(output, options.input, options.overwrite)
    pipeline = _load(options)
    pipeline.exposure = exposure
    detects = pipeline.detector is not None
    if not detects and (options.overlay or options.detections is not None):
        raise SourceError(
            f'--overlay and --detections need something that detects: {pipeline.generator.name} '
            'has no head for objects, so give --detector FILE.onnx'
        )
    started = perf_counter()
    with ExitStack() as stack:
        opened = _open_sinks(options, source, stack, detects=detects)
        done = colorize(source, cli.crop(options), pipeline, opened, skipped)
    if done == 0:
        raise SourceError(f'{source.label}: none of its frames could be colorized')
    generator = pipeline.generator
    print(
        f'{done} frames of {source.label} -> {options.out} '
        f'({done / (perf_counter() - started):.1f} frames/s, {generator.name} on '
        f'{generator.provider} {generator.precision})'
    )
    if dead := exposure.counts['dead pixels']:
        print(f'{dead} pixels were NaN or infinite, and were filled', file=sys.stderr)
    return skipped.exit_code()


def _load(options: argparse.Namespace) -> Pipeline:
    """Load the models that the command line names."""
    engine = EngineOptions(options.provider, options.precision, options.threads)
    generator = Generator.load(
        options.model or default_model(options.provider),
        engine,
        input_range=tuple(options.model_input_range),
        output_range=tuple(options.model_output_range),
    )
    detector = open_detector(options.detector, generator, engine, names=options.class_names)
    if detector is not None:
        detector.threshold = options.threshold
        detector.classes = options.classes
    if isinstance(detector, Detector):
        detector.tiles = options.tiles
    return Pipeline(generator, detector)


def colorize(
    source: Source,
    crop: Crop,
    pipeline: Pipeline,
    opened: Sequence[sinks.Sink],
    on_bad: Callable[[str, FrameError | OutputError], None],
) -> int:
    """Send every frame of the source through the pipeline into the sinks, with a progress bar.

    Args:
        source: The frames; one that is live ends with Ctrl-C, too.
        crop: What is kept of them.
        pipeline: Its exposure goes on from frame to frame, by their stamps.
        opened: Get the results in order; they are not closed.
        on_bad: Called for a frame that the pipeline or a sink refuses, and for one of which the
            model makes no picture.

    Returns:
        How many frames were colorized.

    Raises:
        OutputError: The model makes no picture of anything.
        SourceError: A sink cannot be written, as on a full disk.
    """
    done = 0
    with cli.progress() as progress:
        try:
            for frame in progress.track(source, source.length, description='colorize'):
                try:
                    result = pipeline(crop(frame.counts), frame.stamp_ns / 1e9)
                    for sink in opened:
                        sink.write(frame, result)
                except FrameError as error:
                    on_bad(frame.name, error)
                    continue
                except OutputError as error:
                    if done == 0:  # a ramp tells whether it is this frame alone
                        pipeline.generator.warm_up(*frame.counts.shape)
                    on_bad(frame.name, error)
                    continue
                done += 1
        except KeyboardInterrupt:
            if not source.is_live:
                raise
    return done


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = cli.parser('colorize', __doc__ or '', EXAMPLES)
    parser.add_argument(
        'inputs',
        nargs='*',
        metavar='INPUT',
        help='picture or folder of pictures of 8, 16 or float bits, video, bag, device such as '
        '/dev/video0, or address such as rtsp://HOST/PATH',
    )
    parser.add_argument(
        '--out',
        type=Path,
        required=True,
        help='folder, video (.mp4), picture (.png) if there is one frame, bag if the input is a '
        'bag; folder if there are several inputs',
    )
    parser.add_argument('--rate', type=float, help='frames per second of pictures or a video')
    parser.add_argument(
        '--topic', help='image topic of a bag (default: what looks like a thermal camera)'
    )
    parser.add_argument('--frames', type=int, help='stop after this number of frames')
    parser.add_argument('--storage', choices=STORAGES, default='mcap', help='format of the new bag')
    parser.add_argument('--overwrite', action='store_true', help='replace existing output')
    many = parser.add_argument_group(
        'several inputs',
        'each input gets its own output in --out; the same command resumes a stopped run',
    )
    many.add_argument(
        '--list', type=Path, metavar='FILE', help='file with the inputs, one on each line'
    )
    where = many.add_mutually_exclusive_group()
    where.add_argument(
        '--jobs',
        type=int,
        choices=range(1, 257),
        metavar='1..256',
        help='inputs to process at the same time on this machine (default: 1)',
    )
    where.add_argument('--ray', metavar='ADDRESS', help=ADDRESS_HELP)
    models = parser.add_argument_group('models')
    models.add_argument('--model', type=Path, help='generator file (default: the shipped model)')
    cli.add_ranges(models, 'model-')
    models.add_argument(
        '--provider',
        choices=PROVIDERS,
        default='auto',
        help='runtime of the models (default: auto)',
    )
    models.add_argument(
        '--precision', default='auto', help='auto, fp32, bf16 or fp16 (default: auto)'
    )
    models.add_argument(
        '--threads', type=int, default=0, help='processor threads (default: all cores)'
    )
    found = parser.add_argument_group('detections')
    found.add_argument(
        '--detector',
        default='',
        metavar='FILE',
        help='YOLO or YOLOX export (.onnx), or none (default: the head of the model, if it has '
        'one)',
    )
    cli.add_class_names(found)
    found.add_argument(
        '--threshold', type=float, default=0.25, help='minimum score (default: 0.25)'
    )
    found.add_argument(
        '--classes',
        type=cli.names,
        default=(),
        metavar='NAME,NAME',
        help='classes to report (default: all)',
    )
    found.add_argument('--tiles', action='store_true', help='detect in 2x2 tiles too')
    found.add_argument('--overlay', action='store_true', help='draw the detections')
    found.add_argument(
        '--detections', type=Path, metavar='FILE', help='write the boxes as .json or .csv'
    )
    cli.add_frame_arguments(parser)
    return parser.parse_args(argv)


def _check(options: argparse.Namespace, source: Source) -> None:
    """Refuse what cannot be meant before anything is written."""
    suffix = options.out.suffix.lower()
    if (
        options.detector not in ('', NO_DETECTOR)
        and not options.overlay
        and options.detections is None
        and not _makes_bag(options)
    ):
        raise SourceError(
            'pictures and videos cannot hold detections: add --overlay to draw them, or '
            '--detections FILE to write them'
        )
    if options.detections is not None and (
        options.detections.suffix.lower() not in sinks.DETECTION_SUFFIXES
    ):
        raise SourceError(
            f'{options.detections} must end in {" or ".join(sinks.DETECTION_SUFFIXES)}'
        )
    if suffix in sinks.PICTURE_SUFFIXES and source.length != 1:
        raise SourceError(
            f'{options.out} can hold one frame, {source.label} has more; let --out name a folder '
            'or a video (.mp4), or add --frames 1'
        )
    if suffix in ('.mcap', '.db3') and not is_bag(Path(options.input)):
        raise SourceError(
            'only a bag can become a bag: convert the input with morngan_ros.tools.images_to_bag '
            'first, or let --out name a folder or a video (.mp4)'
        )


def _makes_bag(options: argparse.Namespace) -> bool:
    """Tell whether a bag is written: of a bag, unless --out names another kind of file."""
    others = (*VIDEO_SUFFIXES, *sinks.PICTURE_SUFFIXES)
    return is_bag(Path(options.input)) and options.out.suffix.lower() not in others


def _open_sinks(
    options: argparse.Namespace, source: Source, stack: ExitStack, *, detects: bool
) -> list[sinks.Sink]:
    """Open what --out and --detections name; they are closed with the stack."""
    opened = [_open_out(options, source, detects=detects)]
    if options.detections is not None:
        is_json = options.detections.suffix.lower() == '.json'
        kind = sinks.JsonDetections if is_json else sinks.CsvDetections
        opened.append(kind(options.detections))
    for sink in opened:
        stack.callback(sink.close)
    return opened


def _open_out(options: argparse.Namespace, source: Source, *, detects: bool) -> sinks.Sink:
    out: Path = options.out
    overlay = bool(options.overlay)
    if _makes_bag(options):
        return sinks.BagSink(out, options.storage, detects, overlay)
    to_picture = _overlay if overlay else _color
    if out.suffix.lower() in VIDEO_SUFFIXES:
        return sinks.VideoSink(out, source.rate, to_picture)
    if out.suffix.lower() in sinks.PICTURE_SUFFIXES:
        return sinks.PictureSink(out, to_picture)
    return sinks.FolderSink(out, to_picture)


def _color(result: Result) -> np.ndarray:
    return result.color


def _overlay(result: Result) -> np.ndarray:
    return draw(result.color, result.detections)


if __name__ == '__main__':
    raise SystemExit(main())
