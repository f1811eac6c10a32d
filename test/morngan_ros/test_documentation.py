"""The README names everything that a user can set, and nothing that does not exist."""

from dataclasses import fields
from pathlib import Path
import re

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / 'README.md').read_text(encoding='utf-8')


def test_parameters_are_those_of_the_node():
    parameters = pytest.importorskip('morngan_ros.parameters', reason='needs rclpy')
    table = README.split('### Parameters')[1].split('## Tools')[0]
    documented = re.findall(r'^\| `(\w+)` \|', table, flags=re.MULTILINE)
    assert documented == [entry.name for entry in fields(parameters.Settings)]


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
