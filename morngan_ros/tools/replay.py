"""Publish a bag, a folder of pictures, a video or the simulation as topics with original stamps."""

import argparse
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from functools import partial
from importlib import import_module
import json
import math
from pathlib import Path
import posixpath
import time
from typing import Any
from typing import NamedTuple
from typing import Protocol

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rosgraph_msgs.msg import Clock

from morngan_ros.bags import BagReader
from morngan_ros.bags import COMPRESSED_IMAGE
from morngan_ros.bags import IMAGE
from morngan_ros.bags import is_bag
from morngan_ros.bags import OnBadFrame
from morngan_ros.bags import RawMessage
from morngan_ros.bags import sibling
from morngan_ros.errors import SourceError
from morngan_ros.sources import Frame
from morngan_ros.sources import open_source
from morngan_ros.sources import Source
from morngan_ros.sources.frames import DEFAULT_FRAME_ID
from morngan_ros.tools.support import cli
from morngan_ros.tools.support import ros
from morngan_ros.tools.support.pauses import Pauses

EXAMPLES = """\
night_bag/ --clock
night_bag/ --topic /boson/image_raw --publish-as image_raw --loop
set00/V000/lwir --fps 20 --publish-as /thermal/image_raw --wait 1
sim --frames 100 --ros-args -r __ns:=/front"""


# How many types a line names.
_NAMED = 5


class Event(NamedTuple):
    """Something to publish at its time."""

    time_ns: int
    publish: Callable[[], None]
    is_frame: bool


class Tape(Protocol):
    """What can be played, from the start each time it is iterated over."""

    label: str
    images: 'Publisher[Any]'
    publishers: 'list[Publisher[Any]]'

    def __iter__(self) -> Iterator[Event]:
        """Give the events in their order."""


class FrameTape:
    """Frames of a folder, video or simulation, with a camera_info each.

    Args:
        source: The frames.
        node: Gets the publishers.
        topics: Each gets every frame.
        profile: Quality of service of all publishers.
    """

    def __init__(
        self, source: Source, node: Node, topics: Sequence[str], profile: QoSProfile
    ) -> None:
        self._source = source
        self._cameras = [ros.CameraPublisher(node, topic, profile) for topic in topics]
        self.label = source.label
        self.images = self._cameras[0].images
        self.publishers = [p for camera in self._cameras for p in (camera.images, camera.infos)]

    def __iter__(self) -> Iterator[Event]:
        for frame in self._source:
            yield Event(frame.stamp_ns, partial(self._publish, frame), True)

    def _publish(self, frame: Frame) -> None:
        for camera in self._cameras:
            camera(frame.counts, frame.stamp_ns, frame.frame_id)


class BagTape:
    """Messages of a bag, bit for bit, at the times of their recording.

    Args:
        path: The bag.
        node: Gets the publishers.
        topic: Publish only the images of this topic and the camera_info beside them.
        publish_as: Publish only images, on this name, and the camera_info beside them; without
            `topic` those of what looks like a thermal camera. If both are None, all topics whose
            types are installed are published, as they were named.
        profile: Quality of service of all publishers.
        on_bad: Called for stretches of the bag that cannot be read.
    """

    def __init__(
        self,
        path: Path,
        node: Node,
        topic: str | None,
        publish_as: str | None,
        profile: QoSProfile,
        on_bad: OnBadFrame,
    ) -> None:
        self._path = path
        self._on_bad = on_bad
        self.label = f'bag {path.resolve().name}'
        with BagReader(path, on_bad) as bag:
            image_topic, choice = bag.choose_images(topic)
            kinds = bag.topics
            cli.tell(bag.notes)
        if topic is None and publish_as is None:
            names = {recorded: recorded for recorded in kinds}
        else:
            cli.tell(filter(None, [choice]))
            names = _names(image_topic, kinds, publish_as)
        self._image_topic = image_topic
        classes = {recorded: _message_class(kinds[recorded]) for recorded in names}
        self._publishers = {
            recorded: node.create_publisher(kind, names[recorded], profile)
            for recorded, kind in classes.items()
            if kind is not None
        }
        missing = sorted({kinds[recorded] for recorded, kind in classes.items() if kind is None})
        if missing:
            more = f' and {len(missing) - _NAMED} more' if len(missing) > _NAMED else ''
            kind_names = ', '.join(missing[:_NAMED]) + more
            cli.tell([f'messages of types that are not installed are left out: {kind_names}'])
        self.images = self._publishers[image_topic]
        self.publishers = list(self._publishers.values())

    def __iter__(self) -> Iterator[Event]:
        with BagReader(self._path, self._on_bad) as bag:
            for message in bag.raw(self._publishers):
                publish = partial(self._publish, message)
                yield Event(message.recorded_ns, publish, message.topic == self._image_topic)

    def _publish(self, message: RawMessage) -> None:
        self._publishers[message.topic].publish(bytes(message.data))


def _names(image_topic: str, kinds: dict[str, str], topic: str | None) -> dict[str, str]:
    """Choose images and camera_info of a bag and name them after `topic`, if there is one."""
    compressed = kinds[image_topic] == COMPRESSED_IMAGE
    base = image_topic.removesuffix('/compressed') if compressed else image_topic
    topic = topic or base
    names = {image_topic: f'{topic}/compressed' if compressed else topic}
    info = sibling(base, 'camera_info')
    if info in kinds:
        names[info] = sibling(topic, 'camera_info')
    return names


def _message_class(kind: str) -> Any | None:
    """Import the class of 'sensor_msgs/msg/Image'; None if it is not installed."""
    package, _, name = kind.split('/')
    try:
        return getattr(import_module(f'{package}.msg'), name)
    except (ImportError, AttributeError):
        return None


def play(
    tape: Tape,
    pacer: ros.Pacer,
    pauses: Pauses,
    *,
    loop: bool = False,
    limit: int | None = None,
) -> int:
    """Publish a tape to its end, or again and again until asked to stop.

    Args:
        tape: What to publish.
        pacer: Waits for the moment of each event.
        pauses: Shortens those between events.
        loop: Begin again at the end.
        limit: End after so many frames.

    Returns:
        How many frames were published.
    """
    frames = 0
    while True:
        first_ns = last_ns = None
        in_round = 0
        cut_before_ns = pauses.cut_ns
        for event in tape:
            if last_ns is not None:
                pauses.between(last_ns, event.time_ns, in_round)
            if not pacer.wait_until(event.time_ns):
                return frames + in_round
            event.publish()
            in_round += event.is_frame
            if frames + in_round == limit:
                return frames + in_round
            first_ns = event.time_ns if first_ns is None else first_ns
            last_ns = event.time_ns
        frames += in_round
        if not loop or first_ns is None or last_ns is None:
            return frames
        # The first frame again comes one frame's time after the last.
        played_ns = last_ns - first_ns - (pauses.cut_ns - cut_before_ns)
        pacer.wait_until(last_ns + played_ns // max(1, in_round - 1))
        pacer.restart()


@cli.reports_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    own, arguments = ros.split_arguments(argv)
    options = _parse(own)
    if options.rate <= 0:
        raise SourceError(f'--rate must be above zero, not {options.rate}')
    if not options.max_gap >= 0:
        raise SourceError(f'--max-gap must be zero or more seconds, not {options.max_gap}')
    skipped = cli.Skipped()
    with ros.node('replay', arguments) as (node, stop):
        tape = _open_tape(options, node, skipped)
        tick = _clock(node) if options.clock else None
        ros.wait_for_subscribers(tape.images, options.wait, stop)
        pacer = ros.Pacer(stop, options.rate, tick)
        pauses = Pauses(pacer, options.max_gap if isinstance(tape, BagTape) else math.inf)
        started = time.monotonic()
        frames = play(tape, pacer, pauses, loop=options.loop, limit=options.frames)
        seconds = time.monotonic() - started
        pauses.sum_up()
        ros.deliver(tape.publishers)
        topic = tape.images.topic_name
        print(f'published {frames} frames of {tape.label} on {topic} in {seconds:.1f} s')
    if options.report is not None:
        report = {'source': tape.label, 'topic': topic, 'frames': frames, 'seconds': seconds}
        options.report.write_text(json.dumps(report, indent=2) + '\n')
    if frames == 0 and skipped:
        raise SourceError(f'{tape.label}: none of its frames could be read')
    return skipped.exit_code()


def _open_tape(options: argparse.Namespace, node: Node, on_bad: OnBadFrame) -> Tape:
    profile = ros.qos(options.qos)
    path = Path(options.input)
    named = options.publish_as or 'image_raw'
    topics = [posixpath.join(camera, named) for camera in options.cameras or ['']]
    if is_bag(path):
        if options.cameras:
            _require_cameras(path, node, topics)
        return BagTape(path, node, options.topic, options.publish_as, profile, on_bad)
    if options.topic is not None:
        raise SourceError(
            f'--topic chooses an image topic of a bag, and {path} is none; '
            '--publish-as names the topic to publish on'
        )
    source = open_source(
        options.input,
        rate=options.fps,
        start_ns=None if options.start is None else round(options.start * 1e9),
        frame_id=options.frame_id,
        frames=options.frames,
        on_bad=on_bad,
    )
    cli.tell(source.notes)
    return FrameTape(source, node, topics, profile)


def _require_cameras(path: Path, node: Node, topics: Sequence[str]) -> None:
    """See that a bag has images for every camera.

    Raises:
        SourceError: It has none for one of them.
    """
    with BagReader(path, on_bad=lambda _name, _error: None) as bag:  # told when it is played
        kinds = bag.topics
    images = [topic for topic, kind in kinds.items() if kind in (IMAGE, COMPRESSED_IMAGE)]
    played = {node.resolve_topic_name(topic) for topic in images}
    for topic in map(node.resolve_topic_name, topics):
        if not {topic, f'{topic}/compressed'} & played:
            raise SourceError(
                f'bag {path} has no images for the camera on {topic}; it has: {", ".join(images)}'
            )


def _clock(node: Node) -> Callable[[int], None]:
    """Make the function that publishes a time on /clock."""
    publisher = node.create_publisher(Clock, '/clock', 10)

    def publish(time_ns: int) -> None:
        clock = Clock()
        clock.clock.sec, clock.clock.nanosec = divmod(time_ns, 1_000_000_000)
        publisher.publish(clock)

    return publish


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = cli.parser('replay', __doc__ or '', EXAMPLES)
    parser.add_argument('input', help="bag, folder of pictures, video, 'sim' or 'sim:320x256'")
    parser.add_argument(
        '--rate', type=float, default=1.0, help='speed: 2 is twice as fast (default: 1)'
    )
    parser.add_argument('--loop', action='store_true', help='repeat indefinitely; stamps jump back')
    parser.add_argument('--clock', action='store_true', help='publish /clock, for use_sim_time')
    parser.add_argument(
        '--topic',
        help='image topic of a bag: publish only it and its camera_info (default: all topics)',
    )
    parser.add_argument(
        '--publish-as',
        metavar='TOPIC',
        help='publish the images on this topic (default: image_raw, or the recorded topic of a '
        'bag); a bag then publishes only the images and their camera_info',
    )
    parser.add_argument(
        '--max-gap',
        type=float,
        default=60.0,
        metavar='SECONDS',
        help='longest pause in a bag; longer ones are shortened, inf keeps them '
        '(default: %(default)s)',
    )
    parser.add_argument(
        '--cameras',
        nargs='+',
        metavar='NAME',
        help='publish a camera in each of these namespaces; a bag must contain their topics',
    )
    parser.add_argument('--qos', choices=ros.QOS, default='reliable', help='default: %(default)s')
    parser.add_argument(
        '--wait', type=int, default=0, metavar='N', help='start when N subscribers are connected'
    )
    parser.add_argument('--frames', type=int, help='stop after this number of frames')
    parser.add_argument(
        '--report', type=Path, help='JSON file for a report: source, topic, frames, seconds'
    )
    made = parser.add_argument_group('for input without stamps (all but bags)')
    made.add_argument(
        '--fps', type=float, help="frames per second (default: the video's own, else 10)"
    )
    made.add_argument(
        '--start', type=float, help='stamp of the first frame, seconds since 1970 (default: now)'
    )
    made.add_argument('--frame-id', default=DEFAULT_FRAME_ID, help='default: %(default)s')
    return parser.parse_args(argv)


if __name__ == '__main__':
    raise SystemExit(main())
