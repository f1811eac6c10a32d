"""Load models in a thread of their own, so that frames and messages go on meanwhile."""

from concurrent.futures import Future as Loading
from concurrent.futures import ThreadPoolExecutor
import weakref

from rclpy.executors import Executor
from rclpy.task import Future

from morngan_ros.node.parameters import Settings
from morngan_ros.pipeline import Pipeline


class Loader:
    """One thread that loads one set of models at a time."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, 'loader')
        # Weak, or the models that were loaded last would stay when the node has freed them.
        self._loading: weakref.ref[Loading[Pipeline]] | None = None

    @property
    def busy(self) -> bool:
        """Whether models are being loaded."""
        loading = None if self._loading is None else self._loading()
        return loading is not None and not loading.done()

    def start(self, settings: Settings, *, without_detector: bool = False) -> 'Loading[Pipeline]':
        """Begin to load as `Settings.load` does; the result is a pipeline, or raises its error."""
        loading = self._pool.submit(settings.load, without_detector=without_detector)
        self._loading = weakref.ref(loading)
        return loading

    async def load(
        self, settings: Settings, executor: Executor, *, without_detector: bool = False
    ) -> 'Loading[Pipeline]':
        """Load, while the executor turns to other callbacks; returns what is done."""
        done: Future = Future(executor=executor)

        def resume(_: 'Loading[Pipeline]') -> None:
            # Without the models: they would hold themselves through this callback, and stay in
            # memory until the garbage collector comes by.
            done.set_result(None)
            executor.wake()

        loading = self.start(settings, without_detector=without_detector)
        loading.add_done_callback(resume)
        await done
        return loading

    def stop(self) -> bool:
        """Take no more; False if models are being loaded, which nothing can interrupt."""
        self._pool.shutdown(wait=False)
        return not self.busy
