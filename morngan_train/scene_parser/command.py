"""The command `parser`: train the network that judges colour pictures by mIoU."""

import argparse
from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path
import sys
from typing import Any
import warnings

import numpy as np
import onnx
from rich.console import Console
from rich.progress import track
from rich.table import Table
import torch

from morngan_train.classes import CLASSES
from morngan_train.classes import Label
from morngan_train.export.onnx_file import OPSET
from morngan_train.metrics.segmentation import confusion
from morngan_train.metrics.segmentation import iou
from morngan_train.metrics.segmentation import mean
from morngan_train.scene_parser.onnx_parser import normalize
from morngan_train.scene_parser.onnx_parser import OnnxSceneParser
from morngan_train.scene_parser.onnx_parser import trainids
from morngan_train.scene_parser.samples import list_pairs
from morngan_train.scene_parser.samples import Pair
from morngan_train.scene_parser.samples import read_pair
from morngan_train.scene_parser.training import Settings
from morngan_train.scene_parser.training import train

DEFAULTS = Settings()


def add_parser(commands: 'argparse._SubParsersAction[argparse.ArgumentParser]') -> None:
    """Add `parser` to the command line."""
    parser = commands.add_parser(
        'parser',
        help='train a scene parser for evaluate',
        description='Train a small scene parser on pictures with label maps of trainIds, and '
        'write the ONNX file that evaluate --parser takes; see docs/evaluation.md. After an '
        'interruption (Ctrl-C), run the same command again to resume.',
    )
    parser.add_argument(
        '--data',
        type=Path,
        required=True,
        help='folder with train and val, each with images and labels',
    )
    parser.add_argument('--out', type=Path, required=True, help='file to write, NAME.onnx')
    parser.add_argument('--steps', type=int, default=DEFAULTS.steps, help='(%(default)s)')
    parser.add_argument('--batch', type=int, default=DEFAULTS.batch, help='(%(default)s)')
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        default=DEFAULTS.size,
        metavar=('HEIGHT', 'WIDTH'),
        help='size of the training crops (192 256)',
    )
    parser.add_argument('--rate', type=float, default=DEFAULTS.rate, help='(%(default)s)')
    parser.add_argument('--seed', type=int, default=DEFAULTS.seed, help='(%(default)s)')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train, export, and score the exported file on the val part.

    Returns:
        0, or 130 when interrupted.

    Raises:
        DataError: Files are missing, damaged or of the wrong size.
        CheckpointError: The run that is there has other settings.
    """
    settings = Settings(
        args.steps, args.batch, (args.size[0], args.size[1]), args.rate, seed=args.seed
    )
    pairs, unseen = list_pairs(args.data, 'train'), list_pairs(args.data, 'val')
    last = args.out.with_suffix('.pt')
    try:
        network = train(pairs, settings, last, lambda net: mean(score(_eager(net), unseen)))
    except KeyboardInterrupt:
        print(f'stopped; run the same command again to resume from {last}', file=sys.stderr)
        return 130
    onnx.save(to_onnx(network), args.out)
    ious = score(OnnxSceneParser(args.out, 'cpu'), unseen)
    table = Table('class', 'IoU', title=f'{args.out.name}: {len(unseen)} pictures of val')
    for label in Label:
        if np.isfinite(ious[label]):
            table.add_row(label.name.lower(), f'{ious[label]:.3f}')
    table.add_row('mean', f'{mean(ious):.3f}')
    Console().print(table)
    print(f'wrote {args.out}')
    return 0


def _eager(network: torch.nn.Module) -> Callable[[np.ndarray], np.ndarray]:
    @torch.inference_mode()
    def look(rgb: np.ndarray) -> np.ndarray:
        scores = network(torch.from_numpy(normalize(rgb)[None]))
        return trainids(scores[0].numpy(), rgb.shape[:2])

    return look


def score(parse: Callable[[np.ndarray], np.ndarray], pairs: Sequence[Pair]) -> np.ndarray:
    """Return the IoU, float64 [19], of what a parser sees; nan for classes that are nowhere."""
    counts = np.zeros((CLASSES, CLASSES + 1), np.int64)
    for pair in track(pairs, 'val', console=Console(stderr=True), transient=True):
        rgb, labels = read_pair(pair)
        counts += confusion(labels, parse(rgb))
    return iou(counts)


def to_onnx(network: torch.nn.Module) -> Any:
    """Trace a network to an ONNX model of any height and width, as `SceneParser` wants it."""
    sides = {2: torch.export.Dim('height', min=64), 3: torch.export.Dim('width', min=64)}
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        program = torch.onnx.export(
            network,
            (torch.zeros(1, 3, 258, 322),),
            dynamo=True,
            opset_version=OPSET,
            verbose=False,
            input_names=['image'],
            output_names=['scores'],
            dynamic_shapes={'image': sides},
        )
    assert program is not None  # it is None only when a file name is given
    return program.model_proto
