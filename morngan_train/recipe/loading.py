"""Read recipe files; what does not fit is named, with the nearest that does."""

import json
from pathlib import Path
import re
from typing import Any

from pydantic import BaseModel
from pydantic import ValidationError
import yaml

from morngan_train.errors import TrainError
from morngan_train.recipe.recipe import Recipe
from morngan_train.recipe.spelling import no_such


class RecipeError(TrainError):
    """A recipe file is missing, is no YAML mapping, or has a field that does not exist or fit."""


def load_recipe(path: Path) -> Recipe:
    """Read and check a recipe file.

    Args:
        path: YAML file.

    Returns:
        The recipe.

    Raises:
        RecipeError: The file cannot be read, or a field does not exist or has the wrong type; the
            message names the field and, for a misspelt one, the nearest that exists.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise RecipeError(f'{path}: cannot be read as YAML: {error}') from error
    if not isinstance(content, dict):
        raise RecipeError(f'{path}: a recipe is a YAML mapping, see config/train/ for examples')
    return parse_recipe(content, str(path))


def parse_recipe(content: dict[str, Any], source: str = 'recipe') -> Recipe:
    """Check the content of a recipe; `source` names it in errors. Raises RecipeError."""
    try:
        # YAML and JSON know no tuples; through JSON mode lists are taken for them, strictly typed.
        return Recipe.model_validate_json(json.dumps(content))
    except ValidationError as error:
        problems = '; '.join(_explain(dict(e)) for e in error.errors())
        raise RecipeError(f'{source}: {problems}') from error


def _explain(error: dict[str, Any]) -> str:
    where = '.'.join(str(part) for part in error['loc']) or 'schedule'
    if error['type'] == 'extra_forbidden':
        *parents, name = error['loc']
        return f'{where}: {no_such("field", str(name), _fields_at(parents))}'
    given = error['input']
    if error['type'] == 'literal_error' and isinstance(given, str):
        known = re.findall(r"'(\w+)'", error['ctx']['expected'])
        return f'{where}: {given!r}: {no_such("value", given, known)}'
    got = '' if isinstance(given, dict | list) else f' (got {given!r})'
    return f'{where}: {error["msg"].removeprefix("Value error, ")}{got}'


def _fields_at(parents: list[Any]) -> list[str]:
    """List the fields of the section that `parents` leads to; list indices are passed over."""
    section: type[BaseModel] = Recipe
    for part in parents:
        if isinstance(part, int):
            continue
        annotation: Any = section.model_fields[part].annotation
        section = annotation if isinstance(annotation, type) else annotation.__args__[0]
    return list(section.model_fields)
