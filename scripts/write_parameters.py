"""Write docs/parameters.md from the parameters of the node."""

from collections.abc import Iterator
from dataclasses import Field
from dataclasses import fields
from pathlib import Path
import sys
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / 'docs' / 'parameters.md'

HEAD = """\
# Parameters

`make parameters` writes this page from `morngan_ros/node/parameters.py`: make changes there.

[`config/colorize.yaml`](../config/colorize.yaml) contains all defaults; pass a copy of it with
`params_file:=my.yaml`. `ros2 param describe /colorizer NAME` prints the same descriptions.

| changes | a new value takes effect |
|---|---|
| live | with the next frame |
| reload | with the service `~/reload_model`, or when the node is configured again |
| start | when the node starts; set it in a file or on the command line |

| parameter | default | what it does | range | changes |
|---|---|---|---|---|
"""


def page() -> str:
    """Make the text of the page."""
    sys.path.insert(0, str(ROOT))
    from morngan_ros.node.parameters import Settings

    return HEAD + '\n'.join(map(_row, fields(Settings))) + '\n'


def _row(entry: 'Field[Any]') -> str:
    changes = {'EFFECT_NOW': 'live', 'RELOAD': 'reload', 'RESTART': 'start'}
    cells = (
        f'`{entry.name}`',
        f'`{_default(entry.default)}`',
        entry.metadata['description'].rstrip('.'),
        '; '.join(_limits(entry)),
        changes[entry.metadata['takes'].name],
    )
    return f'| {" | ".join(cells)} |'


def _default(value: Any) -> str:
    """Write a default as in YAML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value or "''"
    return str(list(value) if isinstance(value, tuple) else value)


def _limits(entry: 'Field[Any]') -> Iterator[str]:
    if entry.metadata['among']:
        yield ', '.join(f'`{value}`' for value in entry.metadata['among'])
    if entry.metadata['between']:
        low, high = entry.metadata['between']
        yield f'{low:.10g} to {high:.10g}'
    if entry.metadata['limits']:
        yield entry.metadata['limits'].rstrip('.')


if __name__ == '__main__':
    PAGE.write_text(page(), encoding='utf-8')
    print(f'wrote {PAGE.relative_to(ROOT)}')
