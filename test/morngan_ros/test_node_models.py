"""Which models the node holds, and for how long, whatever happens while others are loaded."""

from collections.abc import Callable
from collections.abc import Iterator
import gc
from pathlib import Path
import time
import weakref

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
import ros_fixtures  # noqa: F401  a domain of its own
from ros_fixtures import header
from ros_fixtures import thermal
from std_srvs.srv import Trigger
from tiny_models import save_generator

from morngan_ros.colorize_node import ColorizeNode
from morngan_ros.messages import to_image


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
    inside.spin_until(lambda: inside.node._loader.busy or task.done())
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
    assert inside.node._lost_device == 'the device is gone'


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

    monkeypatch.setattr('morngan_ros.proc.read', fail)
    inside.node._reporter.report()
