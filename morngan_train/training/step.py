"""One optimisation step of all networks that a phase trains."""

from collections.abc import Sequence
from typing import Any

from lightning_fabric import Fabric
import torch

from morngan_train import checkpoint
from morngan_train.data.unpaired import Sample
from morngan_train.losses.adversarial import discriminator_loss
from morngan_train.losses.scale_robustness import draw_scale
from morngan_train.losses.scale_robustness import rescale
from morngan_train.losses.steadiness import second_view
from morngan_train.networks.discriminator import Scores
from morngan_train.networks.perception import Perception
from morngan_train.recipe import Recipe
from morngan_train.recipe.phases import Phase
from morngan_train.training import distributed
from morngan_train.training.image_pool import ImagePool
from morngan_train.training.ledger import Ledger
from morngan_train.training.ledger import NonFiniteLossError
from morngan_train.training.objective import generator_losses
from morngan_train.training.objective import head_losses
from morngan_train.training.objective import identity_losses
from morngan_train.training.objective import Judged
from morngan_train.training.objective import Losses
from morngan_train.training.objective import pair_losses
from morngan_train.training.objective import Seen
from morngan_train.training.objective import segmentation_losses
from morngan_train.training.objective import to_day_losses
from morngan_train.training.parts import clip_gradients
from morngan_train.training.parts import split_batch
from morngan_train.training.segmentation import Parser
from morngan_train.training.segmentation import Semantics
from morngan_train.training.system import Discriminators
from morngan_train.training.system import Generators
from morngan_train.training.system import MovingAverage
from morngan_train.training.system import Segmenters
from morngan_train.training.system import Translations
from morngan_train.training.tuning import lay_out
from morngan_train.training.tuning import PLAIN
from morngan_train.training.tuning import tune
from morngan_train.training.tuning import Tuning


class Step:
    """The networks with all that optimises them; a call trains on one batch.

    Networks run under the autocast of `fabric`; what they give is float32, and losses, labels and
    gradients of images are computed in it.

    Args:
        recipe: What to train.
        fabric: Device and precision.
        tuning: How this machine trains.

    Attributes:
        number: Steps done.
        seen: Translations and segmentations of the first part of the last unpaired batch.
        night_labels: Mined labels of the whole batch, a tensor for each part.
    """

    def __init__(self, recipe: Recipe, fabric: Fabric, tuning: Tuning = PLAIN) -> None:
        self.recipe, self.fabric, self.tuning = recipe, fabric, tuning
        self.number = 0
        self.seen: tuple[Translations, Semantics | None] | None = None
        self.night_labels: list[torch.Tensor] = []
        self.reads_every = tuning.reads_every(fabric.device)
        self._ledger = Ledger(fabric.device)
        self._values: dict[str, float] = {}
        self._before: dict[int, dict[str, Any]] = {}
        self._part, self._parts = 0, recipe.optimizer.accumulate
        self._psi = 0.0
        self._psi_epoch = 0

        self.generators = Generators(recipe).to(fabric.device)
        self.discriminators = Discriminators(recipe).to(fabric.device)
        segments = any(phase.segments for phase in recipe.schedule)
        self.segmenters = Segmenters(recipe).to(fabric.device) if segments else None
        self.average = MovingAverage(self.generators, recipe.optimizer.ema)
        self.pools = {name: ImagePool(recipe.optimizer.pool) for name in 'ab'}
        self._parser = Parser(self.segmenters, recipe) if self.segmenters else None
        self._perception = None
        if recipe.perceives:
            self._perception = Perception(recipe.generator.weights).to(fabric.device)
        tune(self.networks, tuning)
        self.optimizers = {name: self._adam(network) for name, network in self.networks.items()}

    def _adam(self, network: torch.nn.Module) -> torch.optim.Adam:
        """Build the optimizer of a network; what was trained before is a group of its own."""
        pretrained = network.pretrained_parameters() if isinstance(network, Generators) else []
        known = {id(parameter) for parameter in pretrained}
        groups = [{'params': [p for p in network.parameters() if id(p) not in known]}]
        if pretrained:
            groups.append({'params': pretrained})
        return torch.optim.Adam(
            groups,
            lr=self.recipe.optimizer.lr,
            betas=self.recipe.optimizer.betas,
            fused=self._fused,
        )

    @property
    def _fused(self) -> bool | None:
        """Whether Adam is to look at `Ledger.spoilt` itself: only its fused form does."""
        return self.reads_every > 1 or None

    @property
    def networks(self) -> dict[str, torch.nn.Module]:
        """The trained networks by name."""
        networks = {'generators': self.generators, 'discriminators': self.discriminators}
        return networks | ({'segmenters': self.segmenters} if self.segmenters else {})

    def set_learning_rate(self, lr: float, segmenter_factor: float = 1.0) -> None:
        """Set the learning rates: those of segmenters, discriminators and encoder by factors."""
        factors = {
            'segmenters': segmenter_factor,
            'discriminators': self.recipe.optimizer.discriminator_lr_factor,
        }
        encoder = self.recipe.optimizer.encoder_lr_factor
        for name, optimizer in self.optimizers.items():
            for group, factor in zip(optimizer.param_groups, (1.0, encoder), strict=False):
                group['lr'] = lr * factors.get(name, 1.0) * factor

    def __call__(self, batch: Sample, phase: Phase, epoch: int) -> dict[str, float]:
        """Optimise on one batch by the rules of a phase.

        Args:
            batch: On the device.
            phase: What is trained, and by which losses.
            epoch: Counted from 1.

        Returns:
            The weighted losses by name, averaged over processes and the steps since the last
            reading; nothing where they are not read.

        Raises:
            NonFiniteLossError: See `read`.
        """
        self._before[self.number] = self._host_state()
        self._values, self.night_labels = {}, []
        for number, part in enumerate(split_batch(batch, self._parts)):
            self._part = number
            self._run(lay_out(part, self.tuning), phase, epoch)
        intact = None if self._fused is None else 1 - self._ledger.spoilt
        self.average.update(self.generators, self.number, intact)
        self.number += 1
        if self.number % self.reads_every == 0:
            self._values |= self.read()
        return self._values

    def read(self) -> dict[str, float]:
        """Return the means of the losses that were not read yet.

        Raises:
            NonFiniteLossError: A loss or a gradient is NaN or infinite. No weight has changed since
                the step before it, pools and `number` are those of that step.
        """
        try:
            values = self._ledger.read()
        except NonFiniteLossError as error:
            self.number = error.step
            self._restore_host_state(self._before[error.step])
            raise
        self._before.clear()
        return values

    def _run(self, batch: Sample, phase: Phase, epoch: int) -> None:
        if phase.memory:
            self._ledger.losses(self.number, {'guided': batch['guided'].float().mean()})
        if not phase.unpaired:
            self._pairs(batch, phase)
        elif phase.direction == 'to_day':
            self._to_day(batch, phase)
        else:
            self._unpaired(batch, phase, epoch)

    def _pairs(self, batch: Sample, phase: Phase) -> None:
        with self.fabric.autocast():
            colored = self.generators.color(batch['day_thermal'])
            seen = self._see_pairs(batch, colored)
        losses = pair_losses(batch, colored.float(), self.recipe, phase, seen)
        segmenters = self._learning_segmenters(phase)
        if segmenters and self._parser is not None:
            with self.fabric.autocast():
                semantics = self._parser.day(
                    batch['day'], batch['day_labels'], phase, batch['day_thermal']
                )
            losses |= segmentation_losses(semantics, phase)
        self._descend(['generators', *segmenters], losses)
        self.seen = None

    def _see_pairs(self, batch: Sample, colored: torch.Tensor) -> tuple[Seen, Seen] | None:
        """Look at the pairs as the perceptual loss does."""
        if self._perception is None or self.recipe.losses.perceptual == 0:
            return None
        return self._perception(colored), self._perception(batch['day'])

    def _to_day(self, batch: Sample, phase: Phase) -> None:
        """Train G_BA and D_A alone; night frames and pairs go through the generator as one."""
        day, n = batch['day'], len(batch['night'])
        judge = self.discriminators.a
        frames = [batch['night'], batch['day_thermal']]
        if self.recipe.losses.steadiness > 0:
            view, shift = second_view(batch['night'][:1])
            frames.append(view)
        with self.fabric.autocast():
            made, found = self.generators.color_and_find(torch.cat(frames))
            made = made.float()
            fake_day, colored, later = made[:n], made[n : 2 * n], made[2 * n :]
            low_day = None
            if self.recipe.losses.low > 0 and 'low_thermal' in batch:
                low_day = self.generators.color(batch['low_thermal']).float()
            seen = self._see_pairs(batch, colored)
            scores = None
            if phase.adversarial > 0:
                judge.requires_grad_(False)
                fake = self._score(fake_day)
                judge.requires_grad_(True)
                scores = self._score(day), fake
        moved = (later, shift) if len(later) else None
        losses = to_day_losses(batch, fake_day, low_day, scores, self.recipe, phase, moved)
        losses |= pair_losses(batch, colored, self.recipe, phase, seen)
        if found is not None and 'night_objects' in batch:
            losses |= head_losses(batch, found, self.recipe)
        self.seen = None
        if scores is None:
            self._descend(['generators'], losses)
            return
        with self.fabric.autocast():
            pooled = self._score(self.pools['a'](fake_day))
        form = self.recipe.losses.adversarial_form
        judging = {'discriminator_a': discriminator_loss(scores[0], pooled, form)}
        self._descend(['generators', 'discriminators'], losses, judging)

    def _score(self, day: torch.Tensor) -> Scores:
        """Score day pictures by D_A, in float32."""
        seen = None if self._perception is None else self._perception(day)
        return [[score.float() for score in branch] for branch in self.discriminators.a(day, seen)]

    def _unpaired(self, batch: Sample, phase: Phase, epoch: int) -> None:
        day, night = batch['day'], batch['night']
        learning = ['generators', 'discriminators', *self._learning_segmenters(phase)]
        with self.fabric.autocast():
            real = self._judge(day, night)
            made = self._translate(batch, phase)
            # The generators' loss must leave no gradient on the discriminators.
            self.discriminators.requires_grad_(False)
            fake = self._judge(made.fake_day, made.fake_night)
            self.discriminators.requires_grad_(True)
            semantics = self._segment(batch, made, phase)
            scaled = self._translate_scaled(batch, phase, epoch)
            seen = None if made.colored_day is None else self._see_pairs(batch, made.colored_day)
        losses = generator_losses(
            batch, Judged(made, real, fake, semantics, *scaled, seen), self.recipe, phase
        )
        if self.recipe.losses.identity > 0:
            losses |= self._identity(batch)

        with self.fabric.autocast():
            pooled = self._judge(self.pools['a'](made.fake_day), self.pools['b'](made.fake_night))
        form = self.recipe.losses.adversarial_form
        judging = {
            f'discriminator_{name}': discriminator_loss(r, f, form)
            for name, r, f in zip('ab', real, pooled, strict=True)
        }
        self._descend(learning, losses, judging)
        if self._part == 0:
            self.seen = made, semantics
        if semantics is not None and semantics.night_labels is not None:
            self.night_labels.append(semantics.night_labels)

    def _learning_segmenters(self, phase: Phase) -> list[str]:
        """Freeze or free the segmenters; return the name of what learns."""
        if self.segmenters is None:
            return []
        learns = phase.segments and phase.segmenters == 'learn'
        self.segmenters.requires_grad_(learns)
        return ['segmenters'] if learns else []

    def _judge(self, day: torch.Tensor, night: torch.Tensor) -> tuple[Scores, Scores]:
        a, b = (
            [[score.float() for score in branch] for branch in domain]
            for domain in self.discriminators(day, night, self._perception)
        )
        return a, b

    def _translate(self, batch: Sample, phase: Phase) -> Translations:
        pairs = batch['day_thermal'] if phase.aligned > 0 else None
        made = self.generators(batch['day'], batch['night'], pairs)
        return Translations._make(None if x is None else x.float() for x in made)

    def _segment(self, batch: Sample, made: Translations, phase: Phase) -> Semantics | None:
        if self._parser is None or not phase.segments:
            return None
        thermal = batch['day_thermal'] if phase.aligned > 0 else None
        masks = batch['night_masks'] if phase.mb > 0 else None
        return self._parser(
            batch['day'], batch['night'], made, batch['day_labels'], phase, thermal, masks
        )

    def _translate_scaled(
        self, batch: Sample, phase: Phase, epoch: int
    ) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        """Translate both real crops at another scale, the same for both (Eq. 20-22)."""
        if phase.sr == 0:
            return None, None
        factor = draw_scale(self._draw_psi(epoch))
        scaled_day = self.generators.color(rescale(batch['night'], factor))
        scaled_night = self.generators.cool(rescale(batch['day'], factor))
        return scaled_day.float(), scaled_night.float()

    def _draw_psi(self, epoch: int) -> float:
        if self.recipe.choices.draw_scale == 'step' or epoch != self._psi_epoch:
            self._psi, self._psi_epoch = float(torch.rand(())), epoch
        return self._psi

    def _identity(self, batch: Sample) -> Losses:
        with self.fabric.autocast():
            same_day = self.generators.color(batch['day']).float()
            same_night = self.generators.cool(batch['night']).float()
        return identity_losses(batch, same_day, same_night, self.recipe.losses.identity)

    def _descend(self, learning: Sequence[str], *objectives: Losses) -> None:
        """Go down the sums of losses; after the last part of a batch, take the step."""
        if self._part == 0:
            for name in learning:
                self.optimizers[name].zero_grad(set_to_none=True)
        for losses in objectives:
            self._ledger.losses(self.number, losses)
            self._backward(torch.stack(list(losses.values())).sum() / self._parts)
        if self._part == self._parts - 1:
            self._update(learning)

    def _backward(self, total: torch.Tensor) -> None:
        self.fabric.backward(total)

    def _update(self, learning: Sequence[str]) -> None:
        """Take one step; no weight moves if a loss or a gradient is not finite."""
        norms = {}
        for name in learning:
            parameters = [p for p in self.networks[name].parameters() if p.grad is not None]
            distributed.average_gradients(parameters)
            norms[name] = clip_gradients(parameters, self.recipe.optimizer.clip)
        self._ledger.gradients(self.number, norms)
        if self._fused is None:
            self._values = self.read()
        for name in learning:
            if self._fused is not None:
                self.optimizers[name].found_inf = self._ledger.spoilt  # type: ignore[attr-defined]
            self.optimizers[name].step()

    def state_dict(self) -> dict[str, Any]:
        """Return all state that processes share: tensors, numbers, strings, containers of them."""
        return {
            'step': self.number,
            'average': self.average.model.state_dict(),
            **{name: network.state_dict() for name, network in self.networks.items()},
            **{f'optimizer_{name}': o.state_dict() for name, o in self.optimizers.items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned; raise KeyError or RuntimeError if it does not fit."""
        for name, network in self.networks.items():
            network.load_state_dict(state[name])
        self.average.model.load_state_dict(state['average'])
        for name, optimizer in self.optimizers.items():
            saved = state[f'optimizer_{name}']
            # Of the machine, not of the run that was saved.
            groups = [{**group, 'fused': self._fused} for group in saved['param_groups']]
            optimizer.load_state_dict({**saved, 'param_groups': groups})
        self.number = state['step']

    def own_state_dict(self) -> dict[str, Any]:
        """Return the state that each process has for itself: pools and random numbers."""
        return {**self._host_state(), 'rng': checkpoint.rng_state(self.fabric.device)}

    def _host_state(self) -> dict[str, Any]:
        return {
            'pools': {name: pool.state_dict() for name, pool in self.pools.items()},
            'psi': [self._psi, self._psi_epoch],
        }

    def _restore_host_state(self, state: dict[str, Any]) -> None:
        for name, pool in self.pools.items():
            pool.load_state_dict(state['pools'][name])
        self._psi, self._psi_epoch = state['psi']

    def load_own_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `own_state_dict` returned."""
        self._restore_host_state(state)
        checkpoint.restore_rng(state['rng'], self.fabric.device)
