"""The folder of a row: what was begun in it, and how far it got."""

from collections.abc import Iterator
from contextlib import suppress
import json
from pathlib import Path
from typing import Any

from morngan_train.experiments.budget import steps_of
from morngan_train.experiments.errors import ExperimentError
from morngan_train.experiments.rows import Row
from morngan_train.files import write_text
from morngan_train.recipe import parse_recipe
from morngan_train.recipe import Recipe

MODEL = 'model.onnx'
SCORES = 'scores.json'
BEGUN = 'row.json'
FOREIGN = 'foreign_'
"""Begins the names of folders of models that were trained elsewhere."""


def begin(row: Row, folder: Path) -> None:
    """Note what is trained in a folder, unless that was begun before."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / BEGUN).exists():
        record = {
            'row': row.name,
            'data': str(row.train.resolve()),
            'steps': steps_of(row),
            'recipe': row.recipe.model_dump(mode='json'),
        }
        write_json(folder / BEGUN, record)


def check_begun(row: Row, folder: Path) -> None:
    """Make sure that a row is what it was when it was begun, if it was.

    Raises:
        ExperimentError: It was begun with another recipe, other data or another number of steps.
    """
    if not (folder / BEGUN).exists():
        return
    begun = read_json(folder / BEGUN)
    was = parse_recipe(begun['recipe'], str(folder / BEGUN))
    changes = [
        # Phases would fill the screen.
        name if name == 'phases' else f'{name}={ours} (was {theirs})'
        for name, ours, theirs in differences(row.recipe, was)
    ]
    if begun['data'] != str(row.train.resolve()):
        changes.append(f'data={row.train.resolve()} (was {begun["data"]})')
    if changes:
        raise ExperimentError(
            f'{folder} was started with other settings ({", ".join(changes)}), so its rows '
            'would not be comparable; choose another --out, or remove the folder'
        )


def differences(recipe: Recipe, other: Recipe) -> Iterator[tuple[str, Any, Any]]:
    """Tell in which fields recipes differ, but for what they are called: name, here, there."""
    ours, theirs = recipe.model_dump(mode='json'), other.model_dump(mode='json')
    for field, value in ours.items():
        if field not in {'name', 'description'}:
            yield from _differ(field, value, theirs[field])


def _differ(name: str, ours: Any, theirs: Any) -> Iterator[tuple[str, Any, Any]]:
    if ours == theirs:
        return
    if isinstance(ours, dict):
        for field, value in ours.items():
            yield from _differ(f'{name}.{field}', value, theirs[field])
    else:
        yield name, ours, theirs


def progress(folder: Path) -> tuple[int, float]:
    """Return the steps and the seconds that a row has been trained, by its log."""
    log = folder / 'log.jsonl'
    if not log.is_file():
        return 0, 0.0
    for line in reversed(log.read_text(encoding='utf-8').splitlines()):
        # A run that was killed, or is writing now, leaves half a line at the end.
        with suppress(ValueError):
            last = json.loads(line)
            return int(last['step']), float(last['seconds'])
    return 0, 0.0


def read_json(path: Path) -> dict[str, Any]:
    """Read a file that `write_json` or `evaluate` wrote."""
    content: dict[str, Any] = json.loads(path.read_text(encoding='utf-8'))
    return content


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a file whole, or leave the one before."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False))
