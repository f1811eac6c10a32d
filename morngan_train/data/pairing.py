"""Which night crop each day crop is trained with: the memory-guided sample selection (3.4.1)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from torch.utils.data import Sampler

from morngan_train.data.memory import distribution
from morngan_train.data.memory import Memory
from morngan_train.data.memory import Window

LAG = 33
"""Steps between what the memory learns and the first pick that may use it.

A loader asks for the picks of a step up to workers·prefetch_factor steps before it is trained, so
that this covers 15 workers at torch's factor of 2. It is the same for any number of workers,
because a run must not depend on it.
"""

# Streams of random numbers of one draw: the day crop, the night crop, the choice of a partner, the
# crop at low resolution.
DAY_STREAM, NIGHT_STREAM, PARTNER_STREAM, LOW_STREAM = range(4)


def stream(seed: int, draw: int, which: int) -> np.random.Generator:
    """Return a source of randomness that belongs to one purpose of one draw."""
    return np.random.default_rng((seed, draw, which))


@dataclass(frozen=True, slots=True)
class Pick:
    """What to load: a draw number, and what the memory has to say about its night crop."""

    draw: int
    night: int | None = None
    """Index of the night image; None leaves it to the draw."""
    window: Window | None = None
    """Where to cut the night crop; None leaves it to the draw. The flip is always the draw's."""


class DayLabels(Protocol):
    """What the sampler must know about the data: UnpairedCrops does."""

    seed: int

    def day_labels(self, draw: int) -> np.ndarray:
        """Return the label map of the day crop of a draw, trainIds, uint8 [S, S]."""
        ...


class GuidedDraws(Sampler[Pick]):
    """The picks of the steps [first_step, last_step), in order.

    Draws are numbered through the whole run: (step·world + rank)·batch_size + i, so that resuming
    is starting at a later step. In a phase with memory, a pick of step s rests on the entries
    stored at steps up to s - lag, and on all from before the epoch. Of N images these are

    - fewer than N/2: the night crop is random;
    - fewer than N: its image is drawn from those that are not stored yet;
    - N: it is drawn from the k entries most similar to the day crop, if any is similar at all, and
      cut where it was remembered.

    Iterate it in the process that owns the memory, as a DataLoader does with its sampler.

    Args:
        dataset: Gives the seed and the labels of day crops.
        memory: Of the night images; all ranks must hold the same entries.
        first_step: Of the optimisation.
        last_step: After the last one. `steps`, `active` and `settled` may be set anew between two
            iterations.
        batch_size: Picks a step and rank.
        active: Whether the phase pairs by memory; otherwise all night crops are random.
        settled: Steps that were done before any loader of this epoch began, whether the run was
            interrupted within it or not: the first step of the epoch.
        top_k: k of the top-k selection.
        lag: At least 1 + the steps that the loader is ahead, workers·prefetch_factor.
        rank: Of this process.
        world: Processes.

    Raises:
        ValueError: The lag is below 1: a pick cannot rest on what its own step will store.
    """

    def __init__(
        self,
        dataset: DayLabels,
        memory: Memory,
        first_step: int,
        last_step: int,
        batch_size: int,
        *,
        active: bool,
        settled: int = 0,
        top_k: int = 10,
        lag: int = LAG,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        if lag < 1:
            raise ValueError(f'lag must be at least 1, got {lag}')
        self.dataset = dataset
        self.memory = memory
        self.steps = range(first_step, last_step)
        self.batch_size = batch_size
        self.active = active
        self.settled = settled
        self.top_k = top_k
        self.lag = lag
        self.rank = rank
        self.world = world

    def __len__(self) -> int:
        """Return how many picks are left."""
        return len(self.steps) * self.batch_size

    def __iter__(self) -> Iterator[Pick]:
        """Yield the picks; the memory is asked when a step begins, not before."""
        for step in self.steps:
            known = self.memory.prefix(max(step - self.lag + 1, self.settled))
            first = (step * self.world + self.rank) * self.batch_size
            for draw in range(first, first + self.batch_size):
                yield self._pick(draw, known) if self.active else Pick(draw)

    def _pick(self, draw: int, known: int) -> Pick:
        if 2 * known < self.memory.images:
            return Pick(draw)
        rng = stream(self.dataset.seed, draw, PARTNER_STREAM)
        if known < self.memory.images:
            return Pick(draw, int(rng.choice(self.memory.missing(known))))
        vector = distribution(self.dataset.day_labels(draw))
        partner = self.memory.draw(vector, self.top_k, known, rng)
        return Pick(draw) if partner is None else Pick(draw, *partner)
