"""Load the node from outside: a camera process, the node, and a best-effort subscriber process.

The report tells whether frames get lost and whether latency grows. Latency runs from the stamp of
the thermal frame to the arrival of the colour frame in the subscriber.
"""

import argparse
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import ExitStack
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
import itertools
import json
import os
from pathlib import Path
import tempfile
import threading
import time
from typing import Any

import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
from vision_msgs.msg import Detection2DArray

from morngan_ros.errors import SourceError
from morngan_ros.host import proc
from morngan_ros.host.allocator import set_up_allocator
from morngan_ros.node.diagnostics import MEDIAN
from morngan_ros.shipped import default_model
from morngan_ros.tools.support import cli
from morngan_ros.tools.support import ros
from morngan_ros.tools.support.processes import Child

EXAMPLES = """\

--seconds 60 --encoding mono16
--everything --detector yolov8n.onnx
--model small.onnx --size 320x256 --rate 60"""

_MODULE = 'morngan_ros.tools.load_test'
# Figures of the node's diagnostics that belong into the report.
_COUNTERS = ('received', 'published', 'dropped', 'bad', 'failed')
# Different frames that the camera sends in turn.
_SCENES = 8


@dataclass(frozen=True)
class Stream:
    """What the camera sends.

    Attributes:
        seconds: Length.
        rate: Frames a second.
        size: Width and height in pixels.
        encoding: 'mono8', or 'mono16' for counts of 14 bits.
    """

    seconds: float = 60.0
    rate: float = 30.0
    size: tuple[int, int] = (640, 512)
    encoding: str = 'mono8'


def role(name: str, out: Path, stream: Stream, *, everything: bool = False) -> list[str]:
    """Return the module and arguments of the process 'camera' or 'viewer', for a `Child`.

    Args:
        name: Which of them.
        out: JSON file that it writes at its end: what `publish` or `subscribe` return.
        stream: What is sent.
        everything: Whether the viewer takes detections and overlay too.
    """
    width, height = stream.size
    command = [_MODULE, f'--role={name}', f'--out={out}', f'--seconds={stream.seconds}']
    return [
        *command,
        f'--rate={stream.rate}',
        f'--size={width}x{height}',
        f'--encoding={stream.encoding}',
        *(['--everything'] if everything else []),
    ]


def publish(options: argparse.Namespace) -> dict[str, Any]:
    """Play the camera: wait for the node, then publish frames at an even rate.

    Returns:
        The stamps that were sent, in nanoseconds.

    Raises:
        SourceError: The node says that it cannot work.
    """
    width, height = options.size
    dtype = np.uint8 if options.encoding == 'mono8' else np.uint16
    top = 256 if dtype == np.uint8 else 2**14
    rng = np.random.default_rng(0)
    scenes = [rng.integers(0, top, (height, width), dtype) for _ in range(_SCENES)]
    stamps: list[int] = []
    with ros.node('camera', None) as (node, stop):
        camera = ros.CameraPublisher(node, 'image_raw', qos_profile_sensor_data)
        watch = ros.NodeWatch(node)
        while not watch.works and not stop.is_set():
            rclpy.spin_once(node, timeout_sec=0.1)
            if watch.problem:
                raise SourceError(f'the node cannot work: {watch.problem}')
        ros.wait_for_subscribers(camera.images, 1, stop)
        start = time.monotonic()
        for number in range(round(options.seconds * options.rate)):
            if stop.wait(max(0.0, start + number / options.rate - time.monotonic())):
                break
            stamps.append(time.time_ns())
            camera(scenes[number % _SCENES], stamps[-1], 'thermal')
        stop.wait(2.5)  # the node finishes its last frame and counts it in its diagnostics
    return {'stamps': stamps}


def subscribe(*, everything: bool) -> dict[str, Any]:
    """Play the viewer: take colour frames until a signal comes.

    Args:
        everything: Take detections and overlay too, and count them.

    Returns:
        Stamp and arrival of each frame in nanoseconds, and the node's own figures.
    """
    arrivals: list[tuple[int, int]] = []
    others = {'detections': 0, 'overlay/image_raw': 0}

    def count(topic: str, _message: object) -> None:
        others[topic] += 1

    def on_image(message: Image) -> None:
        stamp = message.header.stamp
        arrivals.append((stamp.sec * 10**9 + stamp.nanosec, time.time_ns()))

    with ros.node('viewer', None) as (node, stop):
        node.create_subscription(Image, 'color/image_raw', on_image, qos_profile_sensor_data)
        if everything:
            for topic, kind in (('detections', Detection2DArray), ('overlay/image_raw', Image)):
                node.create_subscription(
                    kind, topic, partial(count, topic), qos_profile_sensor_data
                )
        watch = ros.NodeWatch(node)
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        while not stop.is_set():
            executor.spin_once(timeout_sec=0.1)
    return {'arrivals': arrivals, 'others': others, 'node': watch.values}


def measure(
    stream: Stream,
    folder: Path,
    model: Path | None = None,
    provider: str = 'auto',
    threads: int = 0,
    detector: str = '',
    *,
    everything: bool = False,
) -> dict[str, Any]:
    """Run the three processes and compare what they saw.

    Args:
        stream: What the camera sends.
        folder: For logs.
        model: Generator; None: the one that ships.
        provider: Parameter of the node.
        threads: Parameter of the node.
        detector: Parameter of the node.
        everything: Take detections and overlay too.

    Raises:
        SourceError: A process ended early; the message holds its last words.
    """
    width, height = stream.size
    model = (model or default_model(provider)).resolve()
    node = ['morngan_ros.node', '--ros-args', '-p', f'model:={model}']
    node += ['-p', f'provider:={provider}', '-p', f'threads:={threads}']
    node += ['-p', f'warm_up_size:=[{width}, {height}]']
    node += ['-p', f'detector:={detector}'] if detector else []
    cpu: list[tuple[int, float]] = []
    with ExitStack() as stack:

        def start(name: str, command: Sequence[str]) -> Child:
            log = folder / f'{name}.log'
            return stack.enter_context(Child(name, command, log, dict(os.environ)))

        views = role('viewer', folder / 'viewer.json', stream, everything=everything)
        viewer = start('viewer', views)
        colorizer = start('node', node)
        camera = start('camera', role('camera', folder / 'camera.json', stream))
        pause = threading.Event()
        while camera.exit_code is None:
            pause.wait(0.1)
            with suppress(OSError):  # it has just ended, which is told below
                cpu.append((time.time_ns(), proc.read(colorizer.pid).cpu))
            for child in (viewer, colorizer):
                if child.exit_code is not None:
                    raise SourceError(f'the {child.name} ended early: {child.last_words()}')
        if camera.exit_code:
            raise SourceError(f'the camera failed: {camera.last_words()}')
        colorizer_code = colorizer.end()
        viewer.end()
    camera_saw = json.loads((folder / 'camera.json').read_text())
    viewer_saw = json.loads((folder / 'viewer.json').read_text())
    report = summarize(camera_saw['stamps'], viewer_saw['arrivals'], stream.seconds)
    values = viewer_saw['node']
    report['node'] = {name: int(values.get(name, 0)) for name in _COUNTERS}
    report['node']['exit_code'] = colorizer_code
    report['node']['cores'] = _cores(cpu, camera_saw['stamps'])
    report['node']['stages_ms'] = _stages(values)
    if everything:
        report['others'] = viewer_saw['others']
    for name in ('provider', 'precision', 'model', 'detector'):
        report[name] = values.get(name, 'unknown')
    report['lost_on_the_way'] = report['node']['published'] - report['arrived']
    return report


def _cores(cpu: Sequence[tuple[int, float]], stamps: Sequence[int]) -> float | None:
    """Return the processor time of the node a second while frames came; None if it cannot be told.

    Args:
        cpu: Time in nanoseconds and seconds of processor time so far.
        stamps: Of the frames, in nanoseconds.
    """
    while_loaded = [(t, s) for t, s in cpu if stamps and stamps[0] <= t <= stamps[-1]]
    if len(while_loaded) < 2:
        return None
    (begin, before), (end, after) = while_loaded[0], while_loaded[-1]
    return round((after - before) / (end - begin) * 1e9, 4)


def _stages(values: Mapping[str, str]) -> dict[str, float]:
    """Read the median of each stage from the figures of the node."""
    return {
        name.removesuffix(MEDIAN): float(value)
        for name, value in values.items()
        if name.endswith(MEDIAN)
    }


def summarize(
    sent: Sequence[int], arrivals: Sequence[tuple[int, int]], seconds: float
) -> dict[str, Any]:
    """Count frames and compare the latencies of the beginning and the end.

    Args:
        sent: Stamps in nanoseconds.
        arrivals: Stamp and time of arrival of each colour frame in nanoseconds.
        seconds: Length of the test; the first and last 10 s are compared, or thirds if shorter.
    """
    span = min(10.0, seconds / 3) * 1e9
    latencies = [t - s for s, t in arrivals]
    first = [t - s for s, t in arrivals if sent and s < sent[0] + span]
    last = [t - s for s, t in arrivals if sent and s > sent[-1] - span]
    return {
        'sent': len(sent),
        'arrived': len(arrivals),
        'frames_per_second': _rate([arrival for _, arrival in arrivals]),
        'foreign_stamps': len({s for s, _ in arrivals} - set(sent)),
        'repeated': len(arrivals) - len({s for s, _ in arrivals}),
        'out_of_order': sum(b[0] < a[0] for a, b in itertools.pairwise(arrivals)),
        'latency_ms': {
            'first': _quantiles(first),
            'last': _quantiles(last),
            'all': _quantiles(latencies),
        },
    }


def _rate(times_ns: Sequence[int]) -> float:
    """Return events a second from the first to the last; 0 if there are less than two."""
    if len(times_ns) < 2:
        return 0.0
    return round((len(times_ns) - 1) / (times_ns[-1] - times_ns[0]) * 1e9, 2)


def _quantiles(latencies_ns: Sequence[int]) -> dict[str, float]:
    if not latencies_ns:
        return {}
    p50, p95 = np.quantile(latencies_ns, (0.5, 0.95)) / 1e6
    return {'p50': round(float(p50), 2), 'p95': round(float(p95), 2)}


@cli.reports_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = _parse(argv)
    if options.role != 'all':
        # As the node does: page faults of a frame's buffers here would be taken for its latency.
        set_up_allocator()
        result = (
            publish(options)
            if options.role == 'camera'
            else subscribe(everything=options.everything)
        )
        options.out.write_text(json.dumps(result))
        return 0
    ros.keep_to_itself()
    with tempfile.TemporaryDirectory(prefix='load_test-') as folder:
        stream = Stream(options.seconds, options.rate, options.size, options.encoding)
        report = measure(
            stream,
            Path(folder),
            options.model,
            options.provider,
            options.threads,
            options.detector,
            everything=options.everything,
        )
    text = json.dumps(report, indent=2)
    print(text)
    if options.out is not None:
        options.out.write_text(text + '\n')
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = cli.parser('load_test', str(__doc__), EXAMPLES)
    parser.add_argument('--model', type=Path, help='generator file (default: the shipped model)')
    cli.add_load(parser)
    parser.add_argument(
        '--detector',
        default='',
        help='file, none, or the head of the model (default: the head, if there is one)',
    )
    parser.add_argument(
        '--everything', action='store_true', help='subscribe to detections and overlay too'
    )
    parser.add_argument(
        '--seconds', type=float, default=60.0, help='length of the test (default: %(default)s)'
    )
    parser.add_argument('--rate', type=float, default=30.0, help='frames per second (default: 30)')
    parser.add_argument('--encoding', choices=('mono8', 'mono16'), default='mono8')
    parser.add_argument('--out', type=Path, help='JSON file for the report')
    # The other processes are this module again.
    parser.add_argument(
        '--role', choices=('all', 'camera', 'viewer'), default='all', help=argparse.SUPPRESS
    )
    return parser.parse_args(argv)


if __name__ == '__main__':
    raise SystemExit(main())
