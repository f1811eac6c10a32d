"""What is done for a row: train, export, evaluate, each from where it was left."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from morngan_train.data.boxes import OBJECTS
from morngan_train.evaluation.evaluate import evaluate
from morngan_train.evaluation.evaluate import EvaluationRequest
from morngan_train.evaluation.exhaustive_detector import open_exhaustive_detector
from morngan_train.evaluation.results import show
from morngan_train.experiments.errors import ExperimentError
from morngan_train.experiments.errors import StoppedError
from morngan_train.experiments.folder import begin
from morngan_train.experiments.folder import MODEL
from morngan_train.experiments.folder import progress
from morngan_train.experiments.folder import read_json
from morngan_train.experiments.folder import SCORES
from morngan_train.experiments.folder import write_json
from morngan_train.experiments.rows import Row
from morngan_train.export import export
from morngan_train.export import load_trained
from morngan_train.files import state_digest
from morngan_train.recipe.precision import Choice
from morngan_train.scene_parser.onnx_parser import OnnxSceneParser
from morngan_train.training.fabric import open_fabric
from morngan_train.training.trainer import Trainer

SCORES_VERSION = 4
"""Of what scores mean; another makes old ones worthless."""

PROVIDER = 'cpu'
"""Scores differ a little between providers, and this one is everywhere."""


@dataclass(frozen=True, slots=True)
class EvaluationTools:
    """What looks at the pictures.

    Attributes:
        detector: ONNX file of a YOLO export, or None.
        parser: ONNX file of a Cityscapes network, or None.
        jobs: Processes for APCE.
    """

    detector: Path | None
    parser: Path | None
    jobs: int

    def check(self) -> None:
        """Open both, so that a wrong file does not come out after a night of training.

        Raises:
            ExperimentError: It is a folder of predictions.
            MornganError: A file cannot be used.
        """
        for path in (self.detector, self.parser):
            if path and path.is_dir():
                raise ExperimentError(
                    f'{path} is a folder, but each row has its own pictures; give an ONNX file'
                )
        if self.detector:
            open_exhaustive_detector(self.detector, PROVIDER, OBJECTS)
        if self.parser:
            OnnxSceneParser(self.parser, PROVIDER)


@dataclass(frozen=True, slots=True)
class Training:
    """What trains the rows.

    Attributes:
        accelerator: See `open_fabric`.
        precision: See `open_fabric`; None is the recipe's.
        workers: Data loading processes.
    """

    accelerator: str
    precision: Choice | None
    workers: int


def finish(row: Row, folder: Path, training: Training, tools: EvaluationTools) -> None:
    """Do what is left to do for a row; where it was left does not matter.

    Raises:
        StoppedError: By Ctrl-C or SIGTERM; a row that was training has left a checkpoint.
        NonFiniteLossError: The row cannot be trained.
    """
    begin(row, folder)
    if not (folder / MODEL).exists():
        _train(row, folder, training)
    score_source(str(folder / MODEL), folder, row.test, tools)


def _train(row: Row, folder: Path, training: Training) -> None:
    _say(f'{row.name}: {row.recipe.description}')
    precision = training.precision or row.recipe.precision
    fabric = open_fabric(training.accelerator, precision)
    trainer = Trainer(row.recipe, row.train, folder, fabric, workers=training.workers)
    last = folder / 'last.pt'
    if last.is_file():
        trainer.resume(last)
        _say(f'{row.name}: resumes after step {trainer.step.number}')
    if not trainer.fit():
        raise StoppedError
    # Only now: the model is the sign that training is done.
    final = folder / f'epoch_{trainer.epochs:03d}.pt'
    export(load_trained(final), folder / MODEL, data_name=row.train.name)
    steps, seconds = progress(folder)
    _say(f'{row.name}: {steps} steps in {seconds / 60:.1f} minutes')


def _say(text: str) -> None:
    Console().print(text, style='bold', markup=False, highlight=False, soft_wrap=True)


def score_source(source: str, folder: Path, data: Path, tools: EvaluationTools) -> None:
    """Evaluate a model or a folder of pictures into `scores.json` and `pictures/`, if need be.

    Args:
        source: What `evaluate` takes.
        folder: To write to.
        data: Data folder with the frames to test on.
        tools: Detector and parser.

    Raises:
        StoppedError: By Ctrl-C.
    """
    scores = folder / SCORES
    asked = _asked(source, data, tools)
    if scores.exists() and read_json(scores).get('asked') == asked:
        return
    request = EvaluationRequest(
        source=source,
        data=data,
        detector=tools.detector,
        parser=tools.parser,
        json=scores,
        pictures=folder / 'pictures',
        provider=PROVIDER,
        jobs=tools.jobs,
    )
    try:
        evaluation = evaluate(request)
    except KeyboardInterrupt:
        raise StoppedError from None
    show(evaluation.about, evaluation.scores)
    write_json(scores, read_json(scores) | {'asked': asked})


def _asked(source: str, data: Path, tools: EvaluationTools) -> dict[str, Any]:
    """Tell what scores depend on: when it changes, they are measured again."""
    path = Path(source)
    made = sorted(path.iterdir()) if path.is_dir() else [path] if path.is_file() else []
    frames = [*data.glob('testB*/*'), *data.glob('testB*.json'), *data.glob('trainA*/*')]
    return {
        'version': SCORES_VERSION,
        'source': source,
        'made': state_digest(made),
        'frames': state_digest(sorted(frames)),
        'judges': state_digest(path for path in (tools.detector, tools.parser) if path),
    }
