"""Models that are no longer used leave the memory at once."""

import gc
from pathlib import Path
import weakref

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

import rclpy
from rclpy.executors import SingleThreadedExecutor
from tiny_models import save_generator

from morngan_ros.loader import Loader
from morngan_ros.parameters import Settings


def test_nothing_holds_models_that_were_replaced(tmp_path: Path) -> None:
    settings = Settings(model=str(save_generator(tmp_path / 'tiny.onnx')), provider='cpu')
    context = rclpy.Context()
    rclpy.init(context=context)
    executor = SingleThreadedExecutor(context=context)
    loader = Loader()

    def load() -> 'weakref.ref[object]':
        async def reload() -> None:
            nonlocal loaded
            loaded = (await loader.load(settings, executor)).result()

        loaded = None
        task = executor.create_task(reload)
        executor.spin_until_future_complete(task, timeout_sec=30.0)
        assert loaded is not None
        return weakref.ref(loaded)

    gc.disable()
    try:
        first = load()
        second = load()
        assert first() is None
        assert second() is not None  # the loader keeps the last
    finally:
        gc.enable()
        loader.stop()
        executor.shutdown()
        rclpy.shutdown(context=context)
