"""Measure training and inference on the GPU of this machine: one table, one JSON file.

Training: a whole step of every phase of the full-size recipe, by precision, batch and compile.
Inference: the full and the shipped generator, by PyTorch and by what else runs ONNX files here.
What cannot be measured is a row with its reason.
"""

import argparse
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
import gc
import json
from pathlib import Path
import platform
import tempfile
from time import perf_counter
from typing import Any

import numpy as np
import onnx
from rich.console import Console
from rich.progress import track
from rich.table import Table
import torch

from benchmarks.training_step import random_batch
from morngan_ros.engines import EngineOptions
from morngan_ros.engines import load_engine
from morngan_ros.errors import MornganError
from morngan_ros.shipped import default_model
from morngan_train.export import load_trained
from morngan_train.export import to_onnx
from morngan_train.networks.colorizer import Colorizer
from morngan_train.networks.generator import build_translator
from morngan_train.recipe import parse_recipe
from morngan_train.recipe import Recipe
from morngan_train.recipe.precision import Choice
from morngan_train.training.fabric import open_fabric
from morngan_train.training.precision import allow_tf32
from morngan_train.training.step import Step
from morngan_train.training.tuning import Tuning

Row = dict[str, Any]
CROP = 256
SIZES = ((640, 512), (360, 288))
PROVIDERS = ('cuda', 'tensorrt')
FULL_SIZE = {'name': 'full', 'phases': 'flir', 'optimizer': {'pool': 0}}
COLUMNS = ('what', 'how', 'size', 'ms', 'per second', 'peak GiB', 'note')


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to train."""

    precision: Choice
    batch: int
    tuning: Tuning

    @property
    def name(self) -> str:
        """Say it in a few words."""
        extra = [
            n for n in ('compile', 'channels_last', 'checkpointing') if getattr(self.tuning, n)
        ]
        return ', '.join([self.precision, *extra])


SETTINGS = (
    *(Setting(p, n, Tuning()) for p in ('32-true', 'tf32', 'bf16-mixed') for n in (1, 4)),
    Setting('bf16-mixed', 1, Tuning(channels_last=True)),
    Setting('32-true', 1, Tuning(checkpointing=True)),
    Setting('bf16-mixed', 1, Tuning(compile=True)),
)


def bench_training(
    recipe: Recipe, device: str, settings: Sequence[Setting], crop: int, rounds: int
) -> Iterator[Row]:
    """Time a step of every phase in every setting; what fails is a row with its reason."""
    for setting in track(settings, description='training'):
        common = {'how': setting.name, 'size': f'{setting.batch}x{crop}x{crop}'}
        try:
            for phase, row in _time_phases(recipe, device, setting, crop, rounds):
                yield {'what': f'step, phase {phase}', **common, **row}
        except RuntimeError as error:  # out of memory is one
            yield {'what': 'step', **common, 'note': _reason(error)}
        _forget(device)


def _time_phases(
    recipe: Recipe, device: str, setting: Setting, crop: int, rounds: int
) -> Iterator[tuple[str, Row]]:
    fabric = open_fabric(device, setting.precision)
    step = Step(recipe, fabric, setting.tuning)
    batch = fabric.to_device(random_batch(crop, setting.batch))
    for phase in recipe.schedule:
        row = _measure(partial(step, batch, phase, 1), device, rounds)
        yield phase.name, row | {'per second': round(1e3 * setting.batch / row['ms'], 2)}


def bench_inference(device: str, rounds: int, sizes: Sequence[tuple[int, int]]) -> Iterator[Row]:
    """Time both generators on frames of uint8, from host to host."""
    shipped = default_model('cuda')
    models = {
        'full': Colorizer(build_translator()),
        'shipped': load_trained(shipped.with_name('morngan_context.pt')).colorizer,
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, colorizer in models.items():
            path = Path(folder) / f'{name}.onnx'
            onnx.save(to_onnx(colorizer), path)
            for width, height in track(sizes, description=f'inference, {name}'):
                frame = np.random.default_rng(0).integers(0, 256, (1, 1, height, width), np.uint8)
                common = {'what': f'inference, {name}', 'size': f'{width}x{height}'}
                for how, prepare in _ways(colorizer, path, device).items():
                    try:
                        run = prepare(frame)
                        measured = _measure(run, device, rounds)
                        measured['per second'] = round(1e3 / measured['ms'], 1)
                        yield {**common, 'how': how, **measured}
                    except (RuntimeError, MornganError) as error:
                        yield {**common, 'how': how, 'note': _reason(error)}
                    _forget(device)


Prepare = Callable[[np.ndarray], Callable[[], object]]


def _ways(colorizer: Colorizer, path: Path, device: str) -> dict[str, Prepare]:
    def eager(precision: Choice, compiled: bool) -> Prepare:
        def prepare(frame: np.ndarray) -> Callable[[], object]:
            allow_tf32(precision == 'tf32')
            model = colorizer.to(device).eval()
            network = torch.compile(model) if compiled else model
            half = torch.autocast(device, torch.bfloat16, enabled=precision == 'bf16-mixed')

            @torch.inference_mode()
            def run() -> object:
                with half:
                    return network(torch.from_numpy(frame).to(device)).cpu()

            return run

        return prepare

    def engine(provider: str) -> Prepare:
        def prepare(frame: np.ndarray) -> Callable[[], object]:
            loaded = load_engine(path, EngineOptions(provider))
            return lambda: loaded(frame)

        return prepare

    ways = {
        'torch 32-true': eager('32-true', False),
        'torch tf32': eager('tf32', False),
        'torch bf16-mixed': eager('bf16-mixed', False),
        'torch bf16-mixed, compile': eager('bf16-mixed', True),
    }
    return ways | {f'onnxruntime {provider}': engine(provider) for provider in PROVIDERS}


def _measure(run: Callable[[], object], device: str, rounds: int) -> Row:
    """Time calls after as many to warm up, which draw the same random numbers."""
    on_gpu = device == 'cuda'
    seconds = 0.0
    for warm in (False, True):
        torch.manual_seed(0)
        if on_gpu:
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
        start = perf_counter()
        for _ in range(rounds):
            run()
        if on_gpu:
            torch.cuda.synchronize()
        if warm:
            seconds = perf_counter() - start
    row: Row = {'ms': round(1e3 * seconds / rounds, 2)}
    if on_gpu:
        row['peak GiB'] = round(torch.cuda.max_memory_allocated() / 2**30, 2)
    return row


def _forget(device: str) -> None:
    gc.collect()
    if device == 'cuda':
        torch.cuda.empty_cache()


def _reason(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:120] if str(error).strip() else type(error).__name__


def machine() -> dict[str, Any]:
    """Describe the GPU and what drives it."""
    properties = torch.cuda.get_device_properties(0)
    return {
        'gpu': properties.name,
        'memory_gib': round(properties.total_memory / 2**30, 1),
        'capability': f'{properties.major}.{properties.minor}',
        'torch': torch.__version__,
        'cuda': torch.version.cuda,
        'cudnn': torch.backends.cudnn.version(),
        'python': platform.python_version(),
    }


def show(rows: Sequence[Row], title: str) -> None:
    """Print rows as one table."""
    table = Table(*COLUMNS, title=title)
    for row in rows:
        table.add_row(*(str(row.get(column, '')) for column in COLUMNS))
    console = Console()
    (console if console.is_terminal else Console(width=160)).print(table)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the table and write the JSON file; say so where there is no GPU."""
    parser = argparse.ArgumentParser(prog='python -m benchmarks.gpu', description=__doc__)
    parser.add_argument('--rounds', type=int, default=10, help='default: %(default)s')
    parser.add_argument('--crop', type=int, default=CROP, help='default: %(default)s')
    parser.add_argument('--skip-compile', action='store_true', help='compiling takes minutes')
    parser.add_argument('--out', type=Path, default=Path('out/bench_gpu.json'))
    args = parser.parse_args(argv)
    if not torch.cuda.is_available():
        built = 'has CUDA' if torch.version.cuda else 'is built for CPUs'
        print(
            f'there is no GPU that torch {torch.__version__} can use (it {built}): nothing was '
            'measured. Install the CUDA wheel of torch and a driver for it, see docs/training.md'
        )
        return 0
    settings = [s for s in SETTINGS if not (args.skip_compile and s.tuning.compile)]
    facts = machine()
    rows = [
        *bench_training(parse_recipe(FULL_SIZE), 'cuda', settings, args.crop, args.rounds),
        *bench_inference('cuda', 3 * args.rounds, SIZES),
    ]
    show(rows, facts['gpu'])
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps({'machine': facts, 'rows': rows}, indent=2) + '\n')
    print(f'wrote {args.out}')
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
