"""The node in a process of its own, over real DDS, with a model whose pixels are known."""

from collections.abc import Iterator
import itertools
from pathlib import Path
import re
import signal
import subprocess
import sys
import time
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

from diagnostic_msgs.msg import DiagnosticArray
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import Transition
from ros_fixtures import BEST_EFFORT
from ros_fixtures import colorizer
from ros_fixtures import header
from ros_fixtures import NodeProcess
from ros_fixtures import Probe
from ros_fixtures import probe
from ros_fixtures import ROOT
from ros_fixtures import thermal
from ros_fixtures import wait_until
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from std_srvs.srv import SetBool
from std_srvs.srv import Trigger
from tiny_models import expected_color
from tiny_models import save_detector
from tiny_models import save_generator
from tiny_models import save_slow_generator
from vision_msgs.msg import Detection2DArray

from morngan_ros.engines import EngineOptions
from morngan_ros.host.fastdds import profile_variable
from morngan_ros.node.messages import to_image
from morngan_ros.pipeline import Pipeline

CONFIGURED = 'generator tiny runs on'
# Another model: every picture becomes blue.
BLUE = {0: (0, 0, 255), 255: (0, 0, 255)}
HEIGHT, WIDTH = 48, 64
# Seconds in which a message arrives. Topics and services are not ordered among each other.
ARRIVAL = 1.0


@pytest.fixture(scope='module')
def model(tmp_path_factory) -> Path:
    return save_generator(tmp_path_factory.mktemp('model') / 'tiny.onnx')


@pytest.fixture(scope='module')
def detector(tmp_path_factory) -> Path:
    """Finds one car, score 0.9, box (12, 22) to (52, 42) of its 64x64 input, in any picture."""
    columns = np.array([32, 32, 40, 20, 0.9], np.float32).reshape(1, 5, 1)
    path = tmp_path_factory.mktemp('detector') / 'car.onnx'
    return save_detector(path, columns, names={0: 'car'})


@pytest.fixture(scope='module')
def node(tmp_path_factory, model, detector) -> Iterator[NodeProcess]:
    """A node that several tests share: they leave it as they found it."""
    parameters = {'model': model, 'detector': detector, 'provider': 'cpu', 'threads': 1}
    with colorizer(tmp_path_factory.mktemp('node'), '/shared', **parameters) as process:
        process.wait_for_log(CONFIGURED)
        yield process


@pytest.fixture(scope='module')
def shared_probe(node) -> Iterator[Probe]:
    with probe('/shared') as opened:
        opened.listen(Image, 'color/image_raw')
        opened.listen(DiagnosticArray, '/diagnostics')
        yield opened


def mono8(number: int, frame_id: str = 'thermal') -> Image:
    return to_image(thermal(HEIGHT, WIDTH, number), header(number, frame_id), 'mono8')


def pixels(message: Image) -> np.ndarray:
    return np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)


def counter(opened: Probe, key: str) -> int:
    """Return a figure of the latest diagnostics of the shared node."""
    for message in reversed(opened.messages('/diagnostics')):
        for status in message.status:
            values = {entry.key: entry.value for entry in status.values}
            if status.name.startswith('shared/') and key in values:
                return int(values[key])
    return 0


def colored(opened: Probe, number: int) -> bool:
    stamp = header(number).stamp
    return any(message.header.stamp == stamp for message in opened.messages('color/image_raw'))


def test_frame_comes_back_with_its_header_and_the_pixels_of_the_pipeline(node, shared_probe, model):
    sent = mono8(1, 'front_camera')
    shared_probe.publish('image_raw', sent)
    color = shared_probe.wait_for_stamp('color/image_raw', sent.header)
    assert color.header == sent.header
    assert (color.encoding, color.height, color.width) == ('rgb8', HEIGHT, WIDTH)
    assert color.step == 3 * WIDTH
    pipeline = Pipeline.load(model, EngineOptions('cpu'))
    np.testing.assert_array_equal(pixels(color), pipeline(thermal(HEIGHT, WIDTH, 1), 0.0).color)
    np.testing.assert_array_equal(pixels(color), expected_color(thermal(HEIGHT, WIDTH, 1)))


def test_16_bit_frame_is_exposed_as_in_the_pipeline(node, shared_probe, model):
    counts = 7000 + 10 * thermal(HEIGHT, WIDTH, 2).astype(np.uint16)
    stamp = header(100_000)  # long after all others: the exposure starts anew
    shared_probe.publish('image_raw', to_image(counts, stamp, 'mono16'))
    color = shared_probe.wait_for_stamp('color/image_raw', stamp)
    expected = Pipeline.load(model, EngineOptions('cpu'))(counts, 101_000.0).color
    np.testing.assert_array_equal(pixels(color), expected)
    assert pixels(color)[..., 0].std() > 20  # 14 bits are not black


def test_exposure_goes_on_without_stamps(tmp_path, model):
    """With empty stamps the arrival counts: else the first frame would set the window for ever."""
    fast = {'exposure_time_constant': 1e-6, 'provider': 'cpu'}
    with (
        colorizer(tmp_path, '/unstamped', model=model, **fast) as process,
        probe('/unstamped') as opened,
    ):
        process.wait_for_log(CONFIGURED)
        opened.listen(Image, 'color/image_raw')
        picture = thermal(HEIGHT, WIDTH, 2).astype(np.uint16)
        colors = []
        for name, low in (('cold', 3000), ('warm', 9000)):
            frame = to_image(low + 4 * picture, Header(frame_id=name), 'mono16')
            opened.publish('image_raw', frame)
            color = opened.wait_for(
                'color/image_raw', lambda message, name=name: message.header.frame_id == name
            )
            colors.append(pixels(color).astype(int))
        np.testing.assert_allclose(colors[1], colors[0], atol=1)
        assert colors[1].std() > 20


def test_all_outputs_of_a_frame_share_its_header(node, shared_probe):
    with probe('/shared') as opened:
        opened.listen(CompressedImage, 'color/image_raw/compressed')
        opened.listen(CameraInfo, 'color/camera_info')
        opened.listen(Detection2DArray, 'detections')
        opened.listen(Image, 'overlay/image_raw')
        # A calibration for twice the size, without a stamp of this frame.
        info = CameraInfo(width=2 * WIDTH, height=2 * HEIGHT)
        info.k = np.array([100.0, 0, 64, 0, 100, 48, 0, 0, 1])
        shared_probe.publish('camera_info', info)
        numbers = itertools.count(300)  # the same message again would not be published again

        def complete() -> bool:
            shared_probe.publish('image_raw', mono8(next(numbers)))
            return all(
                opened.messages(topic)
                for topic in (
                    'color/image_raw/compressed',
                    'color/camera_info',
                    'detections',
                    'overlay/image_raw',
                )
            )

        wait_until(complete, 'all outputs')
        sent = mono8(3)
        shared_probe.publish('image_raw', sent)
        jpeg = opened.wait_for_stamp('color/image_raw/compressed', sent.header)
        calibration = opened.wait_for_stamp('color/camera_info', sent.header)
        detections = opened.wait_for_stamp('detections', sent.header)
        drawn = opened.wait_for_stamp('overlay/image_raw', sent.header)
    assert {m.header.frame_id for m in (jpeg, calibration, detections, drawn)} == {'thermal'}

    decoded = cv2.imdecode(np.frombuffer(jpeg.data, np.uint8), cv2.IMREAD_COLOR)
    assert decoded.shape == (HEIGHT, WIDTH, 3)
    assert (calibration.width, calibration.height) == (WIDTH, HEIGHT)
    np.testing.assert_allclose(calibration.k, [50, 0, 32, 0, 50, 24, 0, 0, 1])

    # The 64x48 picture lies in the middle of the 64x64 input, 8 rows of border above it.
    (detection,) = detections.detections
    assert detection.header == sent.header
    assert detection.results[0].hypothesis.class_id == 'car'
    assert detection.results[0].hypothesis.score == pytest.approx(0.9)
    center = detection.bbox.center.position
    assert (center.x, center.y) == pytest.approx((32, 24))
    assert (detection.bbox.size_x, detection.bbox.size_y) == pytest.approx((40, 20))
    changed = (pixels(drawn) != expected_color(thermal(HEIGHT, WIDTH, 3))).any(axis=2)
    assert 0 < changed.mean() < 0.9


def test_nothing_found_is_an_empty_array(node, shared_probe):
    assert shared_probe.set_parameters(detection_threshold=0.95).successful
    try:
        with probe('/shared') as opened:
            opened.listen(Detection2DArray, 'detections')

            numbers = itertools.count(400)

            def answered() -> bool:
                shared_probe.publish('image_raw', mono8(next(numbers)))
                return bool(opened.messages('detections'))

            wait_until(answered, 'an array of detections')
            assert not opened.messages('detections')[-1].detections
    finally:
        assert shared_probe.set_parameters(detection_threshold=0.25).successful


def test_camera_info_pairs_with_every_image(node, shared_probe):
    """As a camera subscriber of image_transport pairs: the sibling of the image, by exact stamp."""
    with probe('/shared') as opened:
        image_topic = opened.node.resolve_topic_name('color/image_raw')
        info_topic = f'{image_topic.rpartition("/")[0]}/camera_info'
        opened.listen(Image, image_topic)
        opened.listen(CameraInfo, info_topic)
        shared_probe.publish('camera_info', CameraInfo(width=WIDTH, height=HEIGHT))
        numbers = itertools.count(400)

        def connected() -> bool:
            shared_probe.publish('image_raw', mono8(next(numbers)))
            return bool(opened.messages(image_topic) and opened.messages(info_topic))

        wait_until(connected, 'both topics')
        sent = [header(number) for number in range(500, 510)]
        for number in range(500, 510):
            shared_probe.publish('image_raw', mono8(number))
            opened.wait_for_stamp(info_topic, header(number))
            opened.wait_for_stamp(image_topic, header(number))

        def stamps(topic: str) -> list[Any]:
            return [m.header for m in opened.messages(topic) if m.header.stamp.sec >= 1500]

        assert stamps(image_topic) == stamps(info_topic) == sent
        last = opened.messages(image_topic)[-1]
        info = opened.messages(info_topic)[-1]
        assert (info.width, info.height) == (last.width, last.height)


def bad_frames() -> list[Image]:
    short_step, cut, unknown, empty, absurd = (mono8(10 + index) for index in range(5))
    short_step.step = WIDTH - 1
    cut.data = cut.data[:-1]
    unknown.encoding = 'yuv422'
    empty.height = empty.width = empty.step = 0
    empty.data = type(empty.data)('B')
    absurd.height = absurd.width = absurd.step = 4_000_000_000
    return [short_step, cut, unknown, empty, absurd]


def test_bad_frames_are_counted_and_the_next_good_one_is_colored(node, shared_probe):
    before = counter(shared_probe, 'bad')
    frames = bad_frames()
    for index, frame in enumerate(frames):
        shared_probe.publish('image_raw', frame)
        wait_until(
            lambda wanted=before + index + 1: counter(shared_probe, 'bad') >= wanted,
            f'bad frame {index} to be counted',
        )
    good = mono8(20)
    shared_probe.publish('image_raw', good)
    shared_probe.wait_for_stamp('color/image_raw', good.header)
    assert counter(shared_probe, 'bad') == before + len(frames)
    assert not any(colored(shared_probe, 10 + index) for index in range(len(frames)))
    assert 'bad frame: ' in node.log
    assert node.alive


def test_stamps_that_jump_back_are_kept(node, shared_probe):
    for number in (31, 30, 32):
        shared_probe.publish('image_raw', mono8(number))
        shared_probe.wait_for_stamp('color/image_raw', header(number))
    stamps = [m.header.stamp.sec - 1000 for m in shared_probe.messages('color/image_raw')]
    assert stamps[-3:] == [31, 30, 32]


def test_set_enabled_rests_and_wakes(node, shared_probe):
    def enable(enabled: bool) -> SetBool.Response:
        request = SetBool.Request(data=enabled)
        return shared_probe.call(SetBool, 'colorizer/set_enabled', request)

    assert enable(False).success
    shared_probe.publish('image_raw', mono8(40))
    assert enable(True).success  # the frame came before: the node takes messages in turn
    shared_probe.publish('image_raw', mono8(41))
    shared_probe.wait_for_stamp('color/image_raw', header(41))
    assert not colored(shared_probe, 40)


def test_output_encoding_changes_live(node, shared_probe):
    assert shared_probe.set_parameters(output_encoding='bgr8').successful
    try:
        shared_probe.publish('image_raw', mono8(50))
        color = shared_probe.wait_for_stamp('color/image_raw', header(50))
    finally:
        assert shared_probe.set_parameters(output_encoding='rgb8').successful
    assert color.encoding == 'bgr8'
    expected = expected_color(thermal(HEIGHT, WIDTH, 50))[..., ::-1]
    np.testing.assert_array_equal(pixels(color), expected)


@pytest.mark.parametrize(
    ('values', 'reason'),
    [
        ({'output_encoding': 'mono8'}, 'must be one of rgb8, bgr8'),
        ({'jpeg_quality': 0}, 'out of range'),
        ({'detection_classes': ['bus']}, "has no class 'bus'"),
        ({'exposure_low': 80.0, 'exposure_high': 20.0}, 'must be less than'),
        ({'image_transport': 'compressed'}, 'read-only'),
        ({'provider': 'abacus'}, 'must be one of auto'),
        ({'precision': 'fp17'}, 'must be one of auto, fp32, bf16, fp16'),
        ({'warm_up_size': [640000, 512000]}, 'more than max_pixels (4194304)'),
        ({'max_pixels': 4096}, '[640, 512] has 327680 pixels, more than max_pixels (4096)'),
        ({'model_input_range': [1.0, -1.0]}, 'two finite numbers, the lower one first'),
    ],
)
def test_senseless_parameters_are_refused_with_a_reason(
    node, shared_probe, values: dict[str, Any], reason: str
):
    result = shared_probe.set_parameters(**values)
    assert not result.successful
    assert reason in result.reason


def test_diagnostics_tell_what_runs(node, shared_probe):
    def has_model(message: DiagnosticArray) -> bool:
        return any(
            entry.key == 'model sha256' for status in message.status for entry in status.values
        )

    message = shared_probe.wait_for('/diagnostics', has_model)
    work = next(s for s in message.status if s.name == 'shared/colorizer: colorize')
    values = {entry.key: entry.value for entry in work.values}
    assert work.level == DiagnosticStatus.OK
    assert (values['provider'], values['precision'], values['model']) == ('cpu', 'fp32', 'tiny')
    assert re.fullmatch('[0-9a-f]{64}', values['model sha256'])
    use = next(s for s in message.status if s.name == 'shared/colorizer: resources')
    used = {entry.key: float(entry.value) for entry in use.values}
    assert 1 < used['shared memory (MiB)'] < used['memory (MiB)']


def test_best_effort_subscriber_gets_every_frame(tmp_path, model):
    """640x512 colour is 983,040 bytes: with Fast DDS's own shared memory most would be lost."""
    with colorizer(tmp_path, '/large', model=model) as process, probe('/large') as opened:
        process.wait_for_log(CONFIGURED)
        opened.listen(Image, 'color/image_raw', BEST_EFFORT)
        for number in range(30):
            frame = to_image(thermal(512, 640, number), header(number), 'mono8')
            opened.publish('image_raw', frame)
            opened.wait_for_stamp('color/image_raw', header(number))
        stamps = [message.header.stamp.sec - 1000 for message in opened.messages('color/image_raw')]
    assert stamps == list(range(30))  # each once, in turn


@pytest.mark.parametrize('topic', ['color/image_raw', 'overlay/image_raw'])
def test_missing_fastdds_profile_is_told_once(tmp_path, model, topic):
    unset = {profile_variable(): None}
    with colorizer(tmp_path, '/bare', unset, model=model) as process, probe('/bare') as opened:
        process.wait_for_log(CONFIGURED)
        opened.listen(Image, topic)
        opened.listen(DiagnosticArray, '/diagnostics')
        for number in range(2):
            frame = to_image(thermal(512, 640, number), header(number), 'mono8')
            opened.publish('image_raw', frame)
            opened.wait_for_stamp(topic, header(number))
        assert process.log.count(profile_variable()) == 1

        def told(message):
            output = next(s for s in message.status if s.name.endswith(': output'))
            warns = output.level == DiagnosticStatus.WARN
            return warns and profile_variable() in output.message

        opened.wait_for('/diagnostics', told)


def test_compressed_input(tmp_path, model):
    with (
        colorizer(
            tmp_path, '/packed', model=model, image_transport='compressed', provider='cpu'
        ) as process,
        probe('/packed') as opened,
    ):
        process.wait_for_log(CONFIGURED)
        opened.listen(Image, 'color/image_raw')
        png = cv2.imencode('.png', thermal(HEIGHT, WIDTH, 7))[1].tobytes()
        broken = CompressedImage(header=header(6), format='mono8; png compressed', data=png[:99])
        good = CompressedImage(header=header(7), format='mono8; png compressed', data=png)

        def refused() -> bool:
            # Again and again: best effort may lose the first.
            opened.publish('image_raw/compressed', broken)
            return 'bad frame: ' in process.log

        wait_until(refused, 'a warning')
        opened.publish('image_raw/compressed', good)
        color = opened.wait_for_stamp('color/image_raw', header(7))
        assert not colored(opened, 6)
    np.testing.assert_array_equal(pixels(color), expected_color(thermal(HEIGHT, WIDTH, 7)))


def test_nobody_watches_nothing_is_computed(tmp_path, model):
    with colorizer(tmp_path, '/alone', model=model) as process, probe('/alone') as opened:
        process.wait_for_log(CONFIGURED)
        opened.listen(DiagnosticArray, '/diagnostics')

        def unwatched() -> list[DiagnosticArray]:
            opened.publish('image_raw', mono8(1))
            return [
                message
                for message in opened.messages('/diagnostics')
                for status in message.status
                for entry in status.values
                if status.name.startswith('alone/')
                and entry.key == 'unwatched'
                and int(entry.value) > 2
            ]

        wait_until(lambda: bool(unwatched()), 'frames to pass by')
        message = unwatched()[-1]
    keys = {entry.key for status in message.status for entry in status.values}
    assert not any(key.startswith('generator ') for key in keys)


def test_reload_takes_a_good_model_and_keeps_the_old_for_a_bad_one(tmp_path, model):
    blue = save_generator(tmp_path / 'blue.onnx', BLUE, info={'recipe': 'blue'})
    (tmp_path / 'cut.onnx').write_bytes(model.read_bytes()[:200])
    with colorizer(tmp_path, '/reload', model=model) as process, probe('/reload') as opened:
        process.wait_for_log(CONFIGURED)
        opened.listen(Image, 'color/image_raw')

        def reload(path: Path) -> Trigger.Response:
            assert opened.set_parameters(model=str(path)).successful
            return opened.call(Trigger, 'colorizer/reload_model', Trigger.Request())

        def color(number: int) -> np.ndarray:
            opened.publish('image_raw', mono8(number))
            return pixels(opened.wait_for_stamp('color/image_raw', header(number)))

        for path in (tmp_path / 'cut.onnx', tmp_path / 'none.onnx'):
            refused = reload(path)
            assert not refused.success
            assert 'the old model stays' in refused.message
            assert path.name in refused.message
        np.testing.assert_array_equal(color(1), expected_color(thermal(HEIGHT, WIDTH, 1)))
        taken = reload(blue)
        assert taken.success, taken.message
        assert (color(2) == (0, 0, 255)).all()


def test_frames_go_on_during_a_reload(tmp_path, model):
    """A model that takes seconds to run once at the warm-up size, beside frames of another size."""
    slow = save_slow_generator(tmp_path / 'slow.onnx')
    parameters = {'model': model, 'provider': 'cpu', 'threads': 1}
    with colorizer(tmp_path, '/busy', **parameters) as process, probe('/busy') as opened:
        process.wait_for_log(CONFIGURED)
        opened.listen(Image, 'color/image_raw')
        opened.publish('image_raw', mono8(0))
        opened.wait_for_stamp('color/image_raw', header(0))
        assert opened.set_parameters(model=str(slow)).successful
        answer = opened.call_later(Trigger, 'colorizer/reload_model', Trigger.Request())
        for number in itertools.count(1):
            opened.publish('image_raw', mono8(number))
            time.sleep(0.05)
            colors = opened.messages('color/image_raw')[1:]
            if len(colors) >= 3 or answer.done():  # a frame may be lost or dropped
                break
        assert len(colors) >= 3
        for color in colors:
            expected = expected_color(thermal(HEIGHT, WIDTH, color.header.stamp.sec - 1000))
            np.testing.assert_array_equal(pixels(color), expected)  # by the old model
        wait_until(answer.done, 'the end of the reload')
        assert answer.result().success


def test_lifecycle_transitions(tmp_path, model):
    with (
        colorizer(tmp_path, '/manual', model=model, autostart=False) as process,
        probe('/manual') as opened,
    ):
        process.wait_for_log('waiting for a configure transition')
        opened.listen(Image, 'color/image_raw')
        reload = opened.call(Trigger, 'colorizer/reload_model', Trigger.Request())
        assert not reload.success

        assert opened.change_state(Transition.TRANSITION_CONFIGURE)
        assert opened.state() == 'inactive'
        opened.publish('image_raw', mono8(1))
        time.sleep(ARRIVAL)
        assert opened.change_state(Transition.TRANSITION_ACTIVATE)
        assert opened.state() == 'active'
        opened.publish('image_raw', mono8(2))
        opened.wait_for_stamp('color/image_raw', header(2))
        assert opened.change_state(Transition.TRANSITION_DEACTIVATE)
        opened.publish('image_raw', mono8(3))
        time.sleep(ARRIVAL)
        assert opened.change_state(Transition.TRANSITION_CLEANUP)
        assert opened.state() == 'unconfigured'

        assert opened.change_state(Transition.TRANSITION_CONFIGURE)
        assert opened.change_state(Transition.TRANSITION_ACTIVATE)
        opened.publish('image_raw', mono8(4))
        opened.wait_for_stamp('color/image_raw', header(4))
        assert [m.header.stamp.sec for m in opened.messages('color/image_raw')] == [1002, 1004]
        assert opened.change_state(Transition.TRANSITION_ACTIVE_SHUTDOWN)
        assert opened.state() == 'finalized'
        assert process.alive


def test_missing_model_leaves_the_node_alive_with_the_reason(tmp_path, model):
    missing = tmp_path / 'missing.onnx'
    with colorizer(tmp_path, '/broken', model=missing) as process, probe('/broken') as opened:
        process.wait_for_log('not configured: ')
        opened.listen(DiagnosticArray, '/diagnostics')

        def tells(message: DiagnosticArray) -> bool:
            status = message.status[0]
            error = status.level == DiagnosticStatus.ERROR and str(missing) in status.message
            return error and status.name == 'broken/colorizer: colorize'

        opened.wait_for('/diagnostics', tells)
        assert opened.state() == 'unconfigured'
        assert opened.set_parameters(model=str(model)).successful
        assert opened.change_state(Transition.TRANSITION_CONFIGURE)
        assert opened.change_state(Transition.TRANSITION_ACTIVATE)
        opened.listen(Image, 'color/image_raw')
        opened.publish('image_raw', mono8(1))
        opened.wait_for_stamp('color/image_raw', header(1))


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_the_node_cleanly(tmp_path, model, number):
    with colorizer(tmp_path, '/mortal', model=model) as process, probe('/mortal') as opened:
        process.wait_for_log(CONFIGURED)
        opened.listen(Image, 'color/image_raw')
        opened.publish('image_raw', mono8(1))
        opened.wait_for_stamp('color/image_raw', header(1))
        process.signal(number)
        assert process.wait_for_exit() == 0
        assert 'Traceback' not in process.log


def test_unknown_parameters_are_told_once_at_the_start(tmp_path, model):
    """In a file, on the command line, and the overrides of a topic that there is not."""
    parameters = {
        'model': model,
        'exposure_mod': 'clahe',
        'max_rate': 50,  # an integer for a float
        'qos_overrides./typo/color/image_raw.publisher.depth': 3,
        'qos_overrides./typo/color/image.publisher.depth': 3,
    }
    with colorizer(tmp_path, '/typo', **parameters) as process:
        process.wait_for_log(CONFIGURED)
        assert process.log.count('exposure_mod (did you mean exposure_mode?)') == 1
        assert '/typo/color/image.publisher.depth (did you mean qos_over' in process.log
        assert '/typo/color/image_raw.publisher.depth,' not in process.log


def run_node(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, '-m', 'morngan_ros.node', *arguments]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize('flag', ['-h', '--help'])
def test_help_is_printed(flag):
    done = run_node(flag)
    assert done.returncode == 0
    for words in ('--ros-args -r image_raw:=', 'exposure_mode: ', 'max_rate: ', '[640, 512]'):
        assert words in done.stdout


def test_arguments_that_ros_does_not_take_are_an_error():
    done = run_node('/camera/image_raw', '--ros-args', '-r', '__ns:=/wrong')
    assert done.returncode == 2
    assert 'unknown arguments: /camera/image_raw; topics and parameters come after' in done.stderr


@pytest.mark.parametrize(
    ('parameters', 'words'),
    [
        ({'max_rate': 'fast'}, 'must be a number'),
        ({'image_transport': 'theora'}, 'must be one of raw, compressed'),
        ({'threads': -1}, 'out of range'),
        ({'threads': 'many'}, 'INTEGER'),
        ({'precision': 'fp17'}, 'must be one of auto, fp32, bf16, fp16'),
    ],
)
def test_useless_parameter_at_the_start_is_one_clear_line(tmp_path, parameters, words):
    with colorizer(tmp_path, '/wrong', **parameters) as process:
        assert process.wait_for_exit() == 1
        assert words in process.log
        assert 'Traceback' not in process.log
