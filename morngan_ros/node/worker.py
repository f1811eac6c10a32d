"""The thread that turns the newest frame into results, apart from the thread that receives."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Thread
from time import perf_counter

from rclpy.impl.rcutils_logger import RcutilsLogger
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image

from morngan_ros.errors import DeviceError
from morngan_ros.errors import FrameError
from morngan_ros.errors import OutputError
from morngan_ros.node.health import Health
from morngan_ros.node.intake import Intake
from morngan_ros.node.mailbox import Mailbox
from morngan_ros.node.outputs import Outputs
from morngan_ros.pipeline import Pipeline

# Seconds between two log lines about the same trouble.
_QUIET = 5.0


@dataclass(frozen=True)
class _Frame:
    """A message and the moment it came, in seconds of `perf_counter`."""

    message: Image | CompressedImage
    came: float


class Worker:
    """Processes one frame at a time; while it works, newer frames replace each other.

    Attributes:
        pipeline: What processes frames; may be replaced between two of them at any time.
        open: Whether results are published; when it closes, a frame under work comes to nothing.
        busy_since: When the frame under work was begun, in seconds of `perf_counter`; None at rest.
        trouble: What the last frame failed of that should not have; empty after one that worked.
    """

    def __init__(
        self,
        intake: Intake,
        outputs: Outputs,
        health: Health,
        logger: RcutilsLogger,
        on_device_failure: Callable[[str], None],
    ) -> None:
        """Start the thread, closed and without a pipeline.

        Args:
            intake: Reads messages.
            outputs: Where results go.
            health: Counts and times.
            logger: Of the node.
            on_device_failure: Called in the thread with the reason when the device of a model
                fails; the pipeline has been given up then.
        """
        self.pipeline: Pipeline | None = None
        self.open = False
        self.busy_since: float | None = None
        self.trouble = ''
        self._intake = intake
        self._outputs = outputs
        self._health = health
        self._logger = logger
        self._on_device_failure = on_device_failure
        self._mailbox: Mailbox[_Frame] = Mailbox()
        self._thread = Thread(target=self._run, name='worker', daemon=True)
        self._thread.start()

    def put(self, message: Image | CompressedImage) -> None:
        """Hand over the newest frame; returns at once."""
        if self._mailbox.put(_Frame(message, perf_counter())):
            self._health.count('dropped')

    def stop(self, patience: float) -> bool:
        """End the thread; False if it is still at a frame after `patience` seconds."""
        self.open = False
        self._mailbox.close()
        self._thread.join(patience)
        return not self._thread.is_alive()

    def _run(self) -> None:
        """Process frames until the mailbox closes."""
        while (frame := self._mailbox.get()) is not None:
            self._turn(frame)

    def _turn(self, frame: _Frame) -> None:
        """Process a frame; whatever it holds, go on with the next.

        Apart from the loop, which waits between frames: it must not hold on to models that the node
        has freed meanwhile.
        """
        pipeline = self.pipeline
        if pipeline is None or not self.open:
            self._health.count('resting')
            return
        self.busy_since = perf_counter()
        try:
            self._process(frame, pipeline)
            self.trouble = ''
        except FrameError as error:
            self._health.count('bad')
            self._health.count(f'bad: {error.cause}')
            self._logger.warning(f'bad frame: {error}', throttle_duration_sec=_QUIET)
        except DeviceError as error:
            self._give_up(pipeline, error)
        except Exception as error:
            # Publishing fails once the context is shut down; that is no trouble.
            if self.open:
                self._fail(error)
        self.busy_since = None

    def _fail(self, error: Exception) -> None:
        self.trouble = repr(error)
        self._health.count('failed')
        if isinstance(error, OutputError):
            self._health.count(f'failed: {error.cause}')
        self._logger.error(
            f'the frame could not be colorized: {error!r}', throttle_duration_sec=_QUIET
        )

    def _give_up(self, pipeline: Pipeline, error: DeviceError) -> None:
        """Leave a device that failed, for it gives nothing more, unless it was replaced already."""
        self._fail(error)
        if self.pipeline is pipeline:
            self.pipeline = None
            # Not the error: its traceback holds the models, and others are about to be loaded.
            self._on_device_failure(str(error))

    def _process(self, frame: _Frame, pipeline: Pipeline) -> None:
        watched = self._outputs.watched(detecting=pipeline.detector is not None)
        if not watched:
            self._health.count('unwatched')
            return
        times = [frame.came, perf_counter()]
        counts = self._intake(frame.message)
        times.append(perf_counter())
        stamp = self._intake.seconds(frame.message, frame.came)
        seen = pipeline.counts()
        result = pipeline(counts, stamp, detect=self._outputs.need_detections(watched))
        for cause, by in (pipeline.counts() - seen).items():
            self._health.count(cause, by)
        times.append(perf_counter())
        header = frame.message.header
        packed = self._outputs.pack(watched, result, header, self._intake.window)
        times.append(perf_counter())
        if not self.open or not packed:
            self._health.count('unwatched' if self.open else 'resting')
            return
        for publisher, message in packed:
            publisher.publish(message)
        times.append(perf_counter())
        self._note(times, result.seconds)

    def _note(self, times: list[float], stages: dict[str, float]) -> None:
        came, started, decoded, computed, packed, published = times
        self._health.count('published')
        self._health.tick('output')
        self._health.observe('wait', started - came)
        self._health.observe('decode', decoded - started)
        for stage, seconds in stages.items():
            self._health.observe(stage, seconds)
        self._health.observe('pack', packed - computed)
        self._health.observe('publish', published - packed)
        self._health.observe('total', published - came)
