"""The README names everything that a user can set, and nothing that does not exist."""

from dataclasses import Field
from dataclasses import fields
from pathlib import Path
import re
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / 'README.md').read_text(encoding='utf-8')


def test_parameters_are_those_of_the_node():
    """The whole table, word by word: names, defaults, meaning, ranges and when changes count."""
    parameters = pytest.importorskip('morngan_ros.node.parameters', reason='needs rclpy')
    changes = {
        parameters.Takes.EFFECT_NOW: 'live',
        parameters.Takes.RELOAD: 'with `~/reload_model`',
        parameters.Takes.RESTART: 'at start',
    }
    table = README.split('### Parameters')[1].split('## Tools')[0]
    assert re.findall(r'^\| `.*', table, flags=re.MULTILINE) == [
        f'| `{entry.name}` | `{default(entry)}` | {meaning(entry)} '
        f'| {changes[entry.metadata["takes"]]} |'
        for entry in fields(parameters.Settings)
    ]


def default(entry: 'Field[Any]') -> str:
    """Write a default as in YAML."""
    value = entry.default
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value or "''"
    return str(list(value) if isinstance(value, tuple) else value)


def meaning(entry: 'Field[Any]') -> str:
    """Say what a parameter means and may be."""
    words = entry.metadata['description'].rstrip('.')
    if entry.metadata['among']:
        words += f': {", ".join(entry.metadata["among"])}'
    if entry.metadata['between']:
        low, high = entry.metadata['between']
        words += f' ({low:.10g} to {high:.10g})'
    if entry.metadata['limits']:
        words += f'. {entry.metadata["limits"]}'.rstrip('.')
    return words


def test_modules_exist():
    for module in set(re.findall(r'\bmorngan_(?:ros|train)(?:\.\w+)+', README)):
        path = ROOT.joinpath(*module.split('.'))
        assert path.with_suffix('.py').is_file() or path.is_dir(), module


def test_links_and_make_targets_exist():
    for link in re.findall(r'\]\(([^)#:]+)\)', README):
        assert (ROOT / link).exists(), link
    makefile = (ROOT / 'Makefile').read_text(encoding='utf-8')
    for target in set(re.findall(r'(?:^|`)make (\w+)', README, flags=re.MULTILINE)):
        assert re.search(rf'^{target}:', makefile, flags=re.MULTILINE), target


def test_launch_arguments_exist():
    files = ('colorize.launch.py', 'replay.launch.py')
    launch = ''.join((ROOT / 'launch' / file).read_text(encoding='utf-8') for file in files)
    for argument in re.findall(r'(?<![\w-])(\w+):=', README):
        if argument in ('image_raw', 'model'):  # remaps and parameters of the node itself
            continue
        assert f"'{argument}'" in launch, argument
