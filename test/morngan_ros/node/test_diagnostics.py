"""What the node says of itself in which situation."""

from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

from diagnostic_msgs.msg import DiagnosticStatus

from morngan_ros.node.diagnostics import State
from morngan_ros.node.diagnostics import statuses
from morngan_ros.node.health import Health

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


def state(**changes: Any) -> State:
    """A node that works as it should, with changes."""
    values: dict[str, Any] = {
        'lifecycle': 'active',
        'problem': '',
        'has_models': True,
        'fallback': '',
        'blind': '',
        'trouble': '',
        'enabled': True,
        'busy': None,
        'input_age': 0.1,
        'stale_after': 2.0,
        'wiring': '',
        'input_qos': {},
        'output_qos': {},
        'transport_warning': '',
        'facts': {'provider': 'cpu'},
        'resources': {'memory (MiB)': '100.0'},
    }
    return State(**values | changes)


def say(health: Health | None = None, **changes: Any) -> dict[str, DiagnosticStatus]:
    made = statuses('front/colorizer', state(**changes), (health or Health()).snapshot(100.0))
    return {status.name.removeprefix('front/colorizer: '): status for status in made}


def values(status: DiagnosticStatus) -> dict[str, str]:
    return {entry.key: entry.value for entry in status.values}


def counted(*names: str, at: float = 99.0) -> Health:
    health = Health()
    for name in names:
        health.count(name, now=at)
    return health


@pytest.mark.parametrize(
    ('changes', 'level', 'words'),
    [
        ({}, OK, 'colorizing'),
        ({'problem': 'model.onnx is missing', 'lifecycle': 'unconfigured'}, ERROR, 'is missing'),
        ({'lifecycle': 'configuring'}, WARN, 'configuring'),
        ({'enabled': False}, OK, 'set_enabled'),
        ({'fallback': 'tensorrt: no driver'}, WARN, 'tensorrt: no driver'),
        ({'has_models': False, 'trouble': 'device gone'}, ERROR, 'device gone'),
        ({'busy': 2.5}, ERROR, 'one frame has taken 2.5 s so far'),
        ({'busy': 1.5}, OK, 'colorizing'),
    ],
)
def test_work(changes: dict[str, Any], level: bytes, words: str) -> None:
    work = say(**changes)['colorize']
    assert work.level == level
    assert words in work.message


def test_failing_frames_are_an_error_while_they_fail() -> None:
    assert say(counted('failed'), trouble='boom')['colorize'].level == ERROR
    assert say(counted('failed', at=80.0), trouble='boom')['colorize'].level == OK
    assert say(counted('failed'))['colorize'].level == OK  # the last frame worked


def test_while_every_frame_is_bad_no_frame_is_colorized() -> None:
    refused = counted('bad', 'bad: encoding')
    work = say(refused)['colorize']
    assert work.level == WARN
    assert work.message == 'no frame is colorized, all are bad: encoding'
    refused.count('published', now=95.0)
    assert say(refused)['colorize'].level == OK  # some are
    assert say(counted('bad', 'bad: encoding', at=80.0))['colorize'].level == OK


def test_boxes_that_are_left_out_are_a_warning() -> None:
    work = say(counted('published', 'detector: not finite', 'detector: without extent'))['colorize']
    assert work.level == WARN
    assert work.message == 'boxes of the detector are discarded: not finite, without extent'
    assert values(work)['detector: not finite'] == '1'
    assert say(counted('detector: not finite', at=80.0))['colorize'].level == OK


def test_causes_of_failures_are_counted_with_the_model() -> None:
    said = say(counted('failed', 'failed: not finite', 'bad: layout'), trouble='NaN')
    assert said['colorize'].level == ERROR
    assert values(said['colorize'])['failed: not finite'] == '1'
    assert 'failed: not finite' not in values(said['input'])
    assert 'bad: layout' not in values(said['colorize'])


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'input_age': None}, 'no frame has come yet'),
        (
            {'input_age': None, 'wiring': 'nobody is there'},
            'no frame has come yet: nobody is there',
        ),
        ({'input_age': 9.0, 'wiring': 'nobody is there'}, 'came 9.0 s ago: nobody is there'),
        ({'wiring': '2 publishers'}, 'frames come: 2 publishers'),
        ({'input_age': None, 'input_qos': {'image_raw': 'set that'}}, 'yet: image_raw: set that'),
        ({'input_age': 2.5}, 'stale'),
        ({'input_age': 2.5, 'input_qos': {'image_raw': 'set that'}}, 'ago: image_raw: set that'),
        ({'input_qos': {'image_raw': 'set that'}}, 'not all: image_raw: set that'),
    ],
)
def test_input_that_does_not_come(changes: dict[str, Any], words: str) -> None:
    status = say(**changes)['input']
    assert status.level == WARN
    assert words in status.message


@pytest.mark.parametrize(
    ('name', 'words'),
    [
        ('bad: encoding', 'bad frames: encoding'),
        ('without stamp', 'without stamps'),
        ('stamp jumped back', 'clock jumped'),
        ('stamp jumped ahead', 'clock jumped'),
        ('exposure: frozen', 'shutter'),
        ('exposure: flat', 'shutter'),
    ],
)
def test_what_spoils_frames_is_said_while_it_is_recent(name: str, words: str) -> None:
    recent = say(counted(name))['input']
    assert recent.level == WARN
    assert words in recent.message
    assert values(recent)[name] == '1'
    old = say(counted(name, at=80.0))['input']
    assert (old.level, old.message) == (OK, 'frames come')
    assert values(old)[name] == '1'


@pytest.mark.parametrize('name', ['size changed', 'encoding changed'])
def test_changes_are_said_and_no_warning(name: str) -> None:
    recent = say(counted(name))['input']
    assert (recent.level, recent.message) == (OK, f'frames come, {name}')
    assert say(counted(name, at=80.0))['input'].message == 'frames come'


def test_output_names_every_topic_and_the_loss() -> None:
    assert say()['output'].level == OK
    said = say(
        output_qos={'color/image_raw': 'this', 'detections': 'that'}, transport_warning='too large'
    )
    output = said['output']
    assert output.level == WARN
    assert output.message == 'color/image_raw: this; detections: that; too large'
    assert values(output)['QoS of detections'] == 'that'
    assert said['colorize'].level == OK


def test_the_hardware_is_named_by_the_node() -> None:
    assert {status.hardware_id for status in say().values()} == {'front/colorizer'}


def test_figures_stand_where_they_belong() -> None:
    health = counted('published', 'dropped')
    health.observe('generator', 0.012, now=99.0)
    said = say(health)
    work = values(said['colorize'])
    assert (work['provider'], work['published'], work['dropped']) == ('cpu', '1', '1')
    assert work['generator p99 (ms)'] == '12.00'
    assert values(said['resources']) == {'memory (MiB)': '100.0'}
