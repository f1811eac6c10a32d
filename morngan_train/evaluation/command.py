"""The command `evaluate`: score colorized pictures of a test set."""

import argparse
import os
from pathlib import Path
import sys

from morngan_ros.engines import PROVIDERS
from morngan_ros.tools.support import cli
from morngan_train.evaluation.colorizers import BASELINES
from morngan_train.evaluation.evaluate import evaluate
from morngan_train.evaluation.evaluate import EvaluationRequest
from morngan_train.evaluation.evaluate import HEAD
from morngan_train.evaluation.evaluate import METRICS
from morngan_train.evaluation.results import show
from morngan_train.networks.efficientnet_lite import IMAGENET


def add_parser(commands: 'argparse._SubParsersAction[argparse.ArgumentParser]') -> None:
    """Add `evaluate` to the command line."""
    parser = commands.add_parser(
        'evaluate',
        help='score colorized pictures',
        description='Colorize the frames in DATA/testB and score the pictures; see '
        'docs/evaluation.md. Without --metrics, skip metrics whose inputs are missing.',
    )
    parser.add_argument(
        'source',
        help='ONNX file of a generator, a folder of pictures made elsewhere, or '
        f'{", ".join(BASELINES)}',
    )
    parser.add_argument('--data', type=Path, required=True, help='data folder with testB')
    parser.add_argument(
        '--metrics',
        type=_metrics,
        metavar='NAME,NAME',
        help=f'metrics to measure, of {", ".join(METRICS)} (default: all possible ones)',
    )
    parser.add_argument(
        '--detector',
        type=Path,
        help='for ap: ONNX file of a YOLO or YOLOX export, folder of predicted boxes STEM.txt, '
        f'or {HEAD} for the head of the model',
    )
    cli.add_class_names(parser)
    parser.add_argument(
        '--parser',
        type=Path,
        help='for miou: ONNX file of a Cityscapes network, or folder of predicted label maps '
        'STEM.png',
    )
    parser.add_argument(
        '--real',
        type=Path,
        nargs='+',
        default=(),
        metavar='FOLDER',
        help='for realism: folders of real day pictures (default: DATA/trainA)',
    )
    parser.add_argument(
        '--realism-weights',
        default=IMAGENET,
        metavar='WEIGHTS',
        help='for realism: weights of EfficientNet-Lite0, %(default)s or a file',
    )
    parser.add_argument(
        '--json',
        type=Path,
        help='JSON file for the scores; after an interruption, run the '
        'same command again to resume',
    )
    parser.add_argument('--pictures', type=Path, help='folder for the colour pictures')
    parser.add_argument(
        '--provider',
        choices=PROVIDERS,
        default='cpu',
        help='provider that runs the models (%(default)s); scores differ slightly between '
        'providers',
    )
    cli.add_ranges(parser)
    parser.add_argument(
        '--jobs',
        type=int,
        choices=range(1, 257),
        metavar='1..256',
        default=os.cpu_count() or 1,
        help='number of processes for apce (%(default)s)',
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
    request = EvaluationRequest(
        source=args.source,
        data=args.data,
        metrics=args.metrics,
        detector=args.detector,
        class_names=args.class_names,
        parser=args.parser,
        real=args.real,
        realism_weights=args.realism_weights,
        json=args.json,
        pictures=args.pictures,
        provider=args.provider,
        input_range=tuple(args.input_range),
        output_range=tuple(args.output_range),
        jobs=args.jobs,
    )
    try:
        evaluation = evaluate(request)
    except KeyboardInterrupt:
        hint = 'run the same command again to resume' if args.json else 'only --json lets it resume'
        print(f'stopped; {hint}', file=sys.stderr)
        return 130
    show(evaluation.about, evaluation.scores)
    return 0


def _metrics(text: str) -> list[str]:
    names = text.split(',')
    for name in names:
        if name not in METRICS:
            raise argparse.ArgumentTypeError(
                f'unknown metric {name!r}; choose from {", ".join(METRICS)}'
            )
    return names
