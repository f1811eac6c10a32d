"""What a row will take on this machine: a step or two of each phase, timed."""

from time import perf_counter
from typing import Any

from lightning_fabric import Fabric
import torch
from torch.utils.data import default_collate

from morngan_train.data.pairing import Pick
from morngan_train.data.unpaired import Sample
from morngan_train.experiments.rows import Row
from morngan_train.recipe import Recipe
from morngan_train.recipe.phases import first_epochs
from morngan_train.recipe.phases import Phase
from morngan_train.training.step import Step
from morngan_train.training.trainer import open_data

PATIENCE = 3.0
"""Seconds; a first step that took longer than this is not repeated to leave out its warm-up."""

_NOT_COSTLY = {'name', 'description', 'seed', 'steps_per_epoch', 'phases', 'without', 'semantics'}


class Clock:
    """Times the phases of rows; phases that rows share are timed once.

    Args:
        fabric: What trains.
    """

    def __init__(self, fabric: Fabric) -> None:
        self.fabric = fabric
        self._known: dict[str, float] = {}

    def seconds(self, row: Row) -> float:
        """Estimate the seconds of training of a row, without loading, previews and checkpoints."""
        assert row.recipe.steps_per_epoch is not None
        schedule = row.recipe.schedule
        keys = [_key(row.recipe, phase) for phase in schedule]
        missing = [i for i, key in enumerate(keys) if key not in self._known]
        if missing:
            step, batch = Step(row.recipe, self.fabric), self._batch(row)
            for i in missing:
                taken = self._once(step, batch, schedule[i], first_epochs(schedule)[i])
                self._known[keys[i]] = taken
        each = [p.epochs * self._known[key] for p, key in zip(schedule, keys, strict=True)]
        return row.recipe.steps_per_epoch * sum(each)

    def _batch(self, row: Row) -> Sample:
        crops = open_data(row.recipe, row.train)
        picks = [Pick(draw) for draw in range(row.recipe.optimizer.batch_size)]
        batch: Any = self.fabric.to_device(default_collate([crops[pick] for pick in picks]))
        result: Sample = batch
        return result

    def _once(self, step: Step, batch: Sample, phase: Phase, epoch: int) -> float:
        for _ in range(2):
            start = perf_counter()
            step(batch, phase, epoch)
            if self.fabric.device.type == 'cuda':
                torch.cuda.synchronize()
            taken = perf_counter() - start
            if taken > PATIENCE:
                break
        return taken


def _key(recipe: Recipe, phase: Phase) -> str:
    networks = recipe.model_dump_json(exclude=_NOT_COSTLY)
    return networks + phase.model_dump_json(exclude={'name', 'epochs'})
