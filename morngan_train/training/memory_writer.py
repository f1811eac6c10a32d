"""From the labels of a step on the device to entries of the memory, without waiting for them."""

import numpy as np
import torch

from morngan_train.classes import SMALL_SAMPLE
from morngan_train.data.memory import distribution_of
from morngan_train.data.memory import Memory
from morngan_train.data.memory import Window
from morngan_train.data.unpaired import Sample
from morngan_train.training import distributed


class MemoryWriter:
    """Stores the labelled night crops of each step when the next one has been launched.

    Args:
        memory: Of this process; all processes store the same entries in the same order.
    """

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self._copied: tuple[int, torch.Tensor, torch.cuda.Event | None] | None = None

    def note(self, step: int, labels: torch.Tensor, batch: Sample) -> None:
        """Begin to copy what the crops of a step hold, and store those of the step before.

        Args:
            step: Of the optimisation.
            labels: Mined labels of the night crops, int64 [N, S, S], on the device.
            batch: For index and window of the crops.
        """
        self.flush()
        if len(self.memory) == self.memory.images:
            return
        pixels = torch.stack([(labels == label).sum((1, 2)) for label in SMALL_SAMPLE], 1)
        places = torch.cat([batch['night_index'][:, None], batch['night_window']], 1)
        rows = distributed.gather(torch.cat([places, pixels], 1))
        copied = rows.to('cpu', non_blocking=True)
        event = None
        if rows.is_cuda:
            event = torch.cuda.Event()
            event.record()
        self._copied = step, copied, event

    def flush(self) -> None:
        """Store what was noted last."""
        if self._copied is None:
            return
        step, rows, event = self._copied
        self._copied = None
        if event is not None:
            event.synchronize()
        for row in rows.numpy():
            index, top, left, side, *pixels = (int(value) for value in row)
            vector = distribution_of(np.array(pixels))
            self.memory.store(index, Window(top, left, side), vector, step)
