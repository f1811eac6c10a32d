"""The run around the steps: epochs, loader, memory, log, checkpoints."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
from pathlib import Path
import signal
import sys
import time
from types import FrameType
from typing import Any

import cv2
from lightning_fabric import Fabric
from rich.progress import BarColumn
from rich.progress import MofNCompleteColumn
from rich.progress import Progress
from rich.progress import TextColumn
from rich.progress import TimeElapsedColumn
from rich.progress import TimeRemainingColumn
import torch
from torch.utils.data import DataLoader

from morngan_train import checkpoint
from morngan_train.data.crops import CropError
from morngan_train.data.loader import open_loader
from morngan_train.data.loader import STOP_SIGNALS
from morngan_train.data.memory import Memory
from morngan_train.data.pairing import GuidedDraws
from morngan_train.data.reading import DataError
from morngan_train.data.unpaired import Sample
from morngan_train.data.unpaired import UnpairedCrops
from morngan_train.recipe import Recipe
from morngan_train.recipe.phases import learning_rate_factor
from morngan_train.recipe.phases import Phase
from morngan_train.recipe.phases import phase_at
from morngan_train.recipe.phases import total_epochs
from morngan_train.training import distributed
from morngan_train.training.ledger import Means
from morngan_train.training.ledger import NonFiniteLossError
from morngan_train.training.memory_writer import MemoryWriter
from morngan_train.training.panels import draw_panel
from morngan_train.training.preview import save_preview
from morngan_train.training.runlog import RunLog
from morngan_train.training.step import Step
from morngan_train.training.system import HEAD
from morngan_train.training.tuning import PLAIN
from morngan_train.training.tuning import Tuning


def open_data(
    recipe: Recipe, roots: Path | Sequence[Path], shares: Sequence[float] | None = None
) -> UnpairedCrops:
    """Open data folders with all that a recipe needs.

    Args:
        recipe: What is trained.
        roots: Data folder, or several.
        shares: Of the draws, one a folder; None draws every picture equally often.

    Raises:
        DataError: Something is missing.
    """
    return UnpairedCrops(
        roots,
        recipe.data,
        recipe.seed,
        shares=shares,
        low=recipe.losses.low > 0,
        masked=any(phase.mb > 0 for phase in recipe.schedule),
        objects=recipe.generator.objects,
        aligned=any(phase.aligned > 0 for phase in recipe.schedule),
        labelled=recipe.data.focus > 0 or any(p.needs_day_labels for p in recipe.schedule),
        denoise=recipe.denoises,
    )


class Trainer:
    """One run, on one device or as one of several processes.

    Args:
        recipe: What to train.
        data: Data folder, or several, see `morngan_train.data.unpaired`.
        out: Folder of the run: `last.pt`, `epoch_NNN.pt` (weights to export), `log.jsonl`,
            `preview/epoch_NNN.png` (unseen frames) and `panels/epoch_NNN.png` (the last step).
        fabric: Devices and precision, launched.
        shares: Of the draws, one a data folder; None draws every picture equally often.
        workers: Data loading processes, for each device.
        tuning: How this machine trains.

    Raises:
        DataError: The data folder lacks something that the recipe needs.
    """

    def __init__(
        self,
        recipe: Recipe,
        data: Path | Sequence[Path],
        out: Path,
        fabric: Fabric,
        *,
        shares: Sequence[float] | None = None,
        workers: int = 1,
        tuning: Tuning = PLAIN,
    ) -> None:
        self.recipe, self.out, self.fabric = recipe, out, fabric
        self.roots = [data] if isinstance(data, Path) else list(data)
        self.workers = workers
        self.phases = recipe.schedule
        self.data = open_data(recipe, self.roots, shares)
        self.memory = Memory(len(self.data.night))
        self.writer = MemoryWriter(self.memory)
        if tuning.cache:
            self.data.cache()
        self._draws = GuidedDraws(
            self.data,
            self.memory,
            0,
            0,
            recipe.optimizer.batch_size * recipe.optimizer.accumulate,
            active=False,
            top_k=recipe.semantics.top_k,
            rank=fabric.global_rank,
            world=fabric.world_size,
        )
        self.steps = recipe.steps_per_epoch or len(self.data)
        self.epochs = total_epochs(self.phases)
        self.seconds = 0.0
        self._loader: DataLoader[Sample] | None = None
        self._asked = False  # this process was asked to stop
        self._stop = False  # all have agreed to
        # Equal weights everywhere, then random numbers of one's own.
        torch.manual_seed(recipe.seed)
        self.step = Step(recipe, fabric, tuning)
        torch.manual_seed(recipe.seed + fabric.global_rank)

    # The loop ----------------------------------------------------------------------------------

    def fit(self) -> bool:
        """Train to the end of the schedule, or until SIGINT or SIGTERM.

        Returns:
            True if the schedule was finished; False if the run was interrupted, after a checkpoint
            from which `resume` goes on exactly.

        Raises:
            NonFiniteLossError: Names the loss; the weights before the step are in `last.pt`.
            DataError: A file cannot be used.
            CropError: A picture is too small.
        """
        log = RunLog(self.out) if self.fabric.is_global_zero else None
        if log is not None:
            (self.out / 'recipe.json').write_text(self.recipe.model_dump_json(indent=2))
        total = self.epochs * self.steps
        with self._stop_on_signals(), self._progress() as progress:
            task = progress.add_task('', total=total, completed=self.step.number)
            while self.step.number < total and not self._stop:
                epoch = self.step.number // self.steps + 1
                phase = phase_at(self.phases, epoch)
                progress.update(task, description=f'epoch {epoch}/{self.epochs} phase {phase.name}')
                try:
                    means = self._run_epoch(epoch, phase, log, lambda: progress.advance(task))
                except NonFiniteLossError as error:
                    self._go_back(error.step)
                    self.save()
                    raise NonFiniteLossError(
                        f'{error}; the weights before it are in {self.out / "last.pt"}', error.step
                    ) from error
                except (DataError, CropError):
                    # Saving is for all: the others learn of this when this process has ended.
                    if self.fabric.world_size == 1:
                        self._settle()
                        self.save()
                    raise
                if log is not None:
                    summary = ' '.join(f'{name} {value:.3f}' for name, value in means.items())
                    progress.console.print(f'epoch {epoch} phase {phase.name}: {summary}')
        if log is not None:
            log.close()
        return self.step.number >= total

    def _run_epoch(
        self, epoch: int, phase: Phase, log: RunLog | None, advance: Callable[[], None]
    ) -> dict[str, float]:
        lr = self.recipe.optimizer.lr * learning_rate_factor(self.phases, epoch)
        self.step.set_learning_rate(lr, phase.segmenter_lr_factor)
        means = Means(self.step.number)
        start = time.monotonic()
        for batch in self._batches(epoch, phase):
            values = self.step(batch, phase, epoch)
            remembered = self._remember(batch, phase)
            means.add(remembered, 1)
            means.read(values, self.step.number)
            if log is not None:
                log.step(self.step.number, values | remembered if values else {})
            advance()
            if self._agree_to_stop():
                break
        means.read(self.step.read(), self.step.number)
        self.writer.flush()
        self.seconds += time.monotonic() - start
        if log is not None:
            head = {'epoch': epoch, 'phase': phase.name, 'step': self.step.number, 'lr': lr}
            log.epoch({**head, 'seconds': self.seconds, **means.values()})
            if self.step.number == epoch * self.steps:
                self._finish_epoch(epoch, batch, log)
        self.save()
        return means.values()

    def _settle(self) -> None:
        """Store and read what the device still holds; go back if it is not finite."""
        self.writer.flush()
        try:
            self.step.read()
        except NonFiniteLossError as error:
            self._go_back(error.step)

    def _go_back(self, step: int) -> None:
        """Take back what a step that was spoilt, and those after it, have stored."""
        self.writer.flush()
        self.memory.forget(step)

    def _batches(self, epoch: int, phase: Phase) -> Iterator[Sample]:
        """Yield the rest of an epoch: draws are numbered through the whole run."""
        self._draws.steps = range(self.step.number, epoch * self.steps)
        self._draws.settled = (epoch - 1) * self.steps
        self._draws.active = phase.memory
        if self._loader is None:
            pin = self.fabric.device.type == 'cuda'
            self._loader = open_loader(self.data, self._draws, self.workers, pin=pin)
        for batch in self._loader:
            yield self.fabric.to_device(batch)

    def _remember(self, batch: Sample, phase: Phase) -> dict[str, float]:
        """Store the labelled night crops of a step; report how the memory does."""
        if not phase.memory:
            return {}
        labels = torch.cat(self.step.night_labels)
        self.writer.note(self.step.number - 1, labels, batch)
        return {'remembered': len(self.memory) / self.memory.images}

    def _finish_epoch(self, epoch: int, batch: Sample, log: RunLog) -> None:
        name = f'epoch_{epoch:03d}'
        checkpoint.save(
            self.out / f'{name}.pt',
            {
                'recipe': self.recipe.model_dump(mode='json'),
                'epoch': epoch,
                'step': self.step.number,
                'seconds': self.seconds,
                'average': self.step.average.model.state_dict(),
            },
        )
        save_preview(
            self.step.average.model, self.roots, self.out / f'preview/{name}.png', self.fabric
        )
        if self.step.seen is not None:
            panel = draw_panel(batch, *self.step.seen)
            self.out.joinpath('panels').mkdir(exist_ok=True)
            path = self.out / f'panels/{name}.png'
            cv2.imwrite(str(path), cv2.cvtColor(panel, cv2.COLOR_RGB2BGR))
            log.picture('last step', panel, self.step.number)

    def _agree_to_stop(self) -> bool:
        """Stop in all processes after the same step, whoever was asked to."""
        self._stop = self._asked
        if self.fabric.world_size > 1:
            if self.step.number % self.step.reads_every:
                self._stop = False  # only where the device is waited for anyway
                return False
            asked = torch.tensor(float(self._asked), device=self.fabric.device)
            self._stop = float(distributed.average(asked)) > 0
        return self._stop

    @contextlib.contextmanager
    def _stop_on_signals(self) -> Iterator[None]:
        def stop(_signal: int, _frame: FrameType | None) -> None:
            self._asked = True

        before = {s: signal.signal(s, stop) for s in STOP_SIGNALS}
        try:
            yield
        finally:
            for s, handler in before.items():
                signal.signal(s, handler)

    def _progress(self) -> Progress:
        return Progress(
            TextColumn('{task.description}'),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn('left'),
            TimeRemainingColumn(),
            disable=not self.fabric.is_global_zero,
        )

    # State -------------------------------------------------------------------------------------

    def save(self) -> None:
        """Write `last.pt`, and beside it `last.rankN.pt` from every further process."""
        own = {'step': self.step.number, **self.step.own_state_dict()}
        rank = self.fabric.global_rank
        if rank > 0:
            checkpoint.save(_rank_file(self.out / 'last.pt', rank), own)
        else:
            shared: dict[str, Any] = {
                'recipe': self.recipe.model_dump(mode='json'),
                'steps_per_epoch': self.steps,
                'seconds': self.seconds,
                'memory': self.memory.state_dict(),
                **self.step.state_dict(),
            }
            checkpoint.save(self.out / 'last.pt', shared | own)
        with distributed.together():
            self.fabric.barrier()

    def resume(self, path: Path) -> list[str]:
        """Restore all state from `last.pt`; the next step is the one that would have followed.

        A process that was not there when the checkpoint was written starts with empty pools.

        Returns:
            The fields in which the recipe differs from that of the checkpoint.

        Raises:
            CheckpointError: The file cannot be used, or belongs to other data, other epochs or a
                recipe of other shapes.
        """
        state = checkpoint.load(path)
        if 'generators' not in state:
            raise checkpoint.CheckpointError(
                f'{path} holds only weights for export; resume from last.pt'
            )
        if state['steps_per_epoch'] != self.steps:
            raise checkpoint.CheckpointError(
                f'{path} had {state["steps_per_epoch"]} steps per epoch, but this run has '
                f'{self.steps}; set steps_per_epoch in the recipe, or every phase would shift'
            )
        try:
            self.step.load_state_dict(state)
            self.memory.load_state_dict(state['memory'])
            self.seconds = state['seconds']
        except (KeyError, RuntimeError, ValueError) as error:
            raise checkpoint.CheckpointError(
                f'{path} does not fit the recipe {self.recipe.name}: {error}'
            ) from error
        self._resume_own(path, state)
        ours = self.recipe.model_dump(mode='json')
        return [name for name, value in ours.items() if state['recipe'].get(name) != value]

    def start_from(self, path: Path) -> None:
        """Take the weights of a trained G_BA, `epoch_NNN.pt` or `last.pt`; all else starts afresh.

        A head for objects starts afresh too, if the file has none, and is left out, if the recipe
        has none.

        Raises:
            CheckpointError: The file cannot be used, or holds a generator of another shape.
        """
        weights = checkpoint.load(path)['average']
        try:
            for model in (self.step.generators.night_to_day, self.step.average.model):
                own = {n: value for n, value in model.state_dict().items() if n.startswith(HEAD)}
                given = {n: w for n, w in weights.items() if not n.startswith(HEAD) or n in own}
                model.load_state_dict(own | given)
        except (KeyError, RuntimeError) as error:
            raise checkpoint.CheckpointError(
                f'{path} holds another generator than the recipe {self.recipe.name} describes: '
                f'{error}'
            ) from error

    def _resume_own(self, path: Path, shared: dict[str, Any]) -> None:
        rank = self.fabric.global_rank
        if rank == 0:
            self.step.load_own_state_dict(shared)
            return
        file = _rank_file(path, rank)
        own = checkpoint.load(file) if file.is_file() else {'step': None}
        # A file of another step was left by a run with more processes.
        if own['step'] == shared['step']:
            self.step.load_own_state_dict(own)
        else:
            print(
                f'note: {file.name} of step {shared["step"]} is missing: process {rank} starts '
                'with empty pools, so the run does not continue exactly as before',
                file=sys.stderr,
            )


def _rank_file(path: Path, rank: int) -> Path:
    return path.with_suffix(f'.rank{rank}.pt')
