"""Phases as data: which terms act, and how strongly, at each epoch."""

from collections.abc import Sequence

from morngan_train.recipe import Phase


def total_epochs(phases: Sequence[Phase]) -> int:
    """Return the length of the schedule in epochs."""
    return sum(phase.epochs for phase in phases)


def phase_at(phases: Sequence[Phase], epoch: int) -> Phase:
    """Return the phase of an epoch.

    Args:
        phases: The schedule.
        epoch: Counted from 1, as in the paper: a phase of 10 epochs is active in epochs 1 to 10.

    Raises:
        IndexError: The epoch lies outside of the schedule.
    """
    if epoch < 1:
        raise IndexError(f'epochs are counted from 1, not {epoch}')
    end = 0
    for phase in phases:
        end += phase.epochs
        if epoch <= end:
            return phase
    raise IndexError(f'epoch {epoch} lies behind the last one, {end}')
