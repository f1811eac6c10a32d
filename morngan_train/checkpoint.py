"""Checkpoints that hold everything a run needs to go on as if it had never stopped."""

from pathlib import Path
from typing import Any

import torch

from morngan_train.errors import TrainError
from morngan_train.files import written_whole

FORMAT = 2


class CheckpointError(TrainError):
    """A checkpoint is missing, damaged, or of another format."""


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint; an interruption leaves the previous file whole.

    Args:
        path: Target file.
        state: Tensors, numbers, strings and containers of them, nothing else: the file must load
            with `weights_only=True`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as partial:
        torch.save({'format': FORMAT, **state}, partial)


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint onto the CPU; a file from a stranger cannot run code.

    Raises:
        CheckpointError: The file is missing, damaged, or of another format.
    """
    if not path.is_file():
        raise CheckpointError(f'{path} does not exist; a run writes last.pt into its folder')
    try:
        state = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged archive
        raise CheckpointError(f'{path} cannot be read as a checkpoint: {error}') from error
    if not isinstance(state, dict) or state.get('format') != FORMAT:
        raise CheckpointError(f'{path} is not a morngan_train checkpoint of format {FORMAT}')
    return state


def rng_state(device: torch.device) -> dict[str, Any]:
    """Return the state of torch's generators that a process on `device` uses.

    Draws of data need none, see `morngan_train.data.pairing`.
    """
    cuda = torch.cuda.get_rng_state(device) if device.type == 'cuda' else None
    return {'cpu': torch.get_rng_state(), 'cuda': cuda}


def restore_rng(state: dict[str, Any], device: torch.device) -> None:
    """Restore what `rng_state` returned; on another kind of device its own generator goes on."""
    torch.set_rng_state(state['cpu'])
    if state['cuda'] is not None and device.type == 'cuda':
        torch.cuda.set_rng_state(state['cuda'], device)
