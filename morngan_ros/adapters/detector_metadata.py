"""What exporters write about a detector into its file, in each of their spellings."""

import ast
from collections.abc import Mapping
import json
import re

from morngan_ros.engines.interface import Engine
from morngan_ros.engines.model_file import ModelFile
from morngan_ros.errors import ModelError

_NAMES = ('names', 'class_names', 'classes', 'labels', 'categories', 'id2label')
_SIZES = ('imgsz', 'img_size', 'image_size', 'input_size')
# A side beyond these is no size of a picture.
_SIDES = range(16, 8193)


def class_names(model: Engine | ModelFile) -> tuple[str, ...]:
    """Read the names of the classes in the order of their numbers; none if there are none.

    They may be a list, names by number, numbers by name, a list of entries with a name, or plain
    text with a name on each line or between commas; in Python's spelling or as JSON.

    Raises:
        ModelError: there is text for them that cannot be read.
    """
    for key in _NAMES:
        text = _find(model, key)
        if text is None:
            continue
        value = _parse(text)
        if isinstance(value, str) and value.lstrip()[:1] in ('{', '['):
            raise ModelError(
                f'{model.path}: cannot read its metadata {key!r}; export it again, or name the '
                'classes (detector_class_names, --class-names)'
            )
        if names := _names(value):
            return names
    return ()


def input_size(model: Engine | ModelFile) -> tuple[int, int] | None:
    """Read height and width that the exporter had in mind, as multiples of the stride.

    They may be one number, a list of one, two (height, width) or four (a whole shape), a mapping,
    or text such as 640x512 (width x height).
    """
    for key in _SIZES:
        size = _size(_parse(_find(model, key) or ''))
        if size is not None:
            stride = _stride(model)
            return size[0] + -size[0] % stride, size[1] + -size[1] % stride
    return None


def task(model: Engine | ModelFile) -> str:
    """Tell what the network is for, in small letters: 'detect', 'segment'; '' if it is unsaid."""
    return str(_parse(_find(model, 'task') or '')).strip().lower()


def _find(model: Engine | ModelFile, key: str) -> str | None:
    lower = {name.lower(): text for name, text in model.metadata.items()}
    return lower.get(key)


def _parse(text: str) -> object:
    """Read JSON or a Python literal; other text stays as it is."""
    for parse in (json.loads, ast.literal_eval):
        try:
            value: object = parse(text)
            return value
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
    return text


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        parts = re.split(r'[\n;]' if re.search(r'[\n;]', value) else ',', value)
        entries = [part.strip() for part in parts if part.strip()]
        numbered = [re.fullmatch(r'(\d+)\s*[:=]\s*(.+)', entry) for entry in entries]
        if entries and all(numbered):
            return _by_number({match[1]: match[2] for match in numbered if match})
        return _names(entries)
    if isinstance(value, Mapping):
        inner = next(
            (value[key] for key in _NAMES if isinstance(value.get(key), list | dict)), None
        )
        return _by_number(value) if inner is None else _names(inner)
    if isinstance(value, list | tuple):
        named = [entry.get('name') if isinstance(entry, Mapping) else entry for entry in value]
        return tuple(str(name) for name in named if name is not None)
    return ()


def _by_number(value: Mapping[object, object]) -> tuple[str, ...]:
    """Sort names by number, whichever of them is the key; gaps get a name that says so."""
    pairs = {_whole(key): str(name) for key, name in value.items()}
    if None in pairs:
        pairs = {_whole(number): str(name) for name, number in value.items()}
    numbers = [number for number in pairs if number is not None and 0 <= number < 10_000]
    if not numbers or len(numbers) < len(pairs):
        return ()
    return tuple(pairs.get(number, f'class {number}') for number in range(max(numbers) + 1))


def _size(value: object) -> tuple[int, int] | None:
    if isinstance(value, Mapping):
        value = [value.get('height'), value.get('width')]
    if isinstance(value, str) and (sides := re.fullmatch(r'\s*(\d+)\s*[xX×]\s*(\d+)\s*', value)):
        value = [sides[2], sides[1]]
    if not isinstance(value, list | tuple):
        value = [value]
    found = [_whole(side) for side in value[-2:]]
    if not found or any(side not in _SIDES for side in found):
        return None
    return (found[0] or 0, found[-1] or 0)


def _stride(model: Engine | ModelFile) -> int:
    value = _parse(_find(model, 'stride') or '')
    strides = value if isinstance(value, list | tuple) else [value]
    return max([1, *(n for n in map(_whole, strides) if n is not None and n in range(1, 513))])


def _whole(value: object) -> int | None:
    """Read a whole number: 640, 640.0 or '640'."""
    try:
        number = float(str(value))
    except ValueError:
        return None
    return int(number) if number.is_integer() else None
