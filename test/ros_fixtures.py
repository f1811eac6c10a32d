"""What the tests over real DDS need: node processes, and a probe that talks to them.

Every test process has a DDS domain of its own, so that tests may run beside each other and beside
a robot. The node under test always runs in another process than the probe.
"""

from collections import defaultdict
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
import contextlib
import os
from pathlib import Path
import signal
import subprocess
import sys
from threading import Condition
from threading import Thread
import time
from typing import Any

from dds_domain import DOMAIN
from lifecycle_msgs.srv import ChangeState
from lifecycle_msgs.srv import GetState
import numpy as np
from rcl_interfaces.srv import SetParametersAtomically
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from std_msgs.msg import Header

from morngan_ros.host.fastdds import profile_variable

ROOT = Path(__file__).resolve().parents[1]

# A generous bound: a test that waits this long has failed.
PATIENCE = 30.0

RELIABLE = QoSProfile(depth=50, reliability=ReliabilityPolicy.RELIABLE)
BEST_EFFORT = QoSProfile(depth=50, reliability=ReliabilityPolicy.BEST_EFFORT)

# A shell that starts tests in the background has them ignore SIGINT, and what they start inherits
# it: a node would not hear the signal before ROS has put its own handler there.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ['ROS_DOMAIN_ID'] = str(DOMAIN)
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
os.environ.setdefault(profile_variable(), str(ROOT / 'config' / 'fastdds.xml'))


class NodeProcess:
    """The node `colorizer` in a process of its own, in a namespace of its own.

    Args:
        log: File that takes what the node prints.
        namespace: Where its topics are, such as '/front'.
        parameters: Values by name, in YAML.
        environment: Changes to the variables; None removes one.
        module: What to run; it must start the node.
    """

    def __init__(
        self,
        log: Path,
        namespace: str,
        parameters: Mapping[str, Any],
        environment: Mapping[str, str | None],
        module: str = 'morngan_ros.node',
    ) -> None:
        command = [sys.executable, '-m', module, '--ros-args']
        command += ['-r', f'__ns:={namespace}']
        for name, value in parameters.items():
            command += ['-p', f'{name}:={value}']
        variables = {**os.environ, **environment}
        self.namespace = namespace
        self._log = log
        with log.open('wb') as file:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={name: value for name, value in variables.items() if value is not None},
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    @property
    def log(self) -> str:
        """All that the node has printed."""
        return self._log.read_text()

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def wait_for_log(self, text: str) -> None:
        """Wait until the node has printed a text."""
        wait_until(lambda: text in self.log or not self.alive, f'{text!r} in:\n{self.log}')
        assert text in self.log, self.log

    def wait_for_exit(self) -> int:
        """Wait for the end; returns the exit code."""
        return self._process.wait(PATIENCE)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def end(self) -> None:
        """End the process, by force if need be."""
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Probe:
    """A node of this process: publishes to the node under test and keeps what comes from it."""

    def __init__(self, namespace: str) -> None:
        self._context = rclpy.Context()
        rclpy.init(context=self._context)
        self.node = Node('probe', namespace=namespace, context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._messages: dict[str, list[Any]] = defaultdict(list)
        self._came = Condition()
        self._publishers: dict[str, Any] = {}
        self._thread = Thread(target=self._spin, daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        with contextlib.suppress(ExternalShutdownException):
            self._executor.spin()

    def close(self) -> None:
        """Leave the graph."""
        self._executor.shutdown()
        rclpy.shutdown(context=self._context)
        self._thread.join(PATIENCE)

    def listen(self, kind: type, topic: str, qos: QoSProfile = RELIABLE) -> None:
        """Subscribe, and wait until the publisher is connected."""

        def keep(message: Any) -> None:
            with self._came:
                self._messages[topic].append(message)
                self._came.notify_all()

        self.node.create_subscription(kind, topic, keep, qos)
        wait_until(lambda: self.node.count_publishers(topic) > 0, f'a publisher of {topic}')

    def publish(self, topic: str, message: Any, qos: QoSProfile = RELIABLE) -> None:
        """Publish, at first after waiting until a subscriber is connected."""
        if topic not in self._publishers:
            publisher = self.node.create_publisher(type(message), topic, qos)
            wait_until(lambda: publisher.get_subscription_count() > 0, f'a subscriber of {topic}')
            # This end knows of the other now; give the other end a moment to know of this one.
            time.sleep(0.5)
            self._publishers[topic] = publisher
        self._publishers[topic].publish(message)

    def messages(self, topic: str) -> list[Any]:
        """Return what has come."""
        with self._came:
            return list(self._messages[topic])

    def wait_for(self, topic: str, matches: Callable[[Any], bool]) -> Any:
        """Wait for a message that matches, perhaps one that has come already."""

        def found() -> list[Any]:
            return [message for message in self._messages[topic] if matches(message)]

        with self._came:
            assert self._came.wait_for(found, PATIENCE), f'no message that fits on {topic}'
            return found()[0]

    def wait_for_stamp(self, topic: str, header: Header) -> Any:
        """Wait for the message that has the stamp of a header."""
        return self.wait_for(topic, lambda message: message.header.stamp == header.stamp)

    def call_later(self, kind: type, service: str, request: Any) -> Any:
        """Call a service and return the future of its response."""
        client = self.node.create_client(kind, service)
        assert client.wait_for_service(PATIENCE), f'no service {service}'
        return client.call_async(request)

    def call(self, kind: type, service: str, request: Any) -> Any:
        """Call a service and return its response."""
        future = self.call_later(kind, service, request)
        wait_until(future.done, f'a response of {service}')
        return future.result()

    def set_parameters(self, **values: Any) -> Any:
        """Set parameters of the node in one call; returns the result."""
        request = SetParametersAtomically.Request()
        request.parameters = [
            Parameter(name, value=value).to_parameter_msg() for name, value in values.items()
        ]
        service = 'colorizer/set_parameters_atomically'
        return self.call(SetParametersAtomically, service, request).result

    def change_state(self, transition: int) -> bool:
        """Ask for a transition of lifecycle_msgs/Transition; returns whether it succeeded."""
        request = ChangeState.Request()
        request.transition.id = transition
        return bool(self.call(ChangeState, 'colorizer/change_state', request).success)

    def state(self) -> str:
        """Return the name of the lifecycle state."""
        response = self.call(GetState, 'colorizer/get_state', GetState.Request())
        return str(response.current_state.label)


def wait_until(condition: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    """Wait for a condition, and fail when it does not come true."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f'waited {patience:g} s in vain for {what}'
        time.sleep(0.02)


def header(number: int, frame_id: str = 'thermal') -> Header:
    """Make a header whose stamp tells the number of the frame."""
    result = Header(frame_id=frame_id)
    result.stamp.sec = 1000 + number
    result.stamp.nanosec = 123_456_789
    return result


def thermal(height: int = 48, width: int = 64, seed: int = 0) -> np.ndarray:
    """Make a picture, uint8 [H, W], that differs from pixel to pixel and from seed to seed."""
    return np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)


@contextlib.contextmanager
def colorizer(
    folder: Path,
    namespace: str,
    environment: Mapping[str, str | None] | None = None,
    module: str = 'morngan_ros.node',
    **parameters: Any,
) -> Iterator[NodeProcess]:
    """Run a node while the block lasts."""
    log = folder / 'node.log'
    process = NodeProcess(log, namespace, parameters, environment or {}, module)
    try:
        yield process
    finally:
        process.end()


@contextlib.contextmanager
def probe(namespace: str) -> Iterator[Probe]:
    """Join the graph while the block lasts."""
    opened = Probe(namespace)
    try:
        yield opened
    finally:
        opened.close()
