"""Models leave the memory when they are replaced: not later, when Python looks for cycles."""

from collections.abc import Iterator
import gc
from pathlib import Path
import weakref

import pytest
from tiny_models import save_generator

from morngan_ros.engines import EngineOptions
from morngan_ros.pipeline import Pipeline


@pytest.fixture
def model(tmp_path) -> Path:
    return save_generator(tmp_path / 'tiny.onnx')


@pytest.fixture(autouse=True)
def _no_search_for_cycles() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize('provider', ['auto', 'cpu'])
def test_after_loading(model, provider):
    """With auto, providers fail before one works: their errors must not hold on to it."""
    pipeline = Pipeline.load(model, EngineOptions(provider))
    engine = weakref.ref(pipeline.generator.engine)
    del pipeline
    assert engine() is None


def test_after_a_reload(model):
    """Nor must the futures that told of the end of loading."""
    rclpy = pytest.importorskip('rclpy', reason='needs ROS 2')
    from rclpy.executors import SingleThreadedExecutor

    from morngan_ros.node.model_manager import Loader
    from morngan_ros.node.parameters import Settings

    context = rclpy.Context()
    rclpy.init(context=context)
    executor = SingleThreadedExecutor(context=context)
    loader = Loader()
    settings = Settings(model=str(model), provider='cpu', warm_up_size=(32, 32))
    engines = []

    async def reload() -> None:
        loading = await loader.load(settings, executor)
        engines.append(weakref.ref(loading.result().generator.engine))

    for _ in range(2):
        executor.spin_until_future_complete(executor.create_task(reload), 30)
    assert len(engines) == 2
    loader.stop()
    executor.shutdown()
    rclpy.shutdown(context=context)
    assert engines[0]() is None  # the loader may hold the last one
