"""Train the head of a generator: on its frozen features, or together with them."""

from collections.abc import Iterator
import copy
import math

import torch
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel
from torch.optim.swa_utils import get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from morngan_train.head.crops import ObjectCrops
from morngan_train.losses.objects import objects_loss
from morngan_train.networks.context_generator import ContextDecoder
from morngan_train.networks.generator import Translator
from morngan_train.training.system import HEAD

WARM_UP = 100
"""Steps in which the learning rate rises."""

CLIP = 5.0
"""Largest norm of a gradient."""

BODY_LR_FACTOR = 0.25
"""Learning rate of everything but the head, where it learns too."""

KEEP_WEIGHT = 10.0
"""Of the mean difference between the picture and the one before the training."""

EMA = 0.99
"""Decay of the averaged weights."""


class HeadTraining:
    """The training of a head, step by step.

    Args:
        translator: With a context decoder that has a head; it is trained in place.
        crops: As many as there are draws; steps are their number by the batch size.
        batch_size: Crops a step.
        lr: Learning rate after the warm-up; it falls to 0 as a cosine.
        device: Where to train.
        whole: Let encoder and decoder learn too. A term holds their picture near the present
            one (learning without forgetting, Li and Hoiem, 2016), with other colours where those
            of the day are known at low resolution. Otherwise nothing but the head
            changes.
        workers: Processes that load crops.
    """

    def __init__(
        self,
        translator: Translator,
        crops: ObjectCrops,
        *,
        batch_size: int,
        lr: float,
        device: torch.device,
        whole: bool = False,
        workers: int = 1,
    ) -> None:
        self.device = device
        self.translator = translator.to(device).requires_grad_(False)
        decoder = self.translator.decoder
        assert isinstance(decoder, ContextDecoder)
        assert decoder.head is not None
        self._decoder = decoder
        self._before = copy.deepcopy(self.translator) if whole else None
        head = list(decoder.head.parameters())
        body = [w for n, w in self.translator.named_parameters() if not n.startswith(HEAD)]
        self._weights = head + body if whole else head
        for weight in self._weights:
            weight.requires_grad_(True)
        groups = [{'params': head, 'lr': lr}, {'params': body, 'lr': BODY_LR_FACTOR * lr}]
        self.optimizer = torch.optim.Adam(groups if whole else groups[:1])
        self.steps = len(crops) // batch_size
        self._loader = DataLoader(crops, batch_size, num_workers=workers, drop_last=True)
        self._average = AveragedModel(self.translator, multi_avg_fn=get_ema_multi_avg_fn(EMA))

    def average(self) -> dict[str, torch.Tensor]:
        """Return the averaged weights of the translator, on the CPU."""
        return {name: w.cpu() for name, w in self._average.module.state_dict().items()}

    def __iter__(self) -> Iterator[tuple[int, float]]:
        """Train; give the number of each step, from 1, and its loss.

        Raises:
            FloatingPointError: A loss is NaN or infinite.
        """
        schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, self._lr_factor)
        for step, batch in enumerate(self._loader, 1):
            loss = self._loss({name: part.to(self.device) for name, part in batch.items()})
            value = float(loss.detach())
            if not math.isfinite(value):
                raise FloatingPointError(f'the loss of the head is {value} at step {step}')
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self._weights, CLIP)
            self.optimizer.step()
            schedule.step()
            self._average.update_parameters(self.translator)
            yield step, value

    def _lr_factor(self, step: int) -> float:
        return min(1.0, (step + 1) / WARM_UP) * (1 + math.cos(math.pi * step / self.steps)) / 2

    def _loss(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        head = self._decoder.head
        assert head is not None
        frame, objects, boxed = batch['frame'], batch['objects'], batch['boxed']
        if self._before is None:
            with torch.no_grad():
                features = self._decoder.merged(self.translator.encoder(frame))
            centres, sides = head(*features)
            return objects_loss(centres, sides, objects, boxed)
        with torch.no_grad():
            wanted = recolored(self._before(frame), batch['color'], batch['colored'])
        picture, (centres, sides) = self._decoder.with_objects(self.translator.encoder(frame))
        changed = F.l1_loss(picture, wanted)
        return objects_loss(centres, sides, objects, boxed) + KEEP_WEIGHT * changed


def recolored(picture: torch.Tensor, color: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Give pictures other colours at low resolution, and leave their detail.

    Args:
        picture: [N, 3, k·h, k·w] in [-1, 1].
        color: [N, 3, h, w] in [-1, 1].
        known: Which of them get other colours, bool [N].
    """
    own = F.adaptive_avg_pool2d(picture, (color.shape[-2], color.shape[-1]))
    change = F.interpolate(color - own, size=picture.shape[-2:], mode='bilinear')
    return torch.where(known[:, None, None, None], (picture + change).clamp(-1, 1), picture)
