"""Which models the node holds, and for how long, whatever happens while others are loaded."""

from collections.abc import Callable
from collections.abc import Iterator
import gc
from pathlib import Path
import time
from typing import Any
import weakref

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
import ros_fixtures  # noqa: F401  a domain of its own
from ros_fixtures import header
from ros_fixtures import thermal
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger
from tiny_models import save_foreign_generator
from tiny_models import save_generator
from tiny_models import save_normalizing_generator
from tiny_models import save_outputs_detector
from vision_msgs.msg import Detection2DArray

from morngan_ros.node import diagnostics
from morngan_ros.node.colorize_node import ColorizeNode
from morngan_ros.node.messages import to_image


class Inside:
    """The node in this process, which turns only when it is told to."""

    def __init__(self, model: Path) -> None:
        self._context = rclpy.Context()
        rclpy.init(context=self._context)
        values = {'model': str(model), 'provider': 'cpu', 'threads': 1, 'warm_up_size': [32, 32]}
        self.node = ColorizeNode(
            context=self._context,
            namespace='/inside',
            parameter_overrides=[Parameter(k, value=v) for k, v in values.items()],
        )
        self.executor = SingleThreadedExecutor(context=self._context)
        self.executor.add_node(self.node)

    def spin_until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < end
            self.executor.spin_once(0.1)

    def count(self, name: str) -> int:
        return self.node._health.snapshot()['counts'].get(name, 0)

    def set(self, **values: object) -> bool:
        results = self.node.set_parameters([Parameter(k, value=v) for k, v in values.items()])
        return all(result.successful for result in results)

    def close(self) -> None:
        self.executor.shutdown()
        self.node.stop()
        self.node.destroy_node()
        rclpy.shutdown(context=self._context)


@pytest.fixture
def model(tmp_path) -> Path:
    return save_generator(tmp_path / 'tiny.onnx')


@pytest.fixture
def blue(tmp_path) -> Path:
    return save_generator(tmp_path / 'blue.onnx', info={'recipe': 'blue'})


@pytest.fixture
def inside(model) -> Iterator[Inside]:
    opened = Inside(model)
    opened.node.trigger_configure()
    opened.node.trigger_activate()
    yield opened
    opened.close()


def name(inside: Inside) -> str:
    pipeline = inside.node._worker.pipeline
    assert pipeline is not None
    return pipeline.generator.name


def test_cleanup_frees_the_models(inside):
    """At once, although worker and loader had them last and wait for work now."""
    gc.collect()
    gc.disable()
    try:
        inside.node._worker.put(to_image(thermal(), header(1), 'mono8'))
        inside.spin_until(lambda: inside.count('unwatched') > 0)
        engine = weakref.ref(inside.node._worker.pipeline.generator.engine)
        inside.node.trigger_deactivate()
        inside.node.trigger_cleanup()
        assert engine() is None
    finally:
        gc.enable()


def test_a_reload_that_a_new_configuration_overtakes_comes_to_nothing(inside, model, blue):
    assert inside.set(model=str(blue))
    response = Trigger.Response()
    reload = inside.node._on_reload_model
    task = inside.executor.create_task(reload, Trigger.Request(), response)
    inside.spin_until(lambda: inside.node._models.busy or task.done())
    inside.node.trigger_deactivate()
    inside.node.trigger_cleanup()
    assert inside.set(model=str(model))
    inside.node.trigger_configure()
    inside.spin_until(task.done)
    assert not response.success
    assert 'cleaned up' in response.message
    assert name(inside) == 'tiny'


def test_the_fallback_is_the_model_that_ran_not_one_that_was_refused(inside, tmp_path):
    assert inside.set(model=str(tmp_path / 'missing.onnx'))
    worker = inside.node._worker
    worker.pipeline = None
    worker._on_device_failure('the device is gone')
    inside.spin_until(lambda: worker.pipeline is not None)
    assert name(inside) == 'tiny'
    assert worker.pipeline.generator.provider == 'openvino'
    assert inside.node._models.lost_device == 'the device is gone'


def test_a_failure_of_models_that_are_gone_already_ends_nothing(inside):
    """It was reported just before somebody reloaded."""
    assert inside.set(allow_fallback=False)
    running = inside.node._worker.pipeline
    inside.node._on_device_failure('the device is gone')
    inside.spin_until(lambda: not inside.executor._tasks)
    assert inside.node._worker.pipeline is running
    assert inside.node._state == 'active'


def test_a_higher_rate_holds_at_once(inside):
    """A frame every thousand seconds, and then a higher rate before the next is due."""
    frame = to_image(thermal(), header(1), 'mono8')
    assert inside.set(max_rate=0.001)
    inside.node._on_image(frame)
    inside.spin_until(lambda: not inside.node._on_image(frame) and inside.count('rate limited') > 0)
    limited = inside.count('rate limited')
    assert inside.set(max_rate=1000.0)
    inside.node._on_image(frame)
    assert inside.count('rate limited') == limited


def test_frames_of_a_resting_node_are_counted(inside):
    assert inside.set(enabled=False)
    for _ in range(3):
        inside.node._on_image(to_image(thermal(), header(1), 'mono8'))
    assert (inside.count('received'), inside.count('resting')) == (3, 3)


def test_no_file_descriptor_for_the_report_ends_nothing(inside, monkeypatch):
    def fail(pid: int) -> None:
        raise OSError(24, 'Too many open files')

    monkeypatch.setattr('morngan_ros.host.proc.read', fail)
    inside.node._reporter.report()


# Models of other people


def colorize(inside: Inside, picture: np.ndarray, number: int) -> None:
    """Show the node a frame, and wait until it is done with it."""
    ends = ('published', 'bad', 'failed')
    before = sum(map(inside.count, ends))
    inside.node._worker.put(to_image(picture, header(number), 'mono8'))
    inside.spin_until(lambda: sum(map(inside.count, ends)) > before)


def work(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return what the node says of its work."""
    said: list[str] = []
    compose = diagnostics.statuses

    def keep(*arguments: Any) -> Any:
        statuses = compose(*arguments)
        said.append(f'{ord(statuses[0].level)} {statuses[0].message}')
        return statuses

    with monkeypatch.context() as patch:
        patch.setattr(diagnostics, 'statuses', keep)
        inside.node._reporter.report()
    return said[0]


@pytest.fixture
def watched(inside: Inside) -> Inside:
    inside.node.create_subscription(Image, 'color/image_raw', lambda _: None, 10)
    inside.node.create_subscription(Detection2DArray, 'detections', lambda _: None, 10)
    inside.spin_until(lambda: len(inside.node._outputs.watched(detecting=True)) > 1)
    return inside


def reload(inside: Inside) -> Trigger.Response:
    response = Trigger.Response()
    call = inside.node._on_reload_model
    task = inside.executor.create_task(call, Trigger.Request(), response)
    inside.spin_until(task.done)
    return response


def test_a_model_that_gives_nan_is_not_taken(inside, tmp_path):
    bad = save_foreign_generator(tmp_path / 'nan.onnx', output_range=(-1.0, np.inf))
    assert inside.set(model=str(bad))
    response = reload(inside)
    assert not response.success
    assert 'the old model stays' in response.message
    assert 'gives NaN or infinity' in response.message
    assert name(inside) == 'tiny'
    inside.node.trigger_deactivate()
    inside.node.trigger_cleanup()
    inside.node.trigger_configure()
    assert inside.node._state == 'unconfigured'
    assert 'gives NaN or infinity' in inside.node._models.problem


def test_nan_while_running_blames_the_model_and_not_the_frame(watched, tmp_path, monkeypatch):
    path = save_normalizing_generator(tmp_path / 'theirs.onnx')
    assert watched.set(model=str(path))
    assert reload(watched).success
    colorize(watched, np.full((48, 64), 77, np.uint8), 1)
    assert watched.count('failed: not finite') == watched.count('failed') == 1
    assert watched.count('bad') == watched.count('published') == 0
    assert work(watched, monkeypatch).startswith('2 frames fail: OutputError')
    colorize(watched, thermal(), 2)
    assert watched.count('published') == 1
    assert work(watched, monkeypatch) == '0 colorizing'


def test_frames_are_resized_for_a_model_of_fixed_size(watched, tmp_path, monkeypatch):
    path = save_generator(tmp_path / 'fixed.onnx', size=(32, 32), info={'recipe': 'fixed'})
    assert watched.set(model=str(path), warm_up_size=[64, 48])
    assert reload(watched).success
    colorize(watched, thermal(), 1)
    assert (watched.count('published'), watched.count('bad')) == (1, 0)
    assert work(watched, monkeypatch) == '0 colorizing'


def test_while_every_frame_is_refused_the_status_is_not_ok(watched, monkeypatch):
    for number in range(3):
        colorize(watched, np.zeros((4, 4), np.uint8), number)
    assert work(watched, monkeypatch) == '1 no frame is colorized, all are bad: empty'
    colorize(watched, thermal(), 4)
    assert work(watched, monkeypatch) == '0 colorizing'


def test_a_detector_without_names_gets_them_by_parameter(watched, tmp_path, monkeypatch):
    """Its boxes are counted when they turn into none while it runs; colour goes on."""
    good = np.array([32, 32, 16, 16, 0.2, 0.9], np.float32).reshape(1, 6, 1)
    detector = save_outputs_detector(tmp_path / 'a.onnx', [good], later=good * np.nan)
    assert watched.set(detector=str(detector))
    response = reload(watched)
    assert not response.success
    assert 'detector_class_names' in response.message
    assert watched.set(detector_class_names=['walker', 'rider'])
    assert reload(watched).success
    colors = {0: (0, 0, 0), 255: (255, 255, 255)}
    assert watched.set(model=str(save_generator(tmp_path / 'grey.onnx', colors)))
    assert reload(watched).success
    colorize(watched, thermal(64, 64), 1)
    assert work(watched, monkeypatch) == '0 colorizing'
    colorize(watched, np.zeros((64, 64), np.uint8), 2)
    assert watched.count('published') == 2
    assert watched.count('detector: not finite') == 1
    assert work(watched, monkeypatch) == '1 boxes of the detector are discarded: not finite'
