"""What a run says of itself: a JSON line an epoch, and TensorBoard where it is installed."""

import json
from pathlib import Path
from typing import Any

import numpy as np

SCALAR_EVERY = 50
"""Steps between two points of a curve in TensorBoard."""


class RunLog:
    """Writes `log.jsonl`, which needs nothing to read, and TensorBoard events beside it.

    Args:
        folder: Of the run.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / 'log.jsonl'
        self._noted = 0
        self._board = _open_board(folder / 'tensorboard')

    def step(self, number: int, values: dict[str, float]) -> None:
        """Note the losses that were read at a step, if there are any, now and then."""
        if self._board is not None and values and number - self._noted >= SCALAR_EVERY:
            self._noted = number
            for name, value in values.items():
                self._board.add_scalar(f'loss/{name}', value, number)

    def epoch(self, record: dict[str, Any]) -> None:
        """Append a line: epoch, phase, step, seconds and the means of all values."""
        rounded = {k: round(v, 5) if isinstance(v, float) else v for k, v in record.items()}
        with self._file.open('a') as log:
            log.write(json.dumps(rounded) + '\n')
        if self._board is not None:
            self._board.add_scalar('run/lr', record['lr'], record['step'])
            self._board.add_text('run/phase', record['phase'], record['step'])

    def picture(self, name: str, rgb: np.ndarray, step: int) -> None:
        """Show a picture, uint8 [H, W, 3]."""
        if self._board is not None:
            self._board.add_image(name, rgb, step, dataformats='HWC')
            self._board.flush()

    def close(self) -> None:
        """Write what is still held back."""
        if self._board is not None:
            self._board.close()


def _open_board(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:  # optional: log.jsonl holds the same losses
        return None
    return SummaryWriter(folder)
