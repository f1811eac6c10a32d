"""Run the node under full load for a long time while everything around it changes.

A camera sends four times as many frames as the node manages. Models are reloaded, and one of them
is broken. Parameters change. Subscribers come, go and are killed. The verdict tells whether memory,
threads, open files or latency grew, and whether every frame was published once and in order. Ctrl-C
ends the run early, with a verdict on the part that ran.
"""

import argparse
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from dataclasses import replace
import json
import os
from pathlib import Path
import tempfile
import time
from typing import Any

from rclpy.executors import SingleThreadedExecutor
from rich.console import Console
from rich.table import Table

from morngan_ros.errors import SourceError
from morngan_ros.shipped import default_model
from morngan_ros.tools import load_test
from morngan_ros.tools.load_test import Stream
from morngan_ros.tools.soak import plot
from morngan_ros.tools.soak import verdict
from morngan_ros.tools.soak.director import Director
from morngan_ros.tools.soak.verdict import Record
from morngan_ros.tools.support import cli
from morngan_ros.tools.support import ros
from morngan_ros.tools.support.processes import Child

EXAMPLES = """\

--minutes 1
--minutes 480 --models mine.onnx other.onnx --size 320x256"""

# The camera sends so many times what the node manages, which a short run at FULL frames a second
# tells.
OVERLOAD = 4.0
FULL, TRIAL_SECONDS = 60.0, 8.0


def run(
    options: argparse.Namespace, stream: Stream, models: tuple[Path, Path], folder: Path, log: Path
) -> Record:
    """Run camera, node and viewer, with a director beside them.

    Args:
        options: Of the command line: provider and threads.
        stream: What the camera sends.
        models: The model at the start, and the one that comes and goes.
        folder: For files of the processes.
        log: What the node says.

    Raises:
        SourceError: A process ended early; the message holds its last words.
    """
    broken = folder / 'broken.onnx'
    content = models[0].read_bytes()
    broken.write_bytes(content[: len(content) // 2])
    width, height = stream.size
    command = ['morngan_ros.node', '--ros-args', '-p', f'model:={models[0]}']
    command += ['-p', f'provider:={options.provider}', '-p', f'threads:={options.threads}']
    command += ['-p', f'warm_up_size:=[{width}, {height}]']
    with ExitStack() as stack:
        node, stop = stack.enter_context(ros.node('director', None))
        progress = stack.enter_context(cli.progress())
        task = progress.add_task('load the model', total=round(stream.seconds))

        def start(name: str, module: Sequence[str], log: Path) -> Child:
            return stack.enter_context(Child(name, module, log, dict(os.environ)))

        def play(role: str, name: str) -> Child:
            out = folder / f'{name}.json'
            return start(name, load_test.role(role, out, stream), out.with_suffix('.log'))

        viewer = play('viewer', 'viewer')
        colorizer = start('node', command, log)
        camera = play('camera', 'camera')

        def check() -> None:
            for child in (viewer, colorizer):
                if child.exit_code is not None:
                    raise SourceError(f'the {child.name} ended early: {child.last_words()}')

        executor = SingleThreadedExecutor()
        executor.add_node(node)
        watch = ros.NodeWatch(node)
        while not watch.works and camera.exit_code is None:
            executor.spin_once(timeout_sec=0.1)
            check()
            if stop.is_set():
                raise KeyboardInterrupt
        director = Director(
            node,
            colorizer.pid,
            stream.seconds,
            (*models, broken),
            lambda: play('viewer', 'guest'),
        )
        started = time.monotonic()
        while camera.exit_code is None and not stop.is_set():
            executor.spin_once(timeout_sec=0.05)
            check()
            elapsed = time.monotonic() - started
            if elapsed < stream.seconds:
                director.work()
            progress.update(task, completed=int(elapsed), description=director.doing)
        # After Ctrl-C the verdict is about what was seen until then.
        if camera.end():
            raise SourceError(f'the camera failed: {camera.last_words()}')
        asked = time.monotonic()
        exit_code = colorizer.end()
        exit_seconds = time.monotonic() - asked
        viewer.end()
    return Record(
        sent=json.loads((folder / 'camera.json').read_text())['stamps'],
        arrivals=json.loads((folder / 'viewer.json').read_text())['arrivals'],
        samples=director.samples,
        reloads=director.reloads,
        refused=director.refused,
        exit_code=exit_code,
        exit_seconds=exit_seconds,
    )


def describe(record: Record, stream: Stream) -> dict[str, Any]:
    """Sum up for the JSON file."""
    outside = verdict.outside_reloads(record)
    return {
        'stream': asdict(stream),
        'frames': {'sent': len(record.sent), 'arrived': len(record.arrivals)},
        'frame_ms': round(1e3 * verdict.frame_seconds(record), 2),
        'latency_ms': {
            'all': verdict.latencies(record.arrivals),
            'outside_reloads': verdict.latencies(outside),
        },
        'load': [round(load, 2) for load in os.getloadavg()],
        'checks': [asdict(check) for check in verdict.judge(record)],
        'minutes': verdict.minutes(record),
        'reloads': [asdict(reload) for reload in record.reloads],
        'refused': list(record.refused),
        'samples': [asdict(sample) for sample in record.samples],
    }


def show(report: Mapping[str, Any]) -> None:
    """Print the minutes and the verdict."""
    console = Console()
    heads = 'minute', 'frames/s', 'p50 ms', 'p99 ms', 'memory MiB', 'shared MiB', 'reloads'
    table = Table(*heads, title='Soak')
    for row in report['minutes']:
        latency = row['latency_ms']
        values = row['minute'], row['frames_per_second'], latency.get('p50'), latency.get('p99')
        memory = row['resident_mib'], row['shared_mib']
        table.add_row(*map(str, (*values, *memory, row['reloads'])))
    console.print(table)
    verdict = Table('what', 'found', 'limit', 'kept')
    for check in report['checks']:
        kept = '[green]yes' if check['kept'] else '[red]NO'
        verdict.add_row(check['name'], check['found'], check['limit'], kept)
    console.print(verdict)
    aside = report['latency_ms']['outside_reloads'].get('p99')
    console.print(f'All minutes count, reloads too; beside reloads p99 is {aside} ms.')


@cli.reports_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code, 1 if a limit is broken."""
    options = _parse(argv)
    ros.keep_to_itself()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    models = _models(options.models)
    stream = Stream(60 * options.minutes, options.rate or 0.0, options.size, options.encoding)
    with tempfile.TemporaryDirectory(prefix='soak-') as name:
        folder = Path(name)
        if options.rate is None:
            stream = replace(stream, rate=overload(options, stream, models[0], folder))
        log = options.out.with_name(f'{options.out.stem}_node.log')
        record = run(options, stream, models, folder, log)
    report = describe(record, stream)
    options.out.write_text(json.dumps(report, indent=2) + '\n')
    plot.save(options.out.with_suffix('.png'), record)
    show(report)
    broken = [check['name'] for check in report['checks'] if not check['kept']]
    print(f'wrote {options.out} and {options.out.with_suffix(".png")}')
    if broken:
        print(f'limits broken: {", ".join(broken)}')
    return 1 if broken else 0


def overload(options: argparse.Namespace, stream: Stream, model: Path, folder: Path) -> float:
    """Measure what the node manages; returns the rate of a camera that sends too much."""
    print(f'measuring for {TRIAL_SECONDS:.0f} s how many frames the node manages ...')
    trial = replace(stream, seconds=TRIAL_SECONDS, rate=FULL)
    report = load_test.measure(trial, folder, model, options.provider, options.threads)
    manages = report['frames_per_second']
    if not manages:
        raise SourceError('no frame came back from the node')
    rate = round(OVERLOAD * manages, 1)
    print(f'the node manages {manages:.1f} frames a second; the camera sends {rate:.1f}')
    result: float = rate
    return result


def _models(given: Sequence[Path] | None) -> tuple[Path, Path]:
    shipped = default_model()
    first, second = given or (shipped, shipped.with_stem(f'{shipped.stem}_fp32'))
    for path in (first, second):
        if not path.is_file():
            raise SourceError(f'{path}: no such model file')
    return first.resolve(), second.resolve()


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = cli.parser('soak', str(__doc__), EXAMPLES)
    parser.add_argument(
        '--minutes', type=float, default=20.0, help='length of the test (default: %(default)s)'
    )
    parser.add_argument(
        '--rate', type=float, help='frames per second (default: four times what the node manages)'
    )
    parser.add_argument(
        '--models',
        type=Path,
        nargs=2,
        metavar='FILE',
        help='generator files to reload in turns (default: the shipped models)',
    )
    cli.add_load(parser)
    parser.add_argument('--encoding', choices=('mono8', 'mono16'), default='mono16')
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('out/soak.json'),
        help='JSON file for the report (default: %(default)s)',
    )
    options = parser.parse_args(argv)
    if options.minutes <= 0 or (options.rate is not None and options.rate <= 0):
        parser.error('--minutes and --rate must be above zero')
    return options


if __name__ == '__main__':
    raise SystemExit(main())
