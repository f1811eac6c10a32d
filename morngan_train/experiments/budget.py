"""The same number of optimisation steps for every row."""

from collections.abc import Sequence
from dataclasses import replace
import math

from morngan_train.experiments.errors import ExperimentError
from morngan_train.experiments.rows import Row
from morngan_train.recipe.phases import total_epochs


def steps_of(row: Row) -> int:
    """Return how many steps a row takes in all; its recipe must say `steps_per_epoch`."""
    assert row.recipe.steps_per_epoch is not None
    return row.recipe.steps_per_epoch * total_epochs(row.recipe.schedule)


def equal_budget(rows: Sequence[Row], steps: int) -> list[Row]:
    """Give every row the same number of steps: phases keep their shares, epochs change length.

    Args:
        rows: Their schedules may have different numbers of epochs.
        steps: At most so many; less where they cannot be divided into the epochs of all rows.

    Raises:
        ExperimentError: There are fewer steps than can be divided.
    """
    common = math.lcm(*(total_epochs(row.recipe.schedule) for row in rows))
    if steps < common:
        raise ExperimentError(
            f'{steps} steps are fewer than the {common} that all schedules can divide'
        )
    budget = steps // common * common
    return [_with_steps(row, budget // total_epochs(row.recipe.schedule)) for row in rows]


def _with_steps(row: Row, per_epoch: int) -> Row:
    return replace(row, recipe=row.recipe.model_copy(update={'steps_per_epoch': per_epoch}))
