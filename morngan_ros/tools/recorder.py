"""Record topics into one .mcap file that Foxglove, ros2 bag and the PyPI package mcap open."""

import argparse
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
import time
from typing import Any

from mcap.writer import CompressionType
from mcap.writer import Writer
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from rclpy.topic_endpoint_info import TopicEndpointInfo

from morngan_ros.bags import typestore
from morngan_ros.errors import SourceError
from morngan_ros.tools.support import cli
from morngan_ros.tools.support import ros

EXAMPLES = """\
image_raw color/image_raw detections /diagnostics --out drive.mcap"""

# Messages that may wait while a chunk is compressed and written.
_DEPTH = 50
_LOOK_AGAIN = 0.1
_DRAIN = 1.0


class Recorder:
    """Subscribes to topics as their publishers come up and writes what arrives, bit for bit.

    Each message is logged with the time when the middleware received it and, as MCAP's publish
    time, when its publisher sent it.

    Args:
        node: Gets the subscriptions.
        topics: Names; relative ones are resolved by the node.
        out: The file; an old one is replaced.
    """

    def __init__(self, node: Node, topics: Sequence[str], out: Path) -> None:
        self._node = node
        self._missing = [node.resolve_topic_name(topic) for topic in topics]
        self.counts: dict[str, int] = dict.fromkeys(self._missing, 0)
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            self._file = out.open('wb')
        except OSError as error:
            raise SourceError(f'{out} cannot be written: {error}') from None
        self._writer = Writer(self._file, compression=CompressionType.ZSTD)
        self._writer.start(profile='ros2', library='morngan_ros')
        self._schemas: dict[str, int] = {}

    def look(self) -> None:
        """Subscribe to those topics that have got a publisher since."""
        for topic in list(self._missing):
            publishers = self._node.get_publishers_info_by_topic(topic)
            if publishers:
                self._missing.remove(topic)
                self._subscribe(topic, publishers)

    def flush(self) -> None:
        """Hand whole chunks to the system, which keeps them if this process is killed."""
        self._file.flush()

    def close(self) -> None:
        """Write the index; the file is complete."""
        self._writer.finish()
        self._file.close()

    def _subscribe(self, topic: str, publishers: Sequence[TopicEndpointInfo]) -> None:
        kind = publishers[0].topic_type
        if kind not in typestore().types:
            raise SourceError(f'topic {topic} has the type {kind}, whose definition is not known')
        package, _, name = kind.split('/')
        message_class = getattr(import_module(f'{package}.msg'), name)
        channel = self._writer.register_channel(topic, 'cdr', self._schema(kind))

        def write(data: bytes, info: Any) -> None:
            self._writer.add_message(
                channel,
                # Some middlewares do not tell when they received a message.
                log_time=info['received_timestamp'] or time.time_ns(),
                publish_time=info['source_timestamp'],
                data=data,
                sequence=self.counts[topic],
            )
            self.counts[topic] += 1

        self._node.create_subscription(message_class, topic, write, _qos(publishers), raw=True)

    def _schema(self, kind: str) -> int:
        if kind not in self._schemas:
            text, _ = typestore().generate_msgdef(kind, ros_version=2)
            self._schemas[kind] = self._writer.register_schema(kind, 'ros2msg', text.encode())
        return self._schemas[kind]


def _qos(publishers: Sequence[TopicEndpointInfo]) -> QoSProfile:
    """Ask for as much as all publishers offer: more would not connect."""
    profiles = [publisher.qos_profile for publisher in publishers]
    reliable = all(p.reliability == ReliabilityPolicy.RELIABLE for p in profiles)
    latched = all(p.durability == DurabilityPolicy.TRANSIENT_LOCAL for p in profiles)
    return QoSProfile(
        depth=_DEPTH,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


@cli.reports_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    own, arguments = ros.split_arguments(argv)
    options = _parse(own)
    cli.claim_output(options.out, '', options.overwrite)
    with ros.node('recorder', arguments) as (node, stop):
        recorder = Recorder(node, options.topics, options.out)
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        looked = 0.0
        try:
            while not stop.is_set():
                if time.monotonic() - looked > _LOOK_AGAIN:
                    recorder.look()
                    recorder.flush()
                    looked = time.monotonic()
                executor.spin_once(timeout_sec=_LOOK_AGAIN)
            _drain(executor, recorder)
        finally:
            recorder.close()
    counts = ', '.join(f'{topic} {count}' for topic, count in recorder.counts.items())
    print(f'recorded to {options.out}: {counts}')
    return 0


def _drain(executor: SingleThreadedExecutor, recorder: Recorder) -> None:
    """Take what has arrived already: stop when nothing comes for a while."""
    deadline = time.monotonic() + _DRAIN
    while time.monotonic() < deadline:
        before = sum(recorder.counts.values())
        executor.spin_once(timeout_sec=_LOOK_AGAIN)
        if sum(recorder.counts.values()) == before:
            return


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = cli.parser('recorder', __doc__ or '', EXAMPLES)
    parser.add_argument(
        'topics', nargs='+', help='topics to record; their types are found when they are published'
    )
    parser.add_argument('--out', type=Path, required=True, help='.mcap file to write')
    parser.add_argument('--overwrite', action='store_true', help='replace an existing file')
    return parser.parse_args(argv)


if __name__ == '__main__':
    raise SystemExit(main())
