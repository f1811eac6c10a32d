"""What the commands that talk ROS share: context, signals, image publishers, pacing."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
import os
import random
import signal
import threading
import time
from types import FrameType
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from diagnostic_msgs.msg import DiagnosticStatus
import numpy as np
import rclpy
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import remove_ros_args
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from morngan_ros.bags import sibling
from morngan_ros.host import fastdds
from morngan_ros.images.codec import grey_encoding
from morngan_ros.node.messages import to_image

QOS = ('reliable', 'best_effort')

_END = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# Frames that may wait for a slow subscriber: one second of a 10 Hz camera.
_DEPTH = 10


def keep_to_itself() -> None:
    """Keep this process and its children on this machine and away from other nodes on it.

    The user's own choice stays: variables that are set are left as they are.
    """
    os.environ.setdefault('ROS_DOMAIN_ID', str(random.randint(20, 100)))
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    fastdds.set_profile()


def split_arguments(argv: Sequence[str] | None) -> tuple[list[str] | None, list[str] | None]:
    """Split a command line into the command's own arguments and all of them, for rclpy."""
    if argv is None:
        return remove_ros_args()[1:], None
    return remove_ros_args(list(argv)), list(argv)


@contextmanager
def node(name: str, arguments: list[str] | None) -> Iterator[tuple[Node, threading.Event]]:
    """Open a node with a context of its own process; yield it and an event that asks to stop.

    Signals that end a process set the event, so that files are finished and frames delivered.
    """
    fastdds.set_profile()
    stop = threading.Event()

    def ask_to_stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    previous = {s: signal.signal(s, ask_to_stop) for s in _END}
    rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
    opened = rclpy.create_node(name)
    try:
        yield opened, stop
    finally:
        opened.destroy_node()
        rclpy.try_shutdown()
        for number, handler in previous.items():
            signal.signal(number, handler)


def qos(name: str, depth: int = _DEPTH) -> QoSProfile:
    """Make a profile from its name in `QOS`; the newest `depth` messages are kept."""
    return QoSProfile(depth=depth, reliability=ReliabilityPolicy[name.upper()])


class CameraPublisher:
    """Publishes frames and, beside them, the camera_info of a camera without calibration."""

    def __init__(self, node: Node, topic: str, profile: QoSProfile) -> None:
        self.images = node.create_publisher(Image, topic, profile)
        self.infos = node.create_publisher(CameraInfo, sibling(topic, 'camera_info'), profile)

    def __call__(self, counts: np.ndarray, stamp_ns: int, frame_id: str) -> None:
        """Publish uint8, uint16 or float32 counts [H, W] as mono8, mono16 or 32FC1."""
        header = Header(frame_id=frame_id)
        header.stamp.sec, header.stamp.nanosec = divmod(stamp_ns, 1_000_000_000)
        height, width = counts.shape
        self.infos.publish(CameraInfo(header=header, height=height, width=width))
        self.images.publish(to_image(counts, header, grey_encoding(counts.dtype)))


class NodeWatch:
    """Listens to what the node `colorizer` says about itself.

    Attributes:
        works: Whether it colorizes.
        problem: Why it cannot; empty if it can.
        values: Its latest figures and facts, by name.
    """

    def __init__(self, node: Node) -> None:
        self.works = False
        self.problem = ''
        self.values: dict[str, str] = {}
        node.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics, 10)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if 'colorizer' not in status.name:
                continue
            self.values.update({entry.key: entry.value for entry in status.values})
            if status.name.endswith('colorize'):
                self.works = status.level == DiagnosticStatus.OK
                self.problem = status.message if status.level == DiagnosticStatus.ERROR else ''


def wait_for_subscribers(publisher: 'Publisher[Any]', count: int, stop: threading.Event) -> None:
    """Wait until so many subscribers are connected, so that they get the first frame too."""
    if count == 0:
        return
    while publisher.get_subscription_count() < count and not stop.wait(0.05):
        pass
    # This end knows them now; they need a moment to know this end.
    stop.wait(0.5)


def deliver(publishers: 'Sequence[Publisher[Any]]') -> None:
    """Wait until reliable subscribers have got everything, for two seconds at most."""
    deadline = time.monotonic() + 2
    for publisher in publishers:
        left = max(0.0, deadline - time.monotonic())
        publisher.wait_for_all_acked(rclpy.duration.Duration(seconds=left))


class Pacer:
    """Sleeps until the moment of a recorded time comes, at some speed.

    Args:
        stop: Ends a sleep early.
        speed: Recorded seconds per second.
        tick: Called about 40 times a second of waiting and once at its end, with the recorded
            time in nanoseconds; for /clock.
    """

    _TICK = 0.025

    def __init__(
        self, stop: threading.Event, speed: float = 1.0, tick: Callable[[int], None] | None = None
    ) -> None:
        self._stop = stop
        self._speed = speed
        self._tick = tick
        self._origin: tuple[int, float] | None = None

    def restart(self) -> None:
        """Take the next time as one that is due at once."""
        self._origin = None

    def skip(self, duration_ns: int) -> None:
        """Take so much recorded time as passed already."""
        if self._origin is not None:
            first_ns, started = self._origin
            self._origin = first_ns + duration_ns, started

    def wait_until(self, time_ns: int) -> bool:
        """Sleep until the time comes; False if asked to stop."""
        if self._origin is None:
            self._origin = time_ns, time.monotonic()
        first_ns, started = self._origin
        due = started + (time_ns - first_ns) / 1e9 / self._speed
        while (left := due - time.monotonic()) > 0:
            if self._tick is not None:
                self._tick(time_ns - round(left * self._speed * 1e9))
            if self._stop.wait(left if self._tick is None else min(left, self._TICK)):
                return False
        if self._tick is not None:
            self._tick(time_ns)
        return not self._stop.is_set()
