"""One optimisation step of all networks that a phase trains."""

from collections.abc import Sequence
import math
from typing import Any

from lightning_fabric import Fabric
import torch

from morngan_train import checkpoint
from morngan_train.data.unpaired import Sample
from morngan_train.losses.adversarial import discriminator_loss
from morngan_train.losses.scale_robustness import draw_scale
from morngan_train.losses.scale_robustness import rescale
from morngan_train.networks.discriminator import Scores
from morngan_train.networks.perception import Perception
from morngan_train.recipe import Recipe
from morngan_train.recipe.phases import Phase
from morngan_train.training import distributed
from morngan_train.training.image_pool import ImagePool
from morngan_train.training.objective import generator_losses
from morngan_train.training.objective import identity_losses
from morngan_train.training.objective import Judged
from morngan_train.training.objective import Losses
from morngan_train.training.objective import pair_losses
from morngan_train.training.objective import Seen
from morngan_train.training.objective import segmentation_losses
from morngan_train.training.objective import to_day_losses
from morngan_train.training.segmentation import Parser
from morngan_train.training.segmentation import Semantics
from morngan_train.training.system import Discriminators
from morngan_train.training.system import Generators
from morngan_train.training.system import MovingAverage
from morngan_train.training.system import Segmenters
from morngan_train.training.system import Translations


class NonFiniteLossError(Exception):
    """A loss or a gradient became NaN or infinite; the message names it."""


class Step:
    """The networks with all that optimises them; a call trains on one batch.

    Networks run under the autocast of `fabric`; what they give is float32, and losses, labels and
    gradients of images are computed in it.

    Args:
        recipe: What to train.
        fabric: Device and precision.

    Attributes:
        number: Steps done.
        seen: Translations and segmentations of the last unpaired batch, for pictures and memory.
    """

    def __init__(self, recipe: Recipe, fabric: Fabric) -> None:
        self.recipe, self.fabric = recipe, fabric
        self.number = 0
        self.seen: tuple[Translations, Semantics | None] | None = None
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
        self.optimizers = {name: self._adam(network) for name, network in self.networks.items()}

    def _adam(self, network: torch.nn.Module) -> torch.optim.Adam:
        """Build the optimizer of a network; what was trained before is a group of its own."""
        pretrained = network.pretrained_parameters() if isinstance(network, Generators) else []
        known = {id(parameter) for parameter in pretrained}
        groups = [{'params': [p for p in network.parameters() if id(p) not in known]}]
        if pretrained:
            groups.append({'params': pretrained})
        return torch.optim.Adam(
            groups, lr=self.recipe.optimizer.lr, betas=self.recipe.optimizer.betas
        )

    @property
    def networks(self) -> dict[str, torch.nn.Module]:
        """The trained networks by name."""
        networks = {'generators': self.generators, 'discriminators': self.discriminators}
        return networks | ({'segmenters': self.segmenters} if self.segmenters else {})

    def compile(self) -> None:
        """Let torch.compile optimise the networks on their first use."""
        self.generators.compile()
        self.discriminators.compile()
        if self.segmenters is not None:
            for segmenter in (self.segmenters.a, self.segmenters.b):
                segmenter.features = torch.compile(segmenter.features)  # type: ignore[method-assign]

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
            The weighted losses by name, averaged over processes.

        Raises:
            NonFiniteLossError: A loss or a gradient is NaN or infinite; no weight has changed.
        """
        if not phase.unpaired:
            values = self._pairs(batch, phase)
        elif phase.direction == 'to_day':
            values = self._to_day(batch, phase)
        else:
            values = self._unpaired(batch, phase, epoch)
        self.average.update(self.generators, self.number)
        self.number += 1
        return values

    def _pairs(self, batch: Sample, phase: Phase) -> dict[str, float]:
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
        values = self._check(losses)
        self._descend(['generators', *segmenters], losses)
        self.seen = None
        return values

    def _see_pairs(self, batch: Sample, colored: torch.Tensor) -> tuple[Seen, Seen] | None:
        """Look at the pairs as the perceptual loss does."""
        if self._perception is None or self.recipe.losses.perceptual == 0:
            return None
        return self._perception(colored), self._perception(batch['day'])

    def _to_day(self, batch: Sample, phase: Phase) -> dict[str, float]:
        """Train G_BA and D_A alone; night frames and pairs go through the generator as one."""
        day, n = batch['day'], len(batch['night'])
        judge = self.discriminators.a
        with self.fabric.autocast():
            made = self.generators.color(torch.cat([batch['night'], batch['day_thermal']]))
            made = made.float()
            fake_day, colored = made[:n], made[n:]
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
        losses = to_day_losses(batch, fake_day, low_day, scores, self.recipe, phase)
        losses |= pair_losses(batch, colored, self.recipe, phase, seen)
        values = self._check(losses)  # before a fake that is not finite gets into a pool
        self.seen = None
        if scores is None:
            self._descend(['generators'], losses)
            return values
        with self.fabric.autocast():
            pooled = self._score(self.pools['a'](fake_day))
        form = self.recipe.losses.adversarial_form
        judging = {'discriminator_a': discriminator_loss(scores[0], pooled, form)}
        values |= self._check(judging)
        self._descend(['generators', 'discriminators'], losses, judging)
        return values

    def _score(self, day: torch.Tensor) -> Scores:
        """Score day pictures by D_A, in float32."""
        seen = None if self._perception is None else self._perception(day)
        return [[score.float() for score in branch] for branch in self.discriminators.a(day, seen)]

    def _unpaired(self, batch: Sample, phase: Phase, epoch: int) -> dict[str, float]:
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
        values = self._check(losses)  # before a fake that is not finite gets into a pool

        with self.fabric.autocast():
            pooled = self._judge(self.pools['a'](made.fake_day), self.pools['b'](made.fake_night))
        form = self.recipe.losses.adversarial_form
        judging = {
            f'discriminator_{name}': discriminator_loss(r, f, form)
            for name, r, f in zip('ab', real, pooled, strict=True)
        }
        values |= self._check(judging)
        self._descend(learning, losses, judging)
        self.seen = made, semantics
        return values

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

    def _check(self, losses: Losses) -> dict[str, float]:
        """Return the values of losses, averaged over processes; raise if one is not finite."""
        stacked = torch.stack([loss.detach() for loss in losses.values()])
        values = dict(zip(losses, distributed.average(stacked).tolist(), strict=True))
        bad = [name for name, value in values.items() if not math.isfinite(value)]
        if bad:
            raise NonFiniteLossError(f'{", ".join(bad)} is not finite at step {self.number}')
        return values

    def _descend(self, learning: Sequence[str], *objectives: Losses) -> None:
        """Take one step down the sums of losses; no weight moves if a gradient is not finite."""
        for name in learning:
            self.optimizers[name].zero_grad(set_to_none=True)
        for losses in objectives:
            self._backward(torch.stack(list(losses.values())).sum())
        self._update(learning)

    def _backward(self, total: torch.Tensor) -> None:
        self.fabric.backward(total)

    def _update(self, learning: Sequence[str]) -> None:
        norms = []
        for name in learning:
            parameters = [p for p in self.networks[name].parameters() if p.grad is not None]
            distributed.average_gradients(parameters)
            norms.append(_clip(parameters, self.recipe.optimizer.clip))
        finite = torch.stack(norms).isfinite().tolist()
        if not all(finite):
            bad = [name for name, fine in zip(learning, finite, strict=True) if not fine]
            raise NonFiniteLossError(
                f'the gradient of the {" and ".join(bad)} is not finite at step {self.number}'
            )
        for name in learning:
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
            optimizer.load_state_dict(state[f'optimizer_{name}'])
        self.number = state['step']

    def own_state_dict(self) -> dict[str, Any]:
        """Return the state that each process has for itself: pools and random numbers."""
        return {
            'pools': {name: pool.state_dict() for name, pool in self.pools.items()},
            'psi': [self._psi, self._psi_epoch],
            'rng': checkpoint.rng_state(self.fabric.device),
        }

    def load_own_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `own_state_dict` returned."""
        for name, pool in self.pools.items():
            pool.load_state_dict(state['pools'][name])
        self._psi, self._psi_epoch = state['psi']
        checkpoint.restore_rng(state['rng'], self.fabric.device)


def _clip(parameters: list[torch.nn.Parameter], limit: float | None) -> torch.Tensor:
    """Scale gradients down to a norm of `limit`, if there is one; return the norm they had."""
    if limit is not None:
        return torch.nn.utils.clip_grad_norm_(parameters, limit)
    return torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
