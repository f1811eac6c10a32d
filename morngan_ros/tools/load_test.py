"""Load the node from outside: a camera process, the node, and a best-effort subscriber process.

Tells whether frames get lost on their way and whether latency grows. Latency goes from the stamp
of the thermal frame to the arrival of the colour frame in the third process.
"""

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
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

from morngan_ros import fastdds
from morngan_ros.errors import SourceError
from morngan_ros.models import default_model
from morngan_ros.tools import cli
from morngan_ros.tools import ros
from morngan_ros.tools.processes import Child

EXAMPLES = """\

--seconds 60 --encoding mono16
--model small.onnx --size 320x256 --rate 60"""

_MODULE = 'morngan_ros.tools.load_test'
# Figures of the node's diagnostics that belong into the report.
_COUNTERS = ('received', 'published', 'dropped', 'bad', 'failed')
# Different frames that the camera sends in turn.
_SCENES = 8


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


def subscribe(options: argparse.Namespace) -> dict[str, Any]:
    """Play the viewer: take colour frames until a signal comes.

    Returns:
        Stamp and arrival of each frame in nanoseconds, and the node's own figures.
    """
    arrivals: list[tuple[int, int]] = []

    def on_image(message: Image) -> None:
        stamp = message.header.stamp
        arrivals.append((stamp.sec * 10**9 + stamp.nanosec, time.time_ns()))

    with ros.node('viewer', None) as (node, stop):
        node.create_subscription(Image, 'image_color', on_image, qos_profile_sensor_data)
        watch = ros.NodeWatch(node)
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        while not stop.is_set():
            executor.spin_once(timeout_sec=0.1)
    return {'arrivals': arrivals, 'node': watch.values}


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run the three processes and compare what they saw.

    Raises:
        SourceError: A process ended early; the message holds its last words.
    """
    width, height = options.size
    own = [f'--seconds={options.seconds}', f'--rate={options.rate}']
    own += [f'--size={width}x{height}', f'--encoding={options.encoding}']
    model = (options.model or default_model()).resolve()
    node = ['morngan_ros.colorize_node', '--ros-args', '-p', f'model:={model}']
    node += ['-p', f'provider:={options.provider}', '-p', f'warm_up_size:=[{width}, {height}]']
    with ExitStack() as stack:

        def start(name: str, command: Sequence[str]) -> Child:
            log = folder / f'{name}.log'
            return stack.enter_context(Child(name, command, log, dict(os.environ)))

        def role(name: str) -> list[str]:
            return [_MODULE, f'--role={name}', f'--out={folder / name}.json', *own]

        viewer = start('viewer', role('viewer'))
        colorizer = start('node', node)
        camera = start('camera', role('camera'))
        pause = threading.Event()
        while camera.exit_code is None:
            pause.wait(0.1)
            for child in (viewer, colorizer):
                if child.exit_code is not None:
                    raise SourceError(f'the {child.name} ended early: {child.last_words()}')
        if camera.exit_code:
            raise SourceError(f'the camera failed: {camera.last_words()}')
        colorizer_code = colorizer.end()
        viewer.end()
    camera_saw = json.loads((folder / 'camera.json').read_text())
    viewer_saw = json.loads((folder / 'viewer.json').read_text())
    report = summarize(camera_saw['stamps'], viewer_saw['arrivals'], options.seconds)
    values = viewer_saw['node']
    report['node'] = {name: int(values.get(name, 0)) for name in _COUNTERS}
    report['node']['exit_code'] = colorizer_code
    for name in ('provider', 'precision', 'model'):
        report[name] = values.get(name, 'unknown')
    report['lost_on_the_way'] = report['node']['published'] - report['arrived']
    return report


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
    first = [t - s for s, t in arrivals if sent and s < sent[0] + span]
    last = [t - s for s, t in arrivals if sent and s > sent[-1] - span]
    return {
        'sent': len(sent),
        'arrived': len(arrivals),
        'foreign_stamps': len({s for s, _ in arrivals} - set(sent)),
        'repeated': len(arrivals) - len({s for s, _ in arrivals}),
        'out_of_order': sum(b[0] < a[0] for a, b in itertools.pairwise(arrivals)),
        'latency_ms': {'first': _quantiles(first), 'last': _quantiles(last)},
    }


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
        result = (publish if options.role == 'camera' else subscribe)(options)
        options.out.write_text(json.dumps(result))
        return 0
    fastdds.set_profile()
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    with tempfile.TemporaryDirectory(prefix='load_test-') as folder:
        report = measure(options, Path(folder))
    text = json.dumps(report, indent=2)
    print(text)
    if options.out is not None:
        options.out.write_text(text + '\n')
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = cli.parser('load_test', str(__doc__), EXAMPLES)
    parser.add_argument('--model', type=Path, help='generator (default: the one that ships)')
    parser.add_argument('--provider', default='auto', help='what runs the models')
    parser.add_argument('--seconds', type=float, default=60.0, help='default: %(default)s')
    parser.add_argument('--rate', type=float, default=30.0, help='frames a second (30)')
    parser.add_argument('--size', type=cli.size, default=(640, 512), help='WIDTHxHEIGHT (640x512)')
    parser.add_argument('--encoding', choices=('mono8', 'mono16'), default='mono8')
    parser.add_argument('--out', type=Path, help='JSON file for the report')
    # The other processes are this module again.
    parser.add_argument(
        '--role', choices=('all', 'camera', 'viewer'), default='all', help=argparse.SUPPRESS
    )
    return parser.parse_args(argv)


if __name__ == '__main__':
    raise SystemExit(main())
