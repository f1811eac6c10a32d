"""The command `evaluate`: score colorized pictures of a test set."""

import argparse
from functools import partial
import json
import math
import os
from pathlib import Path
import sys
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from morngan_ros.engine import PROVIDERS
from morngan_train.data.reading import check_size
from morngan_train.data.reading import find_companions
from morngan_train.data.reading import list_images
from morngan_train.data.reading import read_rgb
from morngan_train.data.reading import read_thermal
from morngan_train.metrics.colorizers import Colorizer
from morngan_train.metrics.colorizers import FromFrame
from morngan_train.metrics.colorizers import open_colorizer
from morngan_train.metrics.looking import CONFIDENCE
from morngan_train.metrics.looking import NMS
from morngan_train.metrics.looking import open_looker
from morngan_train.metrics.parser import SceneParser
from morngan_train.metrics.pictures import flicker
from morngan_train.metrics.pictures import psnr
from morngan_train.metrics.pictures import ssim
from morngan_train.metrics.scorers import Edges
from morngan_train.metrics.scorers import Objects
from morngan_train.metrics.scorers import processes
from morngan_train.metrics.scorers import Scenes
from morngan_train.metrics.scorers import Scorer
from morngan_train.metrics.scorers import Scores
from morngan_train.metrics.test_set import OBJECTS
from morngan_train.metrics.test_set import open_test_set
from morngan_train.metrics.test_set import TestSet

METRICS = ('apce', 'ap', 'miou', 'aligned', 'flicker')

MOST_PAIRS = 50
"""Day pairs that are compared, spread over all."""

MOST_SCENES = 10
"""Frames that are looked at for flicker, likewise."""


class EvaluationError(Exception):
    """A metric that was asked for cannot be had."""


def add_parser(commands: 'argparse._SubParsersAction[argparse.ArgumentParser]') -> None:
    """Add `evaluate` to the command line."""
    parser = commands.add_parser(
        'evaluate',
        help='score colorized pictures',
        description='Score what a generator makes of the frames in DATA/testB; see '
        'docs/evaluation.md. Metrics for which something is missing are left out, unless '
        '--metrics names them.',
    )
    parser.add_argument(
        'source', help='ONNX file of a generator, a folder of pictures made elsewhere, or raw'
    )
    parser.add_argument('--data', type=Path, required=True, help='data folder with testB')
    parser.add_argument(
        '--metrics',
        type=_metrics,
        metavar='NAME,NAME',
        help=f'which, of {", ".join(METRICS)} (default: all that can be had)',
    )
    parser.add_argument('--detector', type=Path, help='ONNX file of a YOLO export, for ap')
    parser.add_argument('--parser', type=Path, help='ONNX file of a Cityscapes network, for miou')
    parser.add_argument('--json', type=Path, help='file to write the scores to')
    parser.add_argument(
        '--provider',
        choices=PROVIDERS,
        default='cpu',
        help='what runs the models (%(default)s); scores differ a little between them',
    )
    for name in ('input', 'output'):
        parser.add_argument(
            f'--{name}-range',
            type=float,
            nargs=2,
            default=(-1.0, 1.0),
            metavar=('LOW', 'HIGH'),
            help=f'of the {name} of a float model of other people (-1 1)',
        )
    parser.add_argument(
        '--jobs',
        type=int,
        choices=range(1, 257),
        metavar='1..256',
        default=os.cpu_count() or 1,
        help='processes for apce (%(default)s)',
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Score, print, write.

    Returns:
        0, or 130 when interrupted.

    Raises:
        EvaluationError: A metric that was asked for by name cannot be had.
        DataError: Files are missing, damaged or of the wrong size.
        MornganError: A model cannot be used.
    """
    test_set = open_test_set(args.data)
    ranges = (*args.input_range,), (*args.output_range,)
    colorizer = open_colorizer(args.source, test_set.frames, args.provider, ranges)
    left_out = _lacking(args, test_set, colorizer)
    if args.metrics and (lacking := [name for name in args.metrics if name in left_out]):
        raise EvaluationError('; '.join(f'{name}: {left_out[name]}' for name in lacking))
    wanted = [n for n in args.metrics or METRICS if n not in left_out]
    about: dict[str, Any] = {
        **colorizer.about,
        'data': str(args.data),
        'frames': len(test_set.frames),
    }
    try:
        scores = _score(args, test_set, colorizer, wanted, about)
    except KeyboardInterrupt:
        print('stopped; nothing was written', file=sys.stderr)
        return 130
    if not args.metrics:
        about['left_out'] = left_out
    _report(args.json, about, scores)
    return 0


def _metrics(text: str) -> list[str]:
    names = text.split(',')
    for name in names:
        if name not in METRICS:
            raise argparse.ArgumentTypeError(f'{name!r} is none of {", ".join(METRICS)}')
    return names


def _lacking(args: argparse.Namespace, test_set: TestSet, colorizer: Colorizer) -> dict[str, str]:
    """Tell for each metric that cannot be had what is missing."""
    folder = 'a folder has no pictures of other frames; give the model' * (not colorizer.colorize)
    day = [name for name in ('trainA', 'trainA_thermal') if not (args.data / name).is_dir()]
    lacks = {
        'ap': f'{args.data} has no testB_boxes' * (test_set.boxes is None)
        or 'needs --detector FILE' * (args.detector is None),
        'miou': f'{args.data} has no testB_masks' * (test_set.masks is None)
        or 'needs --parser FILE' * (args.parser is None),
        'aligned': folder or (f'{args.data} has no {" and no ".join(day)}' if day else ''),
        'flicker': folder,
    }
    return {name: reason for name, reason in lacks.items() if reason}


def _score(
    args: argparse.Namespace,
    test_set: TestSet,
    colorizer: Colorizer,
    wanted: list[str],
    about: dict[str, Any],
) -> Scores:
    scores: Scores = {}
    with processes(args.jobs) as pool:
        scorers: list[Scorer] = [Edges(pool)] if 'apce' in wanted else []
        if 'ap' in wanted:
            looker = open_looker(args.detector, args.provider, OBJECTS)
            about['detector'] = args.detector.name
            about['detector_sha256'] = looker.engine.sha256
            about['detector_settings'] = {'confidence': CONFIDENCE, 'nms_iou': NMS}
            scorers.append(Objects(test_set, looker))
        if 'miou' in wanted:
            parser = SceneParser(args.parser, args.provider)
            about['parser'], about['parser_sha256'] = args.parser.name, parser.sha256
            scorers.append(Scenes(test_set, parser))
        if scorers:
            about['resized'] = _show(test_set, colorizer, scorers)
        for scorer in scorers:
            scores |= scorer.scores()
    if colorizer.colorize is not None:
        if 'aligned' in wanted:
            scores |= _compare_day(args.data, colorizer.colorize)
        if 'flicker' in wanted:
            scores |= _repeat_scenes(test_set, colorizer.colorize)
    return scores


def _show(test_set: TestSet, colorizer: Colorizer, scorers: list[Scorer]) -> int:
    """Show all pictures to the scorers; return how many had to be resized."""
    resized = 0
    console = Console(stderr=True)
    for i, path in enumerate(track(test_set.frames, 'scoring', console=console)):
        thermal = read_thermal(path)
        color, as_it_was = colorizer.picture(i, thermal)
        resized += not as_it_was
        for scorer in scorers:
            scorer.add(i, thermal, color)
    return resized


def _compare_day(data: Path, colorize: FromFrame) -> Scores:
    """Colorize day thermal that is registered to day colour, and compare."""
    day = _spread(list_images(data / 'trainA'), MOST_PAIRS)
    thermal = find_companions(data / 'trainA_thermal', day, 'copy them too')
    values = []
    console = Console(stderr=True)
    for truth_path, path in track([*zip(day, thermal, strict=True)], 'day', console=console):
        truth, frame = read_rgb(truth_path), read_thermal(path)
        check_size(path, frame, truth)
        color = colorize(frame)
        values.append((psnr(color, truth), ssim(color, truth)))
    means = np.mean(values, axis=0)
    return {'psnr': float(means[0]), 'ssim': float(means[1])}


def _repeat_scenes(test_set: TestSet, colorize: FromFrame) -> Scores:
    frames = _spread(test_set.frames, MOST_SCENES)
    console = Console(stderr=True)
    values = [flicker(colorize, read_thermal(f)) for f in track(frames, 'flicker', console=console)]
    return {'flicker': float(np.mean(values))}


def _spread(files: list[Path], most: int) -> list[Path]:
    """Choose up to `most` files, evenly over the list."""
    step = max(1, math.ceil(len(files) / most))
    return files[::step]


def _report(path: Path | None, about: dict[str, Any], scores: Scores) -> None:
    table = Table('score', 'value', title=f'{about["model"]}: {about["frames"]} frames')
    for name, value in scores.items():
        if math.isfinite(value):
            table.add_row(name, f'{value:.3f}')
    console = Console()
    console.print(table)
    say = partial(console.print, markup=False, highlight=False, soft_wrap=True)
    if about.get('resized'):
        say(f'note: {about["resized"]} pictures were resized to their frames, which blurs edges')
    for name, reason in about.get('left_out', {}).items():
        say(f'note: without {name}: {reason}')
    if path is not None:
        # JSON has no nan: what could not be judged is null.
        finite = {name: value if math.isfinite(value) else None for name, value in scores.items()}
        path.write_text(json.dumps({**about, 'scores': finite}, indent=2), encoding='utf-8')
        say(f'wrote {path}')
