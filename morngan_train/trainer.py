"""The optimisation loop."""

from collections import defaultdict
from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import json
from pathlib import Path
import signal
import time
from types import FrameType

from lightning_fabric import Fabric
from rich.progress import BarColumn
from rich.progress import MofNCompleteColumn
from rich.progress import Progress
from rich.progress import TextColumn
from rich.progress import TimeRemainingColumn
import torch
from torch.utils.data import DataLoader

from morngan_train import checkpoint
from morngan_train.data.unpaired import Draws
from morngan_train.data.unpaired import Sample
from morngan_train.data.unpaired import UnpairedCrops
from morngan_train.image_pool import ImagePool
from morngan_train.losses.adversarial import discriminator_loss
from morngan_train.objective import generator_losses
from morngan_train.objective import Losses
from morngan_train.objective import pair_losses
from morngan_train.phases import phase_at
from morngan_train.phases import total_epochs
from morngan_train.preview import save_preview
from morngan_train.recipe import Phase
from morngan_train.recipe import Recipe
from morngan_train.system import Discriminators
from morngan_train.system import Generators
from morngan_train.system import MovingAverage

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class NonFiniteLossError(Exception):
    """A loss became NaN or infinite; the message names it."""


def _leave_signals_to_the_loop(_worker: int) -> None:
    """Let Ctrl-C, which every process of a terminal gets, end the run in the main process."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


class Trainer:
    """One run: state, one step, the loop over epochs, checkpoints.

    Args:
        recipe: What to train.
        data: Data folder, see `morngan_train.data.unpaired`.
        out: Folder of the run: `last.pt`, `epoch_NNN.pt` (weights to export), `log.jsonl`,
            `preview/epoch_NNN.png`.
        fabric: Device and precision.
        workers: Data loading processes.
    """

    def __init__(
        self, recipe: Recipe, data: Path, out: Path, fabric: Fabric, *, workers: int = 1
    ) -> None:
        self.recipe, self.data_root, self.out, self.fabric = recipe, data, out, fabric
        self.workers = workers
        torch.manual_seed(recipe.seed)
        aligned = any(phase.aligned > 0 for phase in recipe.phases)
        self.data = UnpairedCrops(data, recipe.data, recipe.seed, aligned=aligned)
        self.steps = recipe.steps_per_epoch or len(self.data)
        self.epochs = total_epochs(recipe.phases)
        self.step = 0
        self.seconds = 0.0
        self._stop = False
        self._build()

    def _build(self) -> None:
        generators, discriminators = Generators(self.recipe), Discriminators(self.recipe)
        self.average = MovingAverage(generators, self.recipe.optimizer.ema)
        self.average.model.to(self.fabric.device)
        lr, betas = self.recipe.optimizer.lr, self.recipe.optimizer.betas
        self.generators, self.optimizer_g = self.fabric.setup(
            generators, torch.optim.Adam(generators.parameters(), lr=lr, betas=betas)
        )
        self.generators.mark_forward_method('color')
        self.discriminators, self.optimizer_d = self.fabric.setup(
            discriminators, torch.optim.Adam(discriminators.parameters(), lr=lr, betas=betas)
        )
        self.pools = {name: ImagePool(self.recipe.optimizer.pool) for name in 'ab'}

    # One step ----------------------------------------------------------------------------------

    def train_step(self, batch: Sample, phase: Phase) -> dict[str, float]:
        """Optimise on one batch by the rules of the phase; return the losses."""
        losses = (
            self._unpaired_step(batch, phase) if phase.unpaired else self._pair_step(batch, phase)
        )
        self.average.update(self.generators.module, self.step)
        self.step += 1
        return {name: float(value.detach()) for name, value in losses.items()}

    def _unpaired_step(self, batch: Sample, phase: Phase) -> Losses:
        """Optimise generators, then discriminators."""
        day, night = batch['day'], batch['night']
        real = self.discriminators(day, night)

        made = self.generators(day, night, batch['day_thermal'] if phase.aligned > 0 else None)
        # Only the fakes' gradient is wanted here; the discriminators' own comes below.
        self.discriminators.requires_grad_(False)
        fake = self.discriminators(made.fake_day, made.fake_night)
        self.discriminators.requires_grad_(True)
        losses = generator_losses(batch, made, real, fake, self.recipe.losses, phase)
        self._descend(self.optimizer_g, losses)

        pooled = self.discriminators(
            self.pools['a'](made.fake_day), self.pools['b'](made.fake_night)
        )
        d_losses = {
            f'discriminator_{name}': discriminator_loss(r, f)
            for name, r, f in zip('ab', real, pooled, strict=True)
        }
        self._descend(self.optimizer_d, d_losses)
        return losses | d_losses

    def _pair_step(self, batch: Sample, phase: Phase) -> Losses:
        """Optimise G_BA on a registered day pair alone."""
        colored = self.generators.color(batch['day_thermal'])
        losses = pair_losses(batch, colored, self.recipe.losses, phase)
        self._descend(self.optimizer_g, losses)
        return losses

    def _descend(self, optimizer: torch.optim.Optimizer, losses: Losses) -> None:
        total = torch.stack(list(losses.values())).sum()
        if not torch.isfinite(total):
            bad = [name for name, value in losses.items() if not torch.isfinite(value)]
            raise NonFiniteLossError(
                f'{", ".join(bad) or "the sum of the losses"} is not finite at step {self.step}; '
                f'the state before it is in {self.out / "last.pt"}'
            )
        optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(total)
        optimizer.step()

    # The loop ----------------------------------------------------------------------------------

    def fit(self) -> bool:
        """Train to the end of the schedule, or until SIGINT or SIGTERM.

        Returns:
            True if the schedule was finished; False if the run was interrupted, after a checkpoint
            from which `resume` goes on exactly.
        """
        self.out.mkdir(parents=True, exist_ok=True)
        (self.out / 'recipe.json').write_text(self.recipe.model_dump_json(indent=2))
        with self._stop_on_signals(), self._progress() as progress:
            task = progress.add_task('', total=self.epochs * self.steps, completed=self.step)
            while self.step < self.epochs * self.steps and not self._stop:
                epoch = self.step // self.steps + 1
                phase = phase_at(self.recipe.phases, epoch)
                progress.update(task, description=f'epoch {epoch}/{self.epochs} phase {phase.name}')
                try:
                    means = self._run_epoch(epoch, phase, lambda: progress.advance(task))
                except NonFiniteLossError:
                    self.save()
                    raise
                summary = ' '.join(f'{name} {value:.3f}' for name, value in means.items())
                progress.console.print(f'epoch {epoch} phase {phase.name}: {summary}')
        return not self._stop

    def _run_epoch(self, epoch: int, phase: Phase, advance: Callable[[], None]) -> dict[str, float]:
        for optimizer in (self.optimizer_g, self.optimizer_d):
            for group in optimizer.param_groups:
                group['lr'] = self.recipe.optimizer.lr * phase.lr_factor
        sums: dict[str, float] = defaultdict(float)
        count = 0
        start = time.monotonic()
        for batch in self._batches(epoch):
            for name, value in self.train_step(batch, phase).items():
                sums[name] += value
            count += 1
            advance()
            if self._stop:
                break
        means = {name: value / count for name, value in sums.items()}
        self.seconds += time.monotonic() - start
        self._log(epoch, phase, means)
        if self.step == epoch * self.steps:
            self._finish_epoch(epoch)
        self.save()
        return means

    def _batches(self, epoch: int) -> Iterator[Sample]:
        """Yield the rest of an epoch: draws are numbered through the whole run."""
        n = self.recipe.optimizer.batch_size
        loader = DataLoader(
            self.data,
            batch_size=n,
            sampler=Draws(self.step * n, epoch * self.steps * n),
            num_workers=self.workers,
            # Its own generator: a loader draws a seed for its workers, and drawing it from the
            # global one would make a run that was resumed within an epoch differ.
            generator=torch.Generator(),
            worker_init_fn=_leave_signals_to_the_loop,
        )
        for batch in loader:
            yield self.fabric.to_device(batch)

    def _finish_epoch(self, epoch: int) -> None:
        checkpoint.save(
            self.out / f'epoch_{epoch:03d}.pt',
            {
                'recipe': self.recipe.model_dump(mode='json'),
                'epoch': epoch,
                'step': self.step,
                'seconds': self.seconds,
                'average': self.average.model.state_dict(),
            },
        )
        save_preview(
            self.average.model,
            self.data_root,
            self.out / f'preview/epoch_{epoch:03d}.png',
            self.fabric,
        )

    def _log(self, epoch: int, phase: Phase, means: dict[str, float]) -> None:
        with (self.out / 'log.jsonl').open('a') as log:
            record = {
                'epoch': epoch,
                'phase': phase.name,
                'step': self.step,
                **{name: round(value, 5) for name, value in means.items()},
            }
            log.write(json.dumps(record) + '\n')

    @contextlib.contextmanager
    def _stop_on_signals(self) -> Iterator[None]:
        def stop(_signal: int, _frame: FrameType | None) -> None:
            self._stop = True

        before = {s: signal.signal(s, stop) for s in STOP_SIGNALS}
        try:
            yield
        finally:
            for s, handler in before.items():
                signal.signal(s, handler)

    @staticmethod
    def _progress() -> Progress:
        return Progress(
            TextColumn('{task.description}'),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )

    # State -------------------------------------------------------------------------------------

    def save(self) -> None:
        """Write `last.pt`."""
        checkpoint.save(
            self.out / 'last.pt',
            {
                'recipe': self.recipe.model_dump(mode='json'),
                'step': self.step,
                'seconds': self.seconds,
                'generators': self.generators.state_dict(),
                'discriminators': self.discriminators.state_dict(),
                'average': self.average.model.state_dict(),
                'optimizer_g': self.optimizer_g.state_dict(),
                'optimizer_d': self.optimizer_d.state_dict(),
                'pools': {name: pool.state_dict() for name, pool in self.pools.items()},
                'rng': checkpoint.rng_state(),
            },
        )

    def resume(self, path: Path) -> None:
        """Restore all state from `last.pt`; the next step is the one that would have followed.

        Raises:
            CheckpointError: The file cannot be used, or belongs to a recipe of other shapes.
        """
        state = checkpoint.load(path)
        try:
            self.generators.load_state_dict(state['generators'])
            self.discriminators.load_state_dict(state['discriminators'])
            self.average.model.load_state_dict(state['average'])
        except (KeyError, RuntimeError) as error:
            raise checkpoint.CheckpointError(
                f'{path} does not fit the recipe {self.recipe.name}: {error}'
            ) from error
        self.optimizer_g.load_state_dict(state['optimizer_g'])
        self.optimizer_d.load_state_dict(state['optimizer_d'])
        for name, pool in self.pools.items():
            pool.load_state_dict(state['pools'][name])
        checkpoint.restore_rng(state['rng'])
        self.step = state['step']
        self.seconds = state['seconds']
