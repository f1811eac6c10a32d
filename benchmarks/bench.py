"""Time generators, node and training on this machine, each path in the same run, with ratios.

Rounds are interleaved: each round times every variant once, so that a machine that slows down
slows all of them. Milliseconds are this machine's; the ratios are what carries over.
"""

import argparse
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from functools import partial
import json
import os
from pathlib import Path
import platform
import tempfile
from time import perf_counter
from time import sleep
from typing import Any

import numpy as np
import onnx
from rich.console import Console
from rich.progress import track
from rich.table import Table
import torch

from benchmarks.scoring import bench_scoring
from benchmarks.scoring import GOAL
from benchmarks.training_step import bench_memory
from benchmarks.training_step import bench_step
from morngan_ros.engines import EngineOptions
from morngan_ros.engines import load_engine
from morngan_ros.errors import MornganError
from morngan_ros.generator import Generator
from morngan_ros.pipeline import Pipeline
from morngan_ros.shipped import default_model
from morngan_train.export import to_onnx
from morngan_train.networks.colorizer import Colorizer
from morngan_train.networks.generator import build_translator

Variants = Mapping[str, Callable[[], object]]
PROVIDERS = ('openvino', 'cpu')
SIZES = ((640, 512), (360, 288))
REST = 0.05
"""Seconds between two calls: threads of the former runtime spin a while before they sleep."""


def interleaved(variants: Variants, rounds: int, title: str) -> dict[str, dict[str, float]]:
    """Time every variant `rounds` times, in turn, after one call to warm up.

    Returns:
        For each variant, milliseconds: `p50`, `p95`, `min`; `fps` at p50; and `ratio`, the p50 of
        the first variant over its own (above 1 is faster than the first).
    """
    for run in variants.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for _ in track(range(rounds), description=title):
        for name, run in variants.items():
            sleep(REST)
            start = perf_counter()
            run()
            seconds[name].append(perf_counter() - start)
    medians = {name: float(np.median(values)) for name, values in seconds.items()}
    first = next(iter(medians.values()))
    return {
        name: {
            'p50': round(1e3 * medians[name], 1),
            'p95': round(1e3 * float(np.quantile(values, 0.95)), 1),
            'min': round(1e3 * min(values), 1),
            'fps': round(1 / medians[name], 1),
            'ratio': round(first / medians[name], 2),
        }
        for name, values in seconds.items()
    }


def bench_files(models: Sequence[Path], rounds: int) -> dict[str, dict[str, dict[str, float]]]:
    """Time model files by size and provider; the first row is the first file on ONNX Runtime."""
    results = {}
    for width, height in SIZES:
        frame = _frame(height, width)
        variants: dict[str, Callable[[], object]] = {}
        for model in models:
            for provider in reversed(PROVIDERS):
                generator = _load(model, provider)
                if generator is not None:
                    variants[f'{provider}, {generator.precision}'] = partial(generator, frame)
        pipeline = Pipeline.load(models[0])
        counts = frame.astype(np.uint16) * 20 + 3000
        variants[f'whole pipeline, auto ({pipeline.generator.provider})'] = partial(
            pipeline, counts, 0.0
        )
        title = f'{models[0].stem} {width}x{height}'
        results[title] = interleaved(variants, rounds, title)
    return results


def bench_full_size(rounds: int) -> dict[str, dict[str, dict[str, float]]]:
    """Time the paper's generator with random weights; the first row is torch eager."""
    width, height = SIZES[-1]
    frame = _frame(height, width)
    colorizer = Colorizer(build_translator())
    tensor = torch.from_numpy(frame)[None, None]

    @torch.inference_mode()
    def eager() -> object:
        return colorizer(tensor)

    title = f'full size (ngf 64, 9 blocks) {width}x{height}'
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'full.onnx'
        onnx.save(to_onnx(colorizer), path)
        engines = [
            load_engine(path, EngineOptions(provider))
            for provider in PROVIDERS
            if _load(path, provider)
        ]
        batch = frame[None, None]
        variants: dict[str, Callable[[], object]] = {'torch eager fp32': eager}
        for engine in engines:
            label = f'{engine.provider} {engine.precision}'
            variants[label] = partial(engine, batch)
        return {title: interleaved(variants, rounds, title)}


def bench_messages(rounds: int) -> dict[str, dict[str, dict[str, float]]]:
    """Time thermal message to colour message without DDS; the first row is cv_bridge's way."""
    from benchmarks import node_overhead  # ROS is not on every workstation

    results = {}
    for encoding in node_overhead.ENCODINGS:
        title = f'messages without model and DDS, {encoding} 640x512'
        results[title] = interleaved(node_overhead.ways(encoding), rounds, title)
    return results


def _bench_node() -> dict[str, dict[str, Any]] | None:
    """Measure the node in processes of its own; None, and a word of it, without ROS."""
    try:
        from benchmarks import node_overhead
    except ImportError as error:
        Console(stderr=True).print(f'left out the node: {error}')
        return None
    with Console(stderr=True).status('the node with a trivial model, two minutes'):
        return node_overhead.bench_node()


def _load(model: Path, provider: str) -> Generator | None:
    """Load a model, or say why this provider is left out."""
    try:
        return Generator.load(model, EngineOptions(provider))
    except MornganError as error:
        Console(stderr=True).print(f'left out: {error}')
        return None


def _frame(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width), np.uint8)


def _show(results: Mapping[str, Mapping[str, Mapping[str, float]]]) -> None:
    for title, rows in results.items():
        table = Table('path', 'p50 ms', 'p95 ms', 'min ms', 'frames/s', 'ratio', title=title)
        for name, row in rows.items():
            table.add_row(name, *(str(row[key]) for key in ('p50', 'p95', 'min', 'fps', 'ratio')))
        Console().print(table)


def _show_node(node: Mapping[str, Mapping[str, Any]]) -> None:
    from benchmarks.node_overhead import GOALS
    from benchmarks.node_overhead import verdict

    columns = {
        'publish_ms': 'stamp to published, p50 ms',
        'node_ms': 'in the node, p50 ms',
        'arrival_ms': 'stamp to arrival, p50 ms',
        'cores': 'cores',
        'cores_without_model': 'cores without the model',
    }
    title = 'the node with a trivial model, 640x512, 30 frames/s'
    table = Table('encoding', *columns.values(), title=title)
    for encoding, row in node.items():
        said = {key: f': {verdict(row, key)}' for key in GOALS}
        table.add_row(encoding, *(f'{row[key]}{said.get(key, "")}' for key in columns))
    table.add_row('goal, below', *(str(GOALS.get(key, '')) for key in columns))
    Console().print(table)


def _show_training(training: Mapping[str, Any]) -> None:
    table = Table('distributions', 'p50 ms', 'p95 ms', title='memory, 1e6 entries, one query')
    for name, row in training['memory'].items():
        table.add_row(name, str(row['p50']), str(row['p95']))
    Console().print(table)
    step = training['step']
    if step is None:
        return
    title = 'training step, full size, 256x256, batch 1, phase 4'
    table = Table('part', 'seconds', title=title)
    for part, seconds in step['parts'].items():
        table.add_row(part, str(seconds))
    for name in ('seconds', 'peak_gib'):
        table.add_row(name, str(step[name]))
    Console().print(table)


def _show_scoring(scoring: Mapping[str, float]) -> None:
    title = 'evaluate raw --metrics apce, 360x288'
    table = Table('frames', 's', 'ms a frame', 'goal on two cores, s', title=title)
    table.add_row(*(str(scoring[key]) for key in ('frames', 'seconds', 'ms')), str(GOAL))
    Console().print(table)


def main() -> int:
    """Run all benchmarks, print tables and write one JSON file."""
    parser = argparse.ArgumentParser(prog='python -m benchmarks.bench', description=__doc__)
    parser.add_argument('--model', type=Path, nargs='+', help='default: the models that ship')
    parser.add_argument('--rounds', type=int, default=30, help='default: %(default)s')
    parser.add_argument(
        '--skip-step',
        action='store_true',
        help='leave out the full-size training step: minutes, and GiB of memory',
    )
    parser.add_argument('--out', type=Path, default=Path('out/bench.json'))
    args = parser.parse_args()
    shipped = default_model()
    models = args.model or [shipped, shipped.with_stem(f'{shipped.stem}_fp32')]
    results = {
        **bench_files(models, args.rounds),
        **bench_full_size(max(3, args.rounds // 5)),
    }
    node = _bench_node()
    if node is not None:
        results |= bench_messages(2 * args.rounds)
        _show_node(node)
    _show(results)
    scoring = bench_scoring()
    _show_scoring(scoring)
    training = {'memory': bench_memory(), 'step': None if args.skip_step else bench_step()}
    _show_training(training)
    machine = {'processor': platform.processor() or platform.machine(), 'cores': os.cpu_count()}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(
        json.dumps(
            {
                'machine': machine,
                'results': results,
                'node': node,
                'scoring': scoring,
                'training': training,
            },
            indent=2,
        )
    )
    print(f'wrote {args.out}')
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
