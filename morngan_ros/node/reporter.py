"""Report the state of a node on /diagnostics, whatever else happens."""

from collections.abc import Callable
import os

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock
from rclpy.clock import ClockType
from rclpy.node import Node

from morngan_ros.host import proc
from morngan_ros.node import diagnostics
from morngan_ros.node.health import Health
from morngan_ros.pipeline import Pipeline

# Seconds between two reports.
REPORT_EVERY = 1.0


class Reporter:
    """Publishes what a node says about itself, once a second.

    Args:
        node: Publishes.
        health: Counters and times.
        state: Tells all else.
    """

    def __init__(self, node: Node, health: Health, state: Callable[[], diagnostics.State]) -> None:
        self._node = node
        self._health = health
        self._state = state
        self._publisher = node.create_publisher(DiagnosticArray, '/diagnostics', 10)
        # Diagnostics go on when a simulated clock stands still or jumps.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        node.create_timer(REPORT_EVERY, self.report, clock=steady)

    def report(self) -> None:
        """Publish the present state."""
        message = DiagnosticArray()
        message.header.stamp = self._node.get_clock().now().to_msg()
        name = self._node.get_fully_qualified_name().lstrip('/')
        message.status = diagnostics.statuses(name, self._state(), self._health.snapshot())
        self._publisher.publish(message)


def facts(pipeline: Pipeline) -> dict[str, str]:
    """Name what runs."""
    generator = pipeline.generator
    named = {
        'model': generator.name,
        'model sha256': generator.sha256,
        'provider': generator.provider,
        'precision': generator.precision,
        'detector': pipeline.detector.name if pipeline.detector else 'off',
        'detector provider': pipeline.detector.provider if pipeline.detector else '',
        'frames are resized to': generator.insists_on,
    }
    return {name: fact for name, fact in named.items() if fact}


def summary(pipeline: Pipeline) -> str:
    """Say what runs in one line."""
    generator = pipeline.generator
    detector = pipeline.detector
    if detector is None:
        detections = 'detections are off'
    else:
        detections = f'detections come from the {detector.name}'
    return (
        f'generator {generator.name} runs on {generator.provider} ({generator.precision}), '
        f'{detections}'
    )


def resources() -> dict[str, str]:
    """Measure what this process takes of the machine."""
    try:
        figures = proc.read(os.getpid())
    except OSError:  # no file descriptor is left, say: frames need none, the node goes on
        return {}
    return {
        'memory (MiB)': f'{figures.resident / 2**20:.1f}',
        'shared memory (MiB)': f'{figures.shared / 2**20:.1f}',
        'threads': str(figures.threads),
        'open files': str(figures.descriptors),
    }
