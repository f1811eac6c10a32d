"""Show the whole system at work: source, node and recorder as processes that communicate by ROS 2.

The demo writes contact_sheet.png, demo.mcap and summary.json from the recorded messages.
"""

import argparse
from collections.abc import Callable
from collections.abc import Sequence
from contextlib import ExitStack
import json
import os
from pathlib import Path
import statistics
import time
from typing import Any

import numpy as np
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rich.progress import Progress
from rich.progress import TaskID

from morngan_ros.bags import BagReader
from morngan_ros.bags import COMPRESSED_IMAGE
from morngan_ros.bags import is_bag
from morngan_ros.engines import EngineOptions
from morngan_ros.errors import FrameError
from morngan_ros.errors import ModelError
from morngan_ros.errors import MornganError
from morngan_ros.errors import SourceError
from morngan_ros.pipeline import NO_DETECTOR
from morngan_ros.pipeline import Pipeline
from morngan_ros.shipped import default_model
from morngan_ros.sources import open_source
from morngan_ros.tools.support import cli
from morngan_ros.tools.support import contact_sheet
from morngan_ros.tools.support import recording
from morngan_ros.tools.support import ros
from morngan_ros.tools.support.processes import Child

EXAMPLES = """\

--input night_drive/ --detector yolov8n.onnx
--input sim:320x256 --frames 50 --rate 20 --out out/small"""

# With fewer frames than this share of them, the demo did not work.
ENOUGH = 0.9
COLUMNS = 6
# The rate that the demo chooses: frames a second, from so many trials.
SLOWEST, FASTEST, TRIALS = 1.0, 10.0, 5
# Seconds: until models are loaded; until the recorder is ready; from one frame to the next.
LOADING, CONNECTING, STALLED = 120.0, 20.0, 15.0

OUTPUTS = ('color/image_raw', 'color/camera_info', 'overlay/image_raw', 'detections')
DETECTIONS_OFF = (
    'Detections are off. Add DETECTOR=FILE.onnx to make demo: a file that YOLOX publishes '
    '(Apache-2.0), or an export of Ultralytics (AGPL-3.0); see docs/detection.md'
)


class Observer:
    """Watches the node through its diagnostics, and who is connected."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(node)
        self.watch = ros.NodeWatch(node)

    @property
    def published(self) -> int:
        """How many frames the node says that it published."""
        return int(self.watch.values.get('published', 0))

    def spin(self) -> None:
        """Take in what has come, for a tenth of a second."""
        self._executor.spin_once(timeout_sec=0.1)

    def recorder_listens(self) -> bool:
        """Whether the recorder is subscribed to all outputs of the node."""
        return all(
            any(
                info.node_name == 'recorder'
                for info in self._node.get_subscriptions_info_by_topic(f'/{topic}')
            )
            for topic in OUTPUTS
        )


@cli.reports_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = _parse(argv)
    model = options.model or default_model(options.provider)
    for file in (model, options.detector):
        if str(file) not in ('', NO_DETECTOR) and not Path(file).is_file():
            raise ModelError(f'{file}: no such model file')
    first = _first_counts(options)
    if options.rate is None and not is_bag(Path(options.input)):
        options.rate = affordable_rate(model, options, first)
    source = open_source(
        options.input, rate=options.rate, frames=options.frames, topic=options.topic
    )
    cli.tell(source.notes)
    _make_room(options.out)
    ros.keep_to_itself()
    parameters = {
        'model': model.resolve(),
        'provider': options.provider,
        'image_transport': 'compressed' if _is_compressed(options) else 'raw',
        'warm_up_size': f'[{first.shape[1]}, {first.shape[0]}]',
    }
    if options.detector:  # an empty value is none on the command line of a node
        is_file = options.detector != NO_DETECTOR
        parameters['detector'] = Path(options.detector).resolve() if is_file else NO_DETECTOR
    published = run(options, source.length, parameters)
    result = recording.read(options.out / 'demo.mcap')
    summary = summarize(result, source.label, published)
    summary_path = options.out / 'summary.json'
    summary_path.write_text(json.dumps(summary, indent=2) + '\n')
    if not result.colorized:
        raise SourceError(
            f'none of {published} frames came back from the node; see {options.out}/node.log'
        )
    detects = summary['detector'] != 'off'
    _save_sheet(options.out / 'contact_sheet.png', result, summary, detects)
    print(_closing_line(options.out, summary))
    if not detects:
        print(DETECTIONS_OFF)
    if summary['frames_colorized'] < ENOUGH * published:
        raise SourceError(
            f'only {summary["frames_colorized"]} of {published} frames were colorized: '
            f'too slow for {summary["rate_hz"]:g} frames a second; try a lower --rate (a bag: '
            'replay it with a --rate below 1) or a smaller model'
        )
    return 0


def affordable_rate(model: Path, options: argparse.Namespace, counts: np.ndarray) -> float:
    """Return a third of the frames a second that the models manage alone here, at most 10.

    The rest is for the source, the recorder, the overlay and a machine that slows down.
    """
    pipeline = Pipeline.load(model, EngineOptions(options.provider), detector=options.detector)
    pipeline.warm_up(*counts.shape)
    seconds = [sum(pipeline(counts, float(i)).seconds.values()) for i in range(TRIALS)]
    return round(min(FASTEST, max(SLOWEST, 1 / (3 * statistics.median(seconds)))), 1)


def run(options: argparse.Namespace, length: int, parameters: dict[str, Any]) -> int:
    """Run the three processes to the end of the source.

    Returns:
        How many frames the source says that it published.

    Raises:
        MornganError: A process ended early, or nothing moves; it names the log to read.
    """
    source, node, recorder = _commands(options, parameters)
    environment = dict(os.environ)
    with ExitStack() as stack:
        ros_node, stop = stack.enter_context(ros.node('demo', None))
        observer = Observer(ros_node)
        progress = stack.enter_context(cli.progress())
        task = progress.add_task('load the models', total=length)

        def start(name: str, command: Sequence[str]) -> Child:
            child = Child(name, command, options.out / f'{name}.log', environment)
            return stack.enter_context(child)

        children = [start('recorder', recorder), start('node', node)]

        def wait(reached: Callable[[], bool], what: str, patience: float) -> None:
            _wait(reached, what, patience, observer, children, stop.is_set)

        wait(lambda: observer.watch.works, 'the node to load its models', LOADING)
        wait(observer.recorder_listens, 'the recorder to connect', CONNECTING)
        progress.update(task, description='colorize')
        camera = start('source', source)
        _follow(camera, observer, children, stop.is_set, progress, task)
        published = int(json.loads(_replay_report(options).read_text())['frames'])
        progress.update(task, total=published)
        _let_finish(observer, published, progress, task)
        children[0].end()
    return published


def _commands(
    options: argparse.Namespace, parameters: dict[str, Any]
) -> tuple[list[str], list[str], list[str]]:
    replay = ['morngan_ros.tools.replay', str(options.input), '--publish-as', 'image_raw']
    replay += ['--wait', '2', '--report', str(_replay_report(options))]
    if options.topic is not None:
        replay += ['--topic', options.topic]
    if options.rate is not None:
        replay += ['--fps', str(options.rate)]
    if options.frames is not None:
        replay += ['--frames', str(options.frames)]
    node = ['morngan_ros.node', '--ros-args']
    for name, value in parameters.items():
        node += ['-p', f'{name}:={value}']
    recorder = ['morngan_ros.tools.recorder', 'image_raw', 'image_raw/compressed', 'camera_info']
    recorder += [*OUTPUTS, '/diagnostics', '--out', str(options.out / 'demo.mcap'), '--overwrite']
    return replay, node, recorder


def _replay_report(options: argparse.Namespace) -> Path:
    """Name the file in which the source tells what it published."""
    result: Path = options.out / 'source.json'
    return result


def _wait(
    reached: Callable[[], bool],
    what: str,
    patience: float,
    observer: Observer,
    children: Sequence[Child],
    interrupted: Callable[[], bool],
) -> None:
    deadline = time.monotonic() + patience
    while not reached():
        observer.spin()
        _check(observer, children, interrupted)
        if time.monotonic() > deadline:
            raise MornganError(f'waited {patience:.0f} s for {what}; see {children[-1].log}')


def _check(observer: Observer, children: Sequence[Child], interrupted: Callable[[], bool]) -> None:
    if interrupted():
        raise KeyboardInterrupt
    for child in children:
        if child.exit_code is not None:
            raise MornganError(
                f'the {child.name} ended with code {child.exit_code}: {child.last_words()} '
                f'(all of it in {child.log})'
            )
    if observer.watch.problem:
        raise MornganError(f'the node cannot work: {observer.watch.problem}')


def _follow(
    camera: Child,
    observer: Observer,
    children: Sequence[Child],
    interrupted: Callable[[], bool],
    progress: Progress,
    task: TaskID,
) -> None:
    """Show progress until the source has ended."""
    moved = time.monotonic()
    seen = 0
    while camera.exit_code is None:
        observer.spin()
        _check(observer, children, interrupted)
        progress.update(task, completed=observer.published)
        if observer.published != seen:
            seen, moved = observer.published, time.monotonic()
        if time.monotonic() - moved > STALLED:
            raise MornganError(f'no frame was colorized for {STALLED:.0f} s; see {children[1].log}')
    if camera.exit_code not in (0, cli.INCOMPLETE):
        raise MornganError(f'the source ended with code {camera.exit_code}: {camera.last_words()}')


def _let_finish(observer: Observer, published: int, progress: Progress, task: TaskID) -> None:
    """Let the last frames arrive: one more round of diagnostics after the source has ended."""
    deadline = time.monotonic() + 2.5
    while observer.published < published and time.monotonic() < deadline:
        observer.spin()
        progress.update(task, completed=observer.published)
    time.sleep(0.3)


def summarize(result: recording.Recording, source: str, published: int) -> dict[str, Any]:
    """Put into numbers what was recorded.

    Args:
        result: The recording.
        source: What the frames came from, for people.
        published: How many frames the source published, by its own count.
    """
    colorized = len(result.colorized)
    return {
        'source': source,
        'frames_published': published,
        'frames_colorized': colorized,
        'frames_dropped': published - colorized,
        'frames_with_foreign_stamp': result.strangers,
        'rate_hz': round(result.rate, 2),
        'detections': sum(result.detections.values()),
        'latency_ms': {'p50': result.latency_ms(0.5), 'p95': result.latency_ms(0.95)},
        'provider': result.node.get('provider', 'unknown'),
        'precision': result.node.get('precision', 'unknown'),
        'model': result.node.get('model', 'unknown'),
        'model_sha256': result.node.get('model sha256', 'unknown'),
        'detector': result.node.get('detector', 'off'),
    }


def _save_sheet(
    path: Path, result: recording.Recording, summary: dict[str, Any], detects: bool
) -> None:
    shown = recording.pictures(result, COLUMNS)
    if not detects:
        for picture in shown:
            picture.overlay = None
    latency = summary['latency_ms']
    found = f', {summary["detections"]} detections' if detects else ''
    contact_sheet.save(
        path,
        shown,
        title=f'Night in, day out: {summary["source"]}',
        subtitle=f'{summary["frames_colorized"]} of {summary["frames_published"]} frames at '
        f'{summary["rate_hz"]:.1f} Hz{found}; model {summary["model"]} on {summary["provider"]} '
        f'({summary["precision"]}); latency {latency["p50"]:.0f} ms, '
        f'95% below {latency["p95"]:.0f} ms',
    )


def _closing_line(out: Path, summary: dict[str, Any]) -> str:
    return (
        f'{summary["frames_colorized"]} of {summary["frames_published"]} frames colorized, '
        f'{summary["detections"]} detections, latency {summary["latency_ms"]["p50"]:.0f} ms '
        f'({summary["model"]} on {summary["provider"]}). '
        f'Look at {out}/contact_sheet.png; open {out}/demo.mcap in Foxglove.'
    )


def _make_room(out: Path) -> None:
    """Make the folder; results of an earlier run must not be taken for those of this one."""
    out.mkdir(parents=True, exist_ok=True)
    for name in ('contact_sheet.png', 'demo.mcap', 'source.json', 'summary.json'):
        (out / name).unlink(missing_ok=True)


def _first_counts(options: argparse.Namespace) -> np.ndarray:
    """Read the first frame that can be read."""
    source = open_source(options.input, topic=options.topic, on_bad=_pass_over)
    frame = next(iter(source), None)
    if frame is None:
        raise SourceError(f'{source.label}: none of its frames could be read')
    return frame.counts


def _pass_over(name: str, error: FrameError) -> None:
    """Leave out what cannot be read; the process that plays it tells of it."""


def _is_compressed(options: argparse.Namespace) -> bool:
    if not is_bag(Path(options.input)):
        return False
    with BagReader(options.input, _pass_over) as bag:
        return bag.topics[bag.image_topic(options.topic)] == COMPRESSED_IMAGE


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = cli.parser('demo', __doc__ or '', EXAMPLES)
    parser.add_argument(
        '--input', default='sim', help="folder, video, bag, or 'sim[:WIDTHxHEIGHT]' (default)"
    )
    parser.add_argument('--topic', help='image topic of a bag (default: what looks thermal)')
    parser.add_argument(
        '--detector',
        default='',
        metavar='FILE',
        help='YOLO or YOLOX export (.onnx), or none (default: the head of the model)',
    )
    parser.add_argument('--model', type=Path, help='generator file (default: the shipped model)')
    parser.add_argument('--provider', default='auto', help='runtime of the models (default: auto)')
    parser.add_argument(
        '--rate',
        type=float,
        help='frames per second (default: what this machine manages, 1 to 10); bags keep their '
        'own rate',
    )
    parser.add_argument('--frames', type=int, help='stop after this number of frames')
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('out/demo'),
        help='folder of the results (default: %(default)s)',
    )
    return parser.parse_args(argv)


if __name__ == '__main__':
    raise SystemExit(main())
