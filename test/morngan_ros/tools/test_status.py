"""The tool that looks at running nodes, over real DDS."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

from ros_fixtures import colorizer
from ros_fixtures import NodeProcess
from tiny_models import save_generator

from morngan_ros.tools.status import main


@pytest.fixture(scope='module')
def node(tmp_path_factory) -> Iterator[NodeProcess]:
    folder = tmp_path_factory.mktemp('node')
    save_generator(folder / 'second.onnx', info={'recipe': 'second'})
    model = save_generator(folder / 'first.onnx', info={'recipe': 'first'})
    with colorizer(folder, '/left', model=model, provider='cpu', threads=1) as process:
        process.wait_for_log('generator first runs on')
        yield process


@pytest.fixture
def folder(node: NodeProcess) -> Path:
    return node._log.parent


def run(*arguments: str) -> int:
    return main(['--wait', '20', *arguments])


def test_a_node_without_frames_is_shown_and_not_well(node, capsys):
    assert run() == 1
    told = capsys.readouterr().out
    assert told.startswith('/left/colorizer\n')
    assert '  ok colorize: colorizing\n' in told
    assert '  WARN input: no frame has come yet' in told
    assert '      model: first\n' in told
    assert '      provider: cpu\n' in told


def test_parameters_are_listed(node, capsys):
    assert run('--parameters', '--node', 'left/colorizer') == 0
    told = capsys.readouterr().out
    assert '  exposure_mode: percentile\n' in told
    assert '  jpeg_quality: 90\n' in told
    assert 'WARN' not in told


def test_a_model_is_set_and_loaded(node, folder, capsys):
    assert run('--set', 'model', str(folder / 'second.onnx'), '--reload') == 0
    told = capsys.readouterr().out
    assert '  done: set model\n' in told
    assert '  done: second is in use\n' in told
    run()
    assert '      model: second\n' in capsys.readouterr().out


def test_what_the_node_refuses_is_told(node, capsys):
    assert run('--set', 'jpeg_quality', '500', '--disable') == 1
    told = capsys.readouterr().out
    assert '  REFUSED: ' in told
    assert 'paused' not in told  # what follows is not done
    assert run('--set', 'model', 'nowhere.onnx', '--reload') == 1
    assert 'REFUSED: the old model stays' in capsys.readouterr().out


def test_types_are_those_of_the_node(node, capsys):
    for name, value in (
        ('max_rate', '5'),
        ('crop_rows', '[2, 0]'),
        ('model_input_range', '[0, 1]'),
        ('overlay', 'false'),
        ('detector', '123'),
    ):
        assert run('--set', name, value) == 0, name
    run('--parameters')
    told = capsys.readouterr().out
    assert '  max_rate: 5.0\n' in told
    assert '  overlay: False\n' in told
    assert '  detector: 123\n' in told
    assert run('--set', 'detector', '') == 0


def test_it_rests_and_goes_on(node, capsys):
    assert run('--disable') == 0
    assert 'done: paused' in capsys.readouterr().out
    run()
    assert 'paused: call ~/set_enabled' in capsys.readouterr().out
    assert run('--enable') == 0
    assert 'done: colorizing frames' in capsys.readouterr().out


def test_a_misspelt_parameter_is_named_with_the_nearest(node, capsys):
    assert run('--set', 'jpg_quality', '80') == 2
    assert 'has no parameter jpg_quality; did you mean jpeg_quality?' in capsys.readouterr().err


def test_a_node_that_is_not_there_is_named_with_those_that_are(node, capsys):
    assert main(['--node', '/right/colorizer', '--wait', '10']) == 2
    told = capsys.readouterr().err
    assert 'no report of /right/colorizer came in 10 s' in told
    assert 'nodes that report: /left/colorizer' in told


def test_the_end_of_the_node_is_told(tmp_path, capsys):
    assert main(['--wait', '0.5', '--node', '/gone']) == 2
    assert 'ROS_DOMAIN_ID' in capsys.readouterr().err
