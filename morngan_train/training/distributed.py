"""What several processes agree on: gradients, losses, entries of the memory.

The networks are not wrapped in DistributedDataParallel: a step of this method leaves parameters
out (detached, frozen, switched off by the phase) and runs networks several times before one
backward pass, which its reducer does not allow. One flat all-reduce an optimiser does the same.
"""

from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import distributed

from morngan_train.errors import TrainError


class LostProcessError(TrainError):
    """Another process of the run has ended; this one cannot go on alone."""


@contextmanager
def together() -> Iterator[None]:
    """Do what all processes do at the same time.

    Raises:
        LostProcessError: Another one has ended, and does not.
    """
    try:
        yield
    except RuntimeError as error:  # of the library that carries the data: Gloo, NCCL
        reason = str(error).strip().splitlines()[0]
        raise LostProcessError(
            'another process of this run has ended, so this process ends too. The output of the '
            'other process, perhaps on another node, gives the cause. Restart all processes '
            f'with --resume auto ({reason})'
        ) from error


def world_size() -> int:
    """Return the number of processes that train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def average(values: torch.Tensor) -> torch.Tensor:
    """Return the mean over processes of a tensor of the same shape in each."""
    if world_size() == 1:
        return values
    total = values.clone()
    with together():
        distributed.all_reduce(total)
    return total / world_size()


def average_gradients(parameters: Iterable[torch.nn.Parameter]) -> None:
    """Replace gradients by their mean over processes; all have the same parameters in use."""
    if world_size() == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    means = average(torch.cat([gradient.flatten() for gradient in gradients]))
    parts = means.split([gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))


def gather(values: torch.Tensor) -> torch.Tensor:
    """Return the rows of all processes in the order of their ranks: [N, ...] -> [R·N, ...]."""
    if world_size() == 1:
        return values
    parts = [torch.empty_like(values) for _ in range(world_size())]
    with together():
        distributed.all_gather(parts, values.contiguous())
    return torch.cat(parts)
