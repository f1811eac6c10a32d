"""The options that commands share, and the list of commands."""

import argparse
from dataclasses import fields
from pathlib import Path
import re
import subprocess
import sys

import pytest

from morngan_ros.__main__ import programs
from morngan_ros.errors import SourceError
from morngan_ros.images.crop import Crop
from morngan_ros.tools.support import cli

ROOT = Path(__file__).parents[3]


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    cli.add_frame_arguments(parser)
    return parser.parse_args(arguments)


def test_options_of_exposure_are_the_parameters_of_the_node():
    parameters = pytest.importorskip('morngan_ros.node.parameters', reason='needs rclpy')
    defaults = {entry.name: entry.default for entry in fields(parameters.Settings)}
    prefix = 'exposure_'
    options = {k: v for k, v in vars(parse()).items() if k.startswith(prefix)}
    assert options == {k: v for k, v in defaults.items() if k.startswith(prefix)}
    assert cli.crop(parse()) == parameters.Settings().crop()


def test_crop_is_read():
    assert cli.crop(parse('--rows', ':-2', '--columns', '4:100')) == Crop((0, -2), (4, 100))
    assert cli.crop(parse('--rows=-2:')) == Crop((-2, 0))


@pytest.mark.parametrize('text', ['2', 'a:b', '5:5'])
def test_what_is_no_crop_is_refused(text, capsys):
    with pytest.raises(SystemExit):
        parse('--rows', text)
    assert '--rows' in capsys.readouterr().err


def test_senseless_exposure_is_an_error():
    with pytest.raises(SourceError, match='exposure: percentiles must keep'):
        cli.exposure(parse('--exposure-low', '99', '--exposure-high', '1'))


def test_every_program_is_listed():
    done = subprocess.run(
        [sys.executable, '-m', 'morngan_ros'],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    listed = re.findall(r'^(morngan_ros\.\S+)\n    (.+)$', done.stdout, re.MULTILINE)
    assert dict(listed).keys() == programs().keys()
    assert all(about for _, about in listed)
    entry_points = (ROOT / 'setup.py').read_text().split("'console_scripts'")[1]
    modules = re.findall(r'= (morngan_ros\.[\w.]+):main', entry_points)
    assert {module.removesuffix('.__main__') for module in modules} <= dict(listed).keys()


def test_every_tool_of_its_page_is_a_program():
    table = (ROOT / 'docs/tools.md').read_text(encoding='utf-8')
    named = set(re.findall(r'`(morngan_ros\.[\w.]+)`', table))
    assert named <= programs().keys()
    assert {name for name in programs() if '.tools.' in name} - named == {'morngan_ros.tools.demo'}
