"""Reading what a run left: losses, phases, cost."""

from collections.abc import Iterator
from dataclasses import dataclass
import json
from pathlib import Path

from pydantic import BaseModel
from pydantic import ConfigDict
from pydantic import ValidationError
import torch

from morngan_train.recipe import parse_recipe
from morngan_train.recipe import Recipe
from morngan_train.recipe import RecipeError
from morngan_train.report.evaluations import ReportError
from morngan_train.training.system import Generators


class Epoch(BaseModel):
    """A line of `log.jsonl`: where the run was, and beside that the means of all losses."""

    model_config = ConfigDict(extra='allow', frozen=True)
    __pydantic_extra__: dict[str, float]

    epoch: int
    phase: str
    step: int
    lr: float
    seconds: float

    @property
    def losses(self) -> dict[str, float]:
        """Means since the line before."""
        return self.__pydantic_extra__


@dataclass(frozen=True)
class Run:
    """A run of `fit`.

    Attributes:
        name: Of its folder.
        epochs: At least one; steps increase.
        recipe: None if the run left none that this version can read.
    """

    name: str
    epochs: list[Epoch]
    recipe: Recipe | None

    @property
    def losses(self) -> list[str]:
        """Names in the order in which they came up."""
        return list(dict.fromkeys(name for epoch in self.epochs for name in epoch.losses))

    def phases(self) -> Iterator[tuple[str, int, int]]:
        """Yield name, first and last step of each stretch under one phase."""
        start, begin = self.epochs[0], 0
        for before, epoch in zip(self.epochs, self.epochs[1:], strict=False):
            if epoch.phase != start.phase:
                yield start.phase, begin, before.step
                start, begin = epoch, before.step
        yield start.phase, begin, self.epochs[-1].step

    def parameters(self) -> int | None:
        """Count the weights of the generator that goes to the vehicle."""
        if self.recipe is None:
            return None
        with torch.device('meta'):  # shapes only: no memory, no random numbers
            generators = Generators(self.recipe)
        return sum(weights.numel() for weights in generators.night_to_day.parameters())


def read_run(folder: Path) -> Run:
    """Read the folder of a run.

    Raises:
        ReportError: There is no log, it is empty, or a line is damaged.
    """
    log = folder / 'log.jsonl'
    try:
        text = log.read_text(encoding='utf-8')
    except (OSError, UnicodeDecodeError) as error:
        raise ReportError(f'{log} cannot be read; --runs takes folders of fit: {error}') from error
    epochs: list[Epoch] = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            epoch = Epoch.model_validate_json(line)
        except ValidationError as error:
            # A run that was killed, or is writing now, leaves half a line at the end.
            if number == text.count('\n') + 1:
                break
            raise ReportError(
                f'{log}, line {number}: {error.errors()[0]["msg"]}; remove the line'
            ) from error
        # A run that went on from an earlier checkpoint did these steps again.
        while epochs and epochs[-1].step >= epoch.step:
            epochs.pop()
        epochs.append(epoch)
    if not epochs:
        raise ReportError(f'{log} is empty: the run has not finished an epoch')
    return Run(folder.resolve().name, epochs, _recipe(folder / 'recipe.json'))


def _recipe(file: Path) -> Recipe | None:
    try:
        return parse_recipe(json.loads(file.read_text(encoding='utf-8')))
    except (OSError, ValueError, RecipeError):  # of another version, or a run without
        return None
