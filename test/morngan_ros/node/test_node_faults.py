"""The node under bad input, bad devices and bad wiring: it lives on, and says what is wrong."""

from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
import itertools
import os
from pathlib import Path
import secrets
import time
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

from bad_frames import BAD_COMPRESSED
from bad_frames import BAD_IMAGES
from bad_frames import ODD_IMAGES
import cv2
from diagnostic_msgs.msg import DiagnosticArray
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import Transition
from ros_fixtures import BEST_EFFORT
from ros_fixtures import colorizer
from ros_fixtures import header
from ros_fixtures import NodeProcess
from ros_fixtures import Probe
from ros_fixtures import probe
from ros_fixtures import RELIABLE
from ros_fixtures import thermal
from ros_fixtures import wait_until
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from std_srvs.srv import SetBool
from tiny_models import save_generator
from tiny_models import save_slow_generator

from morngan_ros.node.messages import to_image

CONFIGURED = 'generator tiny runs on'
# What the middleware must not drop, so that every message reaches the callback.
EVERY = {'input_reliability': 'reliable', 'input_depth': 100}
# A message may be replaced before a busy machine gets to it; then the matrix is shown once more.
ATTEMPTS = 3


@pytest.fixture(scope='module')
def model(tmp_path_factory) -> Path:
    return save_generator(tmp_path_factory.mktemp('model') / 'tiny.onnx')


@pytest.fixture
def failing(tmp_path) -> dict[str, Any]:
    """The node with a device, ONNX Runtime, that is gone after three runs of the generator."""
    tmp_path.joinpath('failing_node.py').write_text(
        'import itertools\n'
        'import sys\n'
        'from morngan_ros.node.__main__ import main\n'
        'from morngan_ros.errors import DeviceError\n'
        'from morngan_ros.generator import Generator\n'
        'run, runs = Generator.__call__, itertools.count()\n'
        'def fail(self, thermal):\n'
        "    if self.provider == 'cpu' and next(runs) >= 3:\n"
        "        raise DeviceError('provider cpu: the device is gone')\n"
        '    return run(self, thermal)\n'
        'Generator.__call__ = fail\n'
        'sys.exit(main())\n'
    )
    path = os.pathsep.join([str(tmp_path), os.environ.get('PYTHONPATH', '')])
    return {'environment': {'PYTHONPATH': path}, 'module': 'failing_node'}


def mono8(number: int) -> Image:
    return to_image(thermal(seed=number), header(number), 'mono8')


def png(number: int) -> CompressedImage:
    data = cv2.imencode('.png', thermal(seed=number))[1].tobytes()
    return CompressedImage(header=header(number), format='mono8; png compressed', data=data)


def status(message: DiagnosticArray, name: str) -> DiagnosticStatus:
    return next(s for s in message.status if s.name.endswith(f'colorizer: {name}'))


def values(message: DiagnosticArray, name: str) -> dict[str, str]:
    return {entry.key: entry.value for entry in status(message, name).values}


def wait_for_status(opened: Probe, name: str, level: bytes, words: str) -> DiagnosticArray:
    def fits(message: DiagnosticArray) -> bool:
        said = status(message, name)
        return said.level == level and words in said.message

    return opened.wait_for('/diagnostics', fits)


@pytest.fixture
def running(tmp_path, model, request) -> Iterator[tuple[NodeProcess, Probe]]:
    """A node of its own with parameters of the test, and a probe that listens to it.

    The namespace is that of the test: on Jazzy publishers of the test before are still seen.
    """
    space = f'/{request.node.originalname}'
    parameters = {'model': model, 'provider': 'cpu', 'threads': 1, **request.param}
    with colorizer(tmp_path, space, **parameters) as process, probe(space) as opened:
        process.wait_for_log(CONFIGURED)
        opened.listen(Image, 'color/image_raw')
        opened.listen(DiagnosticArray, '/diagnostics')
        yield process, opened


@pytest.mark.parametrize(
    ('running', 'topic', 'kinds', 'good'),
    [
        (EVERY, 'image_raw', BAD_IMAGES, mono8),
        (
            {**EVERY, 'image_transport': 'compressed'},
            'image_raw/compressed',
            BAD_COMPRESSED,
            png,
        ),
    ],
    ids=['raw', 'compressed'],
    indirect=['running'],
)
def test_fault_matrix(running, topic, kinds, good):
    """No kind of bad frame gives a picture or hurts the next good one; each moves its counter."""
    process, opened = running
    seen = _counters(opened, received=_connect(opened, topic, good))
    for attempt in range(ATTEMPTS):
        dropped = seen['dropped']
        before = seen
        numbers = [10_000 * (attempt + 1) + 2 * index for index in range(len(kinds))]
        for number, (build, _) in zip(numbers, kinds.values(), strict=True):
            opened.publish(topic, build(header(number)))
            time.sleep(0.03 * (1 + attempt) ** 2)  # until the node has taken it
            opened.publish(topic, good(number + 1))
            opened.wait_for_stamp('color/image_raw', header(number + 1))
        seen = _counters(opened, received=before['received'] + 2 * len(kinds))
        stamps = {message.header.stamp.sec for message in opened.messages('color/image_raw')}
        assert not stamps & {header(number).stamp.sec for number in numbers}
        assert process.alive
        if seen['dropped'] == dropped:
            break
    else:
        pytest.fail('the machine is too busy to show every frame to the node')
    moved = {name: seen[name] - before[name] for name in seen if name.startswith('bad: ')}
    expected = Counter(f'bad: {cause}' for _, cause in kinds.values())
    assert {name: count for name, count in moved.items() if count} == expected


def _connect(opened: Probe, topic: str, good: Callable[[int], Any]) -> int:
    """Send good frames until one comes back: until then nobody watches, for all the node knows."""
    numbers = itertools.count(1)

    def answered() -> bool:
        opened.publish(topic, good(next(numbers)))
        return bool(opened.messages('color/image_raw'))

    wait_until(answered, 'a picture')
    return next(numbers) - 1


def _feed_until(opened: Probe, condition: Callable[[], bool]) -> None:
    """Send frames, at most 20 a second, until a condition comes true; fail if it does not."""
    numbers = itertools.count(1)

    def happened() -> bool:
        opened.publish('image_raw', mono8(next(numbers)))
        time.sleep(0.03)
        return condition()

    wait_until(happened, 'what the frames bring about')


def _counters(opened: Probe, received: int) -> Counter[str]:
    """Return the figures of the input, and the frames dropped, once so many have come."""

    def complete(message: DiagnosticArray) -> bool:
        return int(values(message, 'input').get('received', 0)) >= received

    opened.wait_for('/diagnostics', complete)
    time.sleep(1.5)  # the last of them may still have been under work
    message = opened.messages('/diagnostics')[-1]
    figures = values(message, 'input') | values(message, 'colorize')
    return Counter({name: int(value) for name, value in figures.items() if value.isdecimal()})


@pytest.mark.parametrize('running', [{}], indirect=True)
def test_odd_frames_are_colored_all_the_same(running):
    _, opened = running
    for number, build in enumerate(ODD_IMAGES.values()):
        known = len(opened.messages('color/image_raw'))
        message = build(header(number))
        opened.publish('image_raw', message)
        wait_until(lambda known=known: len(opened.messages('color/image_raw')) > known, 'a picture')
        assert opened.messages('color/image_raw')[-1].header == message.header


@pytest.mark.parametrize('running', [{}], indirect=True)
def test_a_message_that_comes_twice_is_published_once(running):
    _, opened = running
    opened.publish('image_raw', mono8(1))
    opened.wait_for_stamp('color/image_raw', header(1))
    opened.publish('image_raw', mono8(1))
    wait_for_status(opened, 'input', DiagnosticStatus.WARN, 'duplicate')
    opened.publish('image_raw', mono8(2))
    opened.wait_for_stamp('color/image_raw', header(2))
    stamps = [message.header.stamp for message in opened.messages('color/image_raw')]
    assert stamps == [header(1).stamp, header(2).stamp]


@pytest.mark.parametrize('running', [{}], indirect=True)
def test_empty_stamps_are_told(running):
    _, opened = running
    message = mono8(1)
    message.header.stamp.sec = message.header.stamp.nanosec = 0
    opened.publish('image_raw', message)
    said = wait_for_status(opened, 'input', DiagnosticStatus.WARN, 'without stamps')
    assert 'transit p50 (ms)' not in values(said, 'colorize')  # not the years since 1970


@pytest.mark.parametrize('running', [{}], indirect=True)
def test_a_frozen_camera_is_told(running):
    """The picture stands still while the stamps go on, as in a flat-field correction."""
    _, opened = running
    for number in (1, 2):
        opened.publish('image_raw', to_image(thermal(), header(number), 'mono8'))
        opened.wait_for_stamp('color/image_raw', header(number))
    wait_for_status(opened, 'input', DiagnosticStatus.WARN, 'repeats itself')


@pytest.mark.parametrize('running', [{}], indirect=True)
def test_parameters_change_live(running):
    _, opened = running
    small = {'max_pixels': 4096, 'warm_up_size': [64, 48]}  # a frame has 3072
    assert opened.set_parameters(**small).successful
    opened.publish('image_raw', to_image(thermal(80, 80), header(1), 'mono8'))
    opened.publish('image_raw', mono8(2))
    opened.wait_for_stamp('color/image_raw', header(2))
    assert opened.set_parameters(enabled=False).successful
    opened.publish('image_raw', mono8(3))
    time.sleep(0.5)  # frames and calls of services come by ways of their own
    assert opened.call(SetBool, 'colorizer/set_enabled', SetBool.Request(data=True)).success
    fixed = {'exposure_range_low': 100.0, 'exposure_range_high': 355.0}
    assert opened.set_parameters(exposure_mode='fixed_range', **fixed).successful
    counts = thermal(seed=4).astype('uint16') + 100
    opened.publish('image_raw', to_image(counts, header(4), 'mono16'))
    ours = opened.wait_for_stamp('color/image_raw', header(4))
    opened.publish('image_raw', mono8(5))
    opened.wait_for_stamp('color/image_raw', header(5))
    opened.publish('image_raw', to_image(thermal(seed=4), header(6), 'mono8'))
    assert ours.data == opened.wait_for_stamp('color/image_raw', header(6)).data
    stamps = {message.header.stamp.sec - 1000 for message in opened.messages('color/image_raw')}
    assert stamps == {2, 4, 5, 6}
    refused = opened.set_parameters(exposure_range_low=400.0)
    assert not refused.successful
    assert 'must be less than exposure_range_high' in refused.reason
    refused = opened.set_parameters(exposure_range_high=float('inf'))
    assert not refused.successful
    assert 'must be finite' in refused.reason


@pytest.mark.parametrize('running', [{'input_reliability': 'reliable'}], indirect=True)
def test_qos_that_does_not_fit_is_told_with_the_cure(running):
    process, opened = running
    publisher = opened.node.create_publisher(Image, 'image_raw', BEST_EFFORT)
    process.wait_for_log('set input_reliability to best_effort')
    wait_for_status(opened, 'input', DiagnosticStatus.WARN, 'set input_reliability')
    opened.node.destroy_publisher(publisher)
    known = len(opened.messages('/diagnostics'))

    def forgotten() -> bool:
        later = opened.messages('/diagnostics')[known:]
        return any('no publisher' in status(m, 'input').message for m in later)

    wait_until(forgotten, 'the end of the warning')


def test_a_subscriber_that_asks_for_too_much_is_told(tmp_path, model):
    parameters = {'model': model, 'output_reliability': 'best_effort'}
    with colorizer(tmp_path, '/loose', **parameters) as process, probe('/loose') as opened:
        process.wait_for_log(CONFIGURED)
        opened.listen(Image, 'color/image_raw')
        process.wait_for_log('set output_reliability to reliable')
        opened.listen(DiagnosticArray, '/diagnostics')
        wait_for_status(
            opened, 'output', DiagnosticStatus.WARN, 'set output_reliability to reliable'
        )


def test_overrides_of_one_topic_leave_the_others_alone(tmp_path, model):
    parameters = {'qos_overrides./one/color/image_raw.publisher.reliability': 'best_effort'}
    with colorizer(tmp_path, '/one', model=model, **parameters) as process, probe('/one') as opened:
        process.wait_for_log(CONFIGURED)
        opened.listen(Image, 'color/image_raw', BEST_EFFORT)
        opened.listen(Image, 'overlay/image_raw', BEST_EFFORT)
        (color,) = opened.node.get_publishers_info_by_topic('color/image_raw')
        (drawn,) = opened.node.get_publishers_info_by_topic('overlay/image_raw')
        assert color.qos_profile.reliability == BEST_EFFORT.reliability
        assert drawn.qos_profile.reliability == RELIABLE.reliability


def test_a_device_that_fails_is_replaced(tmp_path, model, failing):
    parameters = {'model': model, 'provider': 'cpu'}
    with colorizer(tmp_path, '/lost', **failing, **parameters) as process, probe('/lost') as opened:
        process.wait_for_log(CONFIGURED)
        opened.listen(Image, 'color/image_raw')
        opened.listen(DiagnosticArray, '/diagnostics')
        _feed_until(opened, lambda: 'generator tiny runs on openvino' in process.log)
        opened.publish('image_raw', mono8(1000))
        opened.wait_for_stamp('color/image_raw', header(1000))
        message = wait_for_status(opened, 'colorize', DiagnosticStatus.WARN, 'the device is gone')
        assert values(message, 'colorize')['provider'] == 'openvino'


def test_without_fallback_a_device_that_fails_ends_in_the_error_state(tmp_path, model, failing):
    parameters = {'model': model, 'provider': 'cpu', 'allow_fallback': 'false'}
    with colorizer(tmp_path, '/lost', **failing, **parameters) as process, probe('/lost') as opened:
        process.wait_for_log(CONFIGURED)
        opened.listen(Image, 'color/image_raw')
        opened.listen(DiagnosticArray, '/diagnostics')
        _feed_until(opened, lambda: opened.state() == 'unconfigured')
        wait_for_status(opened, 'colorize', DiagnosticStatus.ERROR, 'the device is gone')
        assert process.alive
        assert opened.set_parameters(provider='openvino').successful
        assert opened.change_state(Transition.TRANSITION_CONFIGURE)
        assert opened.change_state(Transition.TRANSITION_ACTIVATE)
        opened.publish('image_raw', mono8(1000))
        opened.wait_for_stamp('color/image_raw', header(1000))


@pytest.mark.skipif(not Path('/dev/shm').is_dir(), reason='no /dev/shm')
def test_a_start_removes_what_the_dead_left_and_the_engine_is_heard(tmp_path, model):
    segment = Path('/dev/shm', f'fastdds_{secrets.token_hex(8)}')
    lock = segment.with_name(f'{segment.name}_el')
    for file in (segment, lock):
        file.write_bytes(b'left')
        os.utime(file, (1.0, 1.0))
    with colorizer(tmp_path, '/tidy', model=model, provider='cpu') as process:
        process.wait_for_log(CONFIGURED)
        assert f'{model}: runs on cpu' in process.log  # said by a module without ROS
    assert not segment.exists()
    assert not lock.exists()


def test_diagnostics_go_on_while_models_are_loaded(tmp_path):
    slow = save_slow_generator(tmp_path / 'slow.onnx')
    with probe('/slow') as opened:
        opened.node.create_publisher(Image, 'image_raw', BEST_EFFORT)
        parameters = {'model': slow, 'provider': 'cpu', 'threads': 1, 'warm_up_size': '[1280, 960]'}
        with colorizer(tmp_path, '/slow', **parameters):
            opened.listen(DiagnosticArray, '/diagnostics')
            wait_for_status(opened, 'colorize', DiagnosticStatus.WARN, 'configuring')
