"""What a step found, kept on the device until somebody reads it.

Reading a number from a GPU waits until all that was asked of it is done, and until it is asked for
more it idles. So losses are read every so many steps. Until then the GPU itself sees to it that
nothing is learnt from numbers that are not finite.
"""

from collections import defaultdict
from collections.abc import Sequence
import math

import torch

from morngan_train.errors import TrainError
from morngan_train.training import distributed


class NonFiniteLossError(TrainError):
    """A loss or a gradient became NaN or infinite; the message names it, `step` tells when."""

    def __init__(self, message: str, step: int) -> None:
        super().__init__(message)
        self.step = step


class Ledger:
    """Losses and gradients' norms of the steps since the last reading.

    Args:
        device: Where they are.

    Attributes:
        spoilt: 1.0 on the device from the first number on that is not finite, else 0.0.
    """

    def __init__(self, device: torch.device) -> None:
        self.spoilt = torch.zeros((), device=device)
        self._entries: list[tuple[int, tuple[str, ...], bool, torch.Tensor]] = []

    def losses(self, step: int, values: dict[str, torch.Tensor]) -> None:
        """Note losses by name; their mean over processes is kept."""
        stacked = torch.stack([value.detach().float() for value in values.values()])
        self._note(step, tuple(values), True, distributed.average(stacked))

    def gradients(self, step: int, norms: dict[str, torch.Tensor]) -> None:
        """Note the norms of gradients by network; all processes have the same."""
        self._note(step, tuple(norms), False, torch.stack(list(norms.values())))

    def _note(self, step: int, names: tuple[str, ...], loss: bool, values: torch.Tensor) -> None:
        self._entries.append((step, names, loss, values))
        finite = values.isfinite().all()
        self.spoilt = torch.where(finite, self.spoilt, torch.ones_like(self.spoilt))

    def read(self) -> dict[str, float]:
        """Return the mean of each loss since the last reading; wait for the device once.

        Raises:
            NonFiniteLossError: Names the first that is not finite.
        """
        entries, self._entries = self._entries, []
        if not entries:
            return {}
        numbers = iter(torch.cat([values for *_, values in entries]).tolist())
        by_name: dict[str, list[float]] = defaultdict(list)
        for step, names, loss, _ in entries:
            values = [next(numbers) for _ in names]
            self._check(step, names, loss, values)
            for name, value in zip(names, values, strict=True):
                if loss:
                    by_name[name].append(value)
        return {name: sum(values) / len(values) for name, values in by_name.items()}

    def _check(self, step: int, names: Sequence[str], loss: bool, values: Sequence[float]) -> None:
        bad = [n for n, value in zip(names, values, strict=True) if not math.isfinite(value)]
        if not bad:
            return
        self.spoilt = torch.zeros_like(self.spoilt)
        what = ', '.join(bad) if loss else f'the gradient of the {" and ".join(bad)}'
        raise NonFiniteLossError(f'{what} is not finite at step {step}', step)


class Means:
    """Means over the steps of an epoch, of values that are themselves means over some steps.

    Args:
        step: At which the epoch, or what is left of it, begins.
    """

    def __init__(self, step: int) -> None:
        self._first = self._read = self._last = step
        self._sums: dict[str, float] = defaultdict(float)

    def add(self, values: dict[str, float], steps: int) -> None:
        """Add the means of so many steps."""
        for name, value in values.items():
            self._sums[name] += value * steps

    def read(self, values: dict[str, float], step: int) -> None:
        """Add the means of the steps since the last reading; nothing if there was none."""
        self._last = step
        if values:
            self.add(values, step - self._read)
            self._read = step

    def values(self) -> dict[str, float]:
        """Return the means by name."""
        return {name: total / (self._last - self._first) for name, total in self._sums.items()}
