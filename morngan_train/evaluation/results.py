"""The scores of an evaluation, on the screen and as JSON."""

from collections.abc import Iterator
from functools import partial
import json
import math
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from morngan_train.evaluation.journal import journal_of
from morngan_train.evaluation.scorers import Scores
from morngan_train.files import write_text
from morngan_train.metrics.segmentation import MEANS


def show(about: dict[str, Any], scores: Scores) -> None:
    """Print the scores, and what must be known of them."""
    table = Table('score', 'value', title=f'{about["model"]}: {about["frames"]} frames')
    for name, value in scores.items():
        if math.isfinite(value):
            table.add_row(name, f'{value:.3f}')
    console = Console()
    console.print(table)
    say = partial(console.print, markup=False, highlight=False, soft_wrap=True)
    for note in _notes(about, scores):
        say(f'note: {note}')
    for name, reason in about.get('left_out', {}).items():
        say(f'note: {name} was not measured: {reason}')


def write(path: Path, about: dict[str, Any], scores: Scores) -> None:
    """Write the JSON file, whole or not at all; then its journal is of no more use."""
    write_text(path, json.dumps(_finite({**about, 'scores': scores}), indent=2))
    journal_of(path).unlink(missing_ok=True)
    print(f'wrote {path}')


def _notes(about: dict[str, Any], scores: Scores) -> Iterator[str]:
    """Say what must be known of the scores."""
    if about.get('resized'):
        yield f'{about["resized"]} pictures were resized to their frames, which blurs edges'
    if counts := about.get('miou_classes'):
        each = ', '.join(f'{name} {n} of {len(MEANS[name])}' for name, n in counts.items())
        yield f'the means cover the classes that testB_masks has: {each}'
    if about.get('miou_frames', about['frames']) < about['frames']:
        yield f'miou covers only the {about["miou_frames"]} frames that have masks in testB_masks'
    if 'kid_error' in about:
        yield f'kid has a standard error of {about["kid_error"]:.3f}, from the choice of frames'
    if raw := about.get('raw_frames'):
        each = ', '.join(f'{name} {scores[name] / value:.2f}' for name, value in raw.items())
        yield f'relative to the raw frames at equal contrast: {each}'


def _finite(value: Any) -> Any:
    """Replace nan and infinity by None: JSON has neither, and what could not be judged is null."""
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
