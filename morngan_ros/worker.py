"""The thread that turns the newest frame into results, apart from the thread that receives."""

from dataclasses import dataclass
from threading import Thread
from time import perf_counter

from rclpy.impl.rcutils_logger import RcutilsLogger
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image

from morngan_ros.errors import FrameError
from morngan_ros.health import Health
from morngan_ros.mailbox import Mailbox
from morngan_ros.messages import compressed_to_thermal
from morngan_ros.messages import to_thermal
from morngan_ros.outputs import Outputs
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
    """

    def __init__(self, outputs: Outputs, health: Health, logger: RcutilsLogger) -> None:
        """Start the thread, closed and without a pipeline."""
        self.pipeline: Pipeline | None = None
        self.open = False
        self._outputs = outputs
        self._health = health
        self._logger = logger
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
        """Process frames until the mailbox closes; whatever one holds, go on with the next."""
        while (frame := self._mailbox.get()) is not None:
            if self.pipeline is None or not self.open:
                continue
            try:
                self._process(frame, self.pipeline)
            except FrameError as error:
                self._health.count('bad')
                self._logger.warning(f'bad frame: {error}', throttle_duration_sec=_QUIET)
            except Exception as error:
                # Publishing fails once the context is shut down; that is no trouble.
                if self.open:
                    self._health.count('failed')
                    self._logger.error(f'no colour: {error!r}', throttle_duration_sec=_QUIET)

    def _process(self, frame: _Frame, pipeline: Pipeline) -> None:
        watched = self._outputs.watched(detecting=pipeline.detector is not None)
        if not watched:
            self._health.count('unwatched')
            return
        times = [frame.came, perf_counter()]
        header = frame.message.header
        if isinstance(frame.message, CompressedImage):
            counts = compressed_to_thermal(frame.message)
        else:
            counts = to_thermal(frame.message)
        times.append(perf_counter())
        detect = self._outputs.need_detections(watched)
        result = pipeline(counts, self._seconds(frame), detect=detect)
        if not self.open:
            return
        times.append(perf_counter())
        self._outputs.publish(watched, result, header)
        times.append(perf_counter())
        self._note(times, result.seconds)

    def _seconds(self, frame: _Frame) -> float:
        """Return the stamp in seconds; for an empty one the arrival, so that exposure goes on."""
        stamp = frame.message.header.stamp
        if stamp.sec == 0 and stamp.nanosec == 0:
            self._health.count('without stamp')
            return frame.came
        return float(stamp.sec + stamp.nanosec * 1e-9)

    def _note(self, times: list[float], stages: dict[str, float]) -> None:
        came, started, decoded, computed, published = times
        self._health.count('published')
        self._health.tick('output')
        self._health.observe('wait', started - came)
        self._health.observe('decode', decoded - started)
        for stage, seconds in stages.items():
            self._health.observe(stage, seconds)
        self._health.observe('publish', published - computed)
        self._health.observe('total', published - came)
