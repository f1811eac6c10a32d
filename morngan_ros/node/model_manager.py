"""The models of the node: load them aside, take them in, and replace those that fail.

Models are loaded in a thread of their own, so that frames and messages go on meanwhile.
"""

from collections.abc import Callable
from concurrent.futures import Future as Loading
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait
from dataclasses import replace
import weakref

from rclpy.executors import Executor
from rclpy.impl.rcutils_logger import RcutilsLogger
from rclpy.task import Future

from morngan_ros.detector import Detector
from morngan_ros.engines import EngineOptions
from morngan_ros.errors import ModelError
from morngan_ros.errors import MornganError
from morngan_ros.errors import ProviderError
from morngan_ros.exposure import Exposure
from morngan_ros.generator import Generator
from morngan_ros.node import reporter
from morngan_ros.node.parameters import Settings
from morngan_ros.node.worker import Worker
from morngan_ros.pipeline import open_detector
from morngan_ros.pipeline import Pipeline
from morngan_ros.shipped import default_model

# Seconds of one wait for models, between which the node looks after other things.
_MOMENT = 0.1


class ModelManager:
    """Owns the models that the worker runs.

    Attributes:
        problem: Why there are no models, or not those that were asked for; empty if all is well.
        lost_device: Why the models run on the processor since a device failed; empty if none has.
    """

    def __init__(
        self, worker: Worker, settings: Callable[[], Settings], logger: RcutilsLogger
    ) -> None:
        """Start without models.

        Args:
            worker: Runs them.
            settings: Tells the present values of the parameters.
            logger: Of the node.
        """
        self.problem = ''
        self.lost_device = ''
        self._worker = worker
        self._settings = settings
        self._logger = logger
        self._running = settings()
        self._configuration = 0
        self._loader = Loader()

    @property
    def busy(self) -> bool:
        """Whether models are being loaded."""
        return self._loader.busy

    def configure(self) -> Callable[[], bool]:
        """Begin to load; a detector that is of no use may be missing.

        Returns:
            Waits a moment for the end and tells whether it has come; then it takes the models in,
            or raises the error of loading.
        """
        self._configuration += 1
        settings = self._settings()
        # Colour without detections is better than nothing.
        loading = self._loader.start(settings, without_detector=True)

        def finish() -> bool:
            if not wait([loading], timeout=_MOMENT).done:
                return False
            self._adopt(loading.result(), settings)
            return True

        return finish

    async def reload(self, executor: Executor) -> str:
        """Load beside the running models, then swap; a bad file keeps the old ones.

        Returns:
            The name of the generator that is in use now.

        Raises:
            ReloadError: It came to nothing.
        """
        if self.busy:
            raise ReloadError('another reload is running; wait until it has ended')
        configuration, settings = self._configuration, self._settings()
        loading = await self._loader.load(settings, executor)
        try:
            pipeline = loading.result()
            if self._configuration != configuration:
                raise ReloadError('the node was cleaned up during the reload; configure it')
            self._adopt(pipeline, settings)
        except ReloadError:
            raise
        except Exception as error:
            message = f'the old model stays: {in_words(error)}'
            self._logger.error(message)
            raise ReloadError(message) from None
        return pipeline.generator.name

    async def recover(self, reason: str, executor: Executor) -> bool:
        """Replace models whose device failed by the same on the processor, if that is allowed.

        Args:
            reason: Why the device failed.
            executor: Turns to other callbacks meanwhile.

        Returns:
            False if the node is left without models.
        """
        if not self._settings().allow_fallback:
            self._logger.error(f'{reason}; allow_fallback is false, so the node is unconfigured')
            self.problem = reason
            return False
        self._logger.error(f'{reason}; loading the models on the processor')
        # Those that ran, for parameters may name others that were refused, or not tried yet. The
        # first provider on the processor; without it `allow_fallback` leads to the next.
        settings = replace(
            self._running, provider='openvino', precision='auto', allow_fallback=True
        )
        configuration = self._configuration
        loading = await self._loader.load(settings, executor, without_detector=True)
        if self._configuration != configuration or self._worker.pipeline is not None:
            return True  # cleaned up, or reloaded by hand meanwhile
        try:
            self._adopt(loading.result(), settings)
        except Exception as second:
            self._logger.error(f'no fallback: {in_words(second)}')
            self.problem = reason
            return False
        self.lost_device = reason
        return True

    def drop(self) -> None:
        """Free the models; what is being loaded comes to nothing."""
        self._configuration += 1
        self._worker.pipeline = None

    def stop(self) -> bool:
        """Load no more; False if models are being loaded, which nothing can interrupt."""
        return self._loader.stop()

    def _adopt(self, pipeline: Pipeline, settings: Settings) -> None:
        """Take models, and the settings that they were loaded with, for the next frame on."""
        self._running = settings
        # Parameters may have changed while the models were loaded.
        tune_detector(pipeline, self._settings())
        before = self._worker.pipeline
        if before is None:
            pipeline.exposure = exposure(self._settings())
        else:
            pipeline.exposure = before.exposure  # the scene is the same: no flicker
        self._worker.pipeline = pipeline
        self.problem = ''
        self.lost_device = ''
        self._logger.info(reporter.summary(pipeline))
        if pipeline.detector_problem:
            self._logger.error(f'no detections: {pipeline.detector_problem}')


class ReloadError(Exception):
    """The models were not replaced; the message is for whoever asked for it."""


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
        """Begin to load as `load_pipeline` does; the result is a pipeline, or raises its error."""
        loading = self._pool.submit(load_pipeline, settings, without_detector=without_detector)
        self._loading = weakref.ref(loading)
        return loading

    async def load(
        self, settings: Settings, executor: Executor, *, without_detector: bool = False
    ) -> 'Loading[Pipeline]':
        """Load, while the executor turns to other callbacks; returns what is done."""
        done: Future[None] = Future(executor=executor)

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


def load_pipeline(settings: Settings, *, without_detector: bool = False) -> Pipeline:
    """Load the models and run them once.

    Args:
        settings: Name the models and what runs them.
        without_detector: Let a detector that is of no use be missing; `detector_problem` of the
            pipeline tells why.

    Raises:
        MornganError: A model file, the provider or the size for the warm-up is of no use.
    """
    width, height = settings.warm_up_size
    options = EngineOptions(
        settings.provider,
        settings.precision,
        settings.threads,
        (height, width),
        settings.cuda_graph,
        settings.allow_fallback,
    )
    generator = Generator.load(
        settings.model or default_model(settings.provider),
        options,
        input_range=settings.model_input_range,
        output_range=settings.model_output_range,
    )
    pipeline = Pipeline(generator, exposure=exposure(settings))
    pipeline.warm_up(height, width)
    try:
        _add_detector(pipeline, settings, options)
    except (ModelError, ProviderError) as error:
        if not without_detector:
            raise
        pipeline.detector = None
        pipeline.detector_problem = str(error)
    return pipeline


def _add_detector(pipeline: Pipeline, settings: Settings, options: EngineOptions) -> None:
    names = [name for name in settings.detector_class_names if name]
    pipeline.detector = open_detector(settings.detector, pipeline.generator, options, names=names)
    tune_detector(pipeline, settings)
    if isinstance(pipeline.detector, Detector):
        pipeline.detector.warm_up()


def tune_detector(pipeline: Pipeline, settings: Settings) -> None:
    """Give the values that change live to the detector, if there is one.

    Raises:
        ModelError: The detector does not know a class.
    """
    if pipeline.detector is not None:
        pipeline.detector.classes = tuple(name for name in settings.detection_classes if name)
        pipeline.detector.threshold = settings.detection_threshold
    if isinstance(pipeline.detector, Detector):
        pipeline.detector.tiles = settings.detector_tiles


def exposure(settings: Settings) -> Exposure:
    """Make a new exposure; it sets its window by the next frame."""
    return Exposure(
        mode=settings.exposure_mode,
        low=settings.exposure_low,
        high=settings.exposure_high,
        time_constant=settings.exposure_time_constant,
        reset_after=settings.exposure_reset_after,
        range_low=settings.exposure_range_low,
        range_high=settings.exposure_range_high,
        clahe_clip=settings.exposure_clahe_clip,
    )


def in_words(error: Exception) -> str:
    """Return the message that was written for people, or all there is."""
    return str(error) if isinstance(error, MornganError) else repr(error)
