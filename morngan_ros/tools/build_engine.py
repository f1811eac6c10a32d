"""Build the engine of a generator before the drive, and compare its pictures with fp32.

TensorRT needs minutes for each model, size and device. The node finds the engines that this command
has built. The command also compares and times all other providers.
"""

import argparse
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from contextlib import suppress
from dataclasses import dataclass
import itertools
import logging
from pathlib import Path
import sys
from time import perf_counter

import cv2
import numpy as np
from rich.console import Console
from rich.logging import RichHandler
from rich.progress import Progress
from rich.progress import SpinnerColumn
from rich.progress import TextColumn
from rich.progress import TimeElapsedColumn

from morngan_ros.detector import Detector
from morngan_ros.engines import EngineOptions
from morngan_ros.engines import PRECISIONS
from morngan_ros.engines import PROVIDERS
from morngan_ros.engines.cache import Gate
from morngan_ros.engines.cache import write_gate
from morngan_ros.errors import OutputError
from morngan_ros.exposure import Exposure
from morngan_ros.generator import Generator
from morngan_ros.images.crop import Crop
from morngan_ros.shipped import default_model
from morngan_ros.sources import open_source
from morngan_ros.sources.frames import SIMULATED
from morngan_ros.tools.support import cli

EXAMPLES = """\

--provider tensorrt --precision fp16 --size 640x512
night.onnx --provider tensorrt --frames night_drive/ --min-psnr 35"""

_COUNT = 8
# Pictures that are the same in every byte have no finite PSNR.
_SAME = 99.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """An engine beside the same frames in fp32.

    Attributes:
        psnr: over all frames, decibels; 99 if every byte is the same, 0 if a picture is unusable.
        unusable: pictures of the engine that were none: black, or NaN.
        milliseconds: of the engine for a frame, median.
        reference_milliseconds: of ONNX Runtime on the processor in fp32.
    """

    psnr: float
    unusable: int
    milliseconds: float
    reference_milliseconds: float


def compare(
    engine: Generator, reference: Generator, frames: Sequence[np.ndarray], progress: Progress
) -> Comparison:
    """Run both generators on frames, uint8 [H, W] of one size; both are warm."""
    seconds, reference_seconds, errors, unusable = [], [], [], 0
    for frame in progress.track(frames, description='compare with fp32'):
        times = [perf_counter()]
        try:
            color = engine(frame)
        except OutputError:
            unusable += 1
            color = np.zeros((*frame.shape, 3), np.uint8)
        times.append(perf_counter())
        expected = reference(frame)
        times.append(perf_counter())
        seconds.append(times[1] - times[0])
        reference_seconds.append(times[2] - times[1])
        errors.append(np.mean((color.astype(np.float32) - expected) ** 2))
    error = float(np.mean(errors))
    psnr = _SAME if error == 0 else min(_SAME, 10 * np.log10(255**2 / error))
    return Comparison(
        0.0 if unusable else float(psnr),
        unusable,
        1e3 * float(np.median(seconds)),
        1e3 * float(np.median(reference_seconds)),
    )


def read_frames(
    where: str,
    size: tuple[int, int],
    count: int,
    crop: Crop | None = None,
    exposure: Exposure | None = None,
) -> list[np.ndarray]:
    """Read frames as the generator takes them: exposed to uint8, and scaled to a size.

    Args:
        where: as of `open_source`.
        size: width and height.
        count: how many at most.
        crop: what is kept of them.
        exposure: how counts become 8 bits; by default that of the node.

    Raises:
        SourceError: there are none.
        FrameError: one cannot be read.
    """
    source = open_source(where, frames=count)
    exposure = exposure or Exposure()
    exposed = (
        exposure(crop(frame.counts) if crop else frame.counts, frame.stamp_ns / 1e9)
        for frame in itertools.islice(source, count)
    )
    return [cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in exposed]


@cli.reports_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = _parse(argv)
    model = options.model or default_model(options.provider)
    width, height = options.size
    frames = read_frames(
        options.frames or f'{SIMULATED}:{width}x{height}',
        options.size,
        _COUNT,
        cli.crop(options),
        cli.exposure(options),
    )
    with _progress() as progress:
        task = progress.add_task(f'build for {options.provider}', total=1)
        engine = Generator.load(
            model,
            EngineOptions(
                options.provider,
                precision=options.precision,
                threads=options.threads,
                size=(height, width),
                cuda_graph=options.cuda_graph,
            ),
        )
        with suppress(OutputError):  # the comparison counts such pictures, and the gate fails
            engine.warm_up(height, width)
        if options.detector is not None:  # its engine too is built, in fp32 as always
            Detector.load(
                options.detector,
                EngineOptions(options.provider, cuda_graph=options.cuda_graph),
                names=options.class_names,
            )
        progress.update(task, completed=1)
        reference = Generator.load(
            options.reference or model,
            EngineOptions('cpu', precision='fp32', threads=options.threads),
        )
        reference.warm_up(height, width)
        result = compare(engine, reference, frames, progress)
    print(f'{model}: {engine.provider}, {engine.precision}, {width}x{height}')
    print(f'PSNR to fp32 over {len(frames)} frames: {result.psnr:.1f} dB')
    if result.unusable:
        print(f'{result.unusable} of {len(frames)} pictures are unusable: all black, or NaN')
    return _report(engine, result, options.min_psnr)


def _report(engine: Generator, result: Comparison, min_psnr: float) -> int:
    """Print the verdict and note it beside the engine; returns the exit code."""
    gate = Gate(result.psnr, min_psnr)
    print(
        f'a frame: {result.milliseconds:.1f} ms; ONNX Runtime on the processor in fp32: '
        f'{result.reference_milliseconds:.1f} ms'
    )
    folder = engine.engine.cache_folder
    if folder is not None:
        write_gate(folder, gate)
        print(f'kept in {folder}')
    if gate.passed:
        return 0
    print(
        f'error: {result.psnr:.1f} dB is below the required {min_psnr:g} dB; '
        'use --precision fp32 or another provider',
        file=sys.stderr,
    )
    return cli.INCOMPLETE


@contextmanager
def _progress() -> Iterator[Progress]:
    """Show on stderr what is under way and for how long, and what the engines log meanwhile."""
    columns = (SpinnerColumn(), TextColumn('{task.description}'), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        handler = RichHandler(console=progress.console, show_path=False)
        logger = logging.getLogger('morngan_ros')
        level = logger.level
        logger.setLevel(logging.INFO)
        logger.addHandler(handler)
        try:
            yield progress
        finally:
            logger.removeHandler(handler)
            logger.setLevel(level)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = cli.parser('build_engine', __doc__ or '', EXAMPLES)
    parser.add_argument(
        'model', type=Path, nargs='?', help='generator file (default: the shipped model)'
    )
    parser.add_argument('--provider', choices=PROVIDERS, default='auto', help='default: auto')
    parser.add_argument('--precision', choices=PRECISIONS, default='auto', help='default: auto')
    parser.add_argument(
        '--size',
        type=cli.size,
        default=(640, 512),
        help='WIDTHxHEIGHT of the frames (default: 640x512)',
    )
    parser.add_argument(
        '--min-psnr',
        type=float,
        default=30.0,
        help='required PSNR in dB, else the exit code is 1 (default: 30)',
    )
    parser.add_argument(
        '--frames', help='folder, video or bag to compare on (default: the simulated street)'
    )
    parser.add_argument(
        '--reference', type=Path, help='model to compare with (default: the same, in fp32)'
    )
    parser.add_argument('--detector', type=Path, help='detector file; its engine is built too')
    cli.add_class_names(parser)
    parser.add_argument(
        '--cuda-graph', action='store_true', help='use a CUDA graph (TensorRT or CUDA)'
    )
    parser.add_argument(
        '--threads', type=int, default=0, help='processor threads (default: all cores)'
    )
    cli.add_frame_arguments(parser)
    return parser.parse_args(argv)


if __name__ == '__main__':
    raise SystemExit(main())
