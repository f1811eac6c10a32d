"""Time one optimisation step of the paper's size, by its parts, and a query of the memory."""

from collections import defaultdict
from collections.abc import Callable
from collections.abc import Iterator
import contextlib
from functools import partial
from multiprocessing import get_context
import resource
from time import perf_counter
from typing import Any

from lightning_fabric import Fabric
import numpy as np
import torch

from morngan_train.classes import CLASSES
from morngan_train.classes import SMALL_SAMPLE
from morngan_train.data.memory import Memory
from morngan_train.data.unpaired import Sample
from morngan_train.networks.discriminator import Scores
from morngan_train.recipe import parse_recipe
from morngan_train.recipe.phases import Phase
from morngan_train.training.segmentation import Semantics
from morngan_train.training.step import Step
from morngan_train.training.system import Translations

CROP = 256
ENTRIES = 1_000_000
QUERIES = 200


class TimedStep(Step):
    """A step that notes the seconds of its parts.

    Attributes:
        seconds: By part; what is in none of them is the losses, the pools and the average.
    """

    seconds: defaultdict[str, float]

    @contextlib.contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        start = perf_counter()
        yield
        self.seconds[part] += perf_counter() - start

    def _judge(self, day: torch.Tensor, night: torch.Tensor) -> tuple[Scores, Scores]:
        with self._timed('discriminators'):
            return super()._judge(day, night)

    def _translate(self, batch: Sample, phase: Phase) -> Translations:
        with self._timed('translations'):
            return super()._translate(batch, phase)

    def _segment(self, batch: Sample, made: Translations, phase: Phase) -> Semantics | None:
        with self._timed('segmentations and labels'):
            return super()._segment(batch, made, phase)

    def _translate_scaled(
        self, batch: Sample, phase: Phase, epoch: int
    ) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        with self._timed('rescaled translations'):
            return super()._translate_scaled(batch, phase, epoch)

    def _backward(self, total: torch.Tensor) -> None:
        with self._timed('backward'):
            super()._backward(total)

    def _update(self, learning: Any) -> None:
        with self._timed('optimizers'):
            super()._update(learning)


def bench_step(crop: int = CROP) -> dict[str, Any]:
    """Time a step of phase 4 at full size, batch 1, in a process of its own.

    Both scales of SR are run once each and averaged, after a first step that warms up.

    Returns:
        `seconds`, `peak_gib` and the seconds of each of the `parts`.
    """
    with get_context('spawn').Pool(1) as pool:  # peak memory is that of a process
        return pool.apply(_run_steps, (crop,))


def _run_steps(crop: int) -> dict[str, Any]:
    torch.manual_seed(0)
    recipe = parse_recipe({'name': 'full', 'phases': 'flir', 'optimizer': {'pool': 0}})
    step = TimedStep(recipe, Fabric(accelerator='cpu', devices=1))
    step.seconds = defaultdict(float)
    batch, phase = random_batch(crop), recipe.phases[-1]
    scales = iter((0.0, 0.0, 1.0))
    step._draw_psi = lambda epoch: next(scales)  # type: ignore[method-assign]  # noqa: ARG005
    step(batch, phase, 1)
    step.seconds.clear()
    start = perf_counter()
    for _ in range(2):
        step(batch, phase, 1)
    total = (perf_counter() - start) / 2
    parts = {part: seconds / 2 for part, seconds in step.seconds.items()}
    parts['losses and the rest'] = total - sum(parts.values())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {
        'seconds': round(total, 2),
        'peak_gib': round(peak, 2),
        'parts': {part: round(seconds, 2) for part, seconds in parts.items()},
    }


def random_batch(crop: int, count: int = 1) -> Sample:
    """Random crops, labelled in blocks so that no loss is spared."""
    rng = torch.Generator().manual_seed(0)
    image = partial(torch.rand, count, 3, crop, crop, generator=rng)
    blocks = torch.randint(CLASSES, (count, crop // 32, crop // 32), generator=rng)
    labels = blocks.repeat_interleave(32, 1).repeat_interleave(32, 2)
    edges = (torch.rand(count, 1, crop, crop, generator=rng) > 0.9).float()
    return {
        'day': image() * 2 - 1,
        'day_edges': edges,
        'day_labels': labels,
        'day_thermal': torch.zeros(count, 3, crop, crop),
        'night': image() * 2 - 1,
        'night_edges': edges,
        'night_index': torch.arange(count),
        'night_masks': labels,
        'night_window': torch.tensor([[0, 0, crop]] * count),
        'guided': torch.tensor([False] * count),
    }


def bench_memory(entries: int = ENTRIES) -> dict[str, dict[str, float]]:
    """Time a query of a full memory, milliseconds.

    Returns:
        For random distributions, and for crops of one class each, where all of a class tie.
    """
    rng = np.random.default_rng(0)
    mixed = rng.standard_normal((entries, len(SMALL_SAMPLE)))
    single = np.eye(len(SMALL_SAMPLE))[rng.integers(len(SMALL_SAMPLE), size=entries)]
    return {
        name: _time_queries(_unit(vectors))
        for name, vectors in {'mixed': mixed, 'one class a crop': single}.items()
    }


def _unit(vectors: np.ndarray) -> np.ndarray:
    centred = vectors - vectors.mean(1, keepdims=True)
    result: np.ndarray = (centred / np.linalg.norm(centred, axis=1, keepdims=True)).astype(
        np.float32
    )
    return result


def _time_queries(vectors: np.ndarray) -> dict[str, float]:
    count = len(vectors)
    memory = Memory(count)
    memory.load_state_dict(
        {
            'images': count,
            'index': torch.arange(count),
            'windows': torch.zeros(count, 3, dtype=torch.int64),
            'vectors': torch.from_numpy(vectors),
            'steps': torch.arange(count),
        }
    )
    rng = np.random.default_rng(0)
    query: Callable[[], object] = lambda: memory.draw(  # noqa: E731
        vectors[int(rng.integers(count))], 10, count, rng
    )
    query()
    seconds = []
    for _ in range(QUERIES):
        start = perf_counter()
        query()
        seconds.append(perf_counter() - start)
    return {
        'p50': round(1e3 * float(np.median(seconds)), 2),
        'p95': round(1e3 * float(np.quantile(seconds, 0.95)), 2),
    }
