"""Train the head of a generator on its frozen features."""

from collections.abc import Callable
import math

import torch
from torch.utils.data import DataLoader

from morngan_train.head.crops import ObjectCrops
from morngan_train.losses.objects import objects_loss
from morngan_train.networks.context_generator import ContextDecoder
from morngan_train.networks.generator import Translator

WARM_UP = 100
"""Steps in which the learning rate rises."""

CLIP = 5.0
"""Largest norm of a gradient."""


def train_head(
    translator: Translator,
    crops: ObjectCrops,
    *,
    batch_size: int,
    lr: float,
    device: torch.device,
    workers: int = 1,
    tell: Callable[[int, float], None] | None = None,
) -> None:
    """Train the head in place; nothing else changes.

    Args:
        translator: With a context decoder that has a head.
        crops: As many as there are draws; steps are their number by the batch size.
        batch_size: Crops a step.
        lr: Learning rate after the warm-up; it falls to 0 as a cosine.
        device: Where to train.
        workers: Processes that load crops.
        tell: Called after each step with its number, from 1, and its loss.

    Raises:
        FloatingPointError: A loss is NaN or infinite.
    """
    decoder = translator.to(device).decoder
    assert isinstance(decoder, ContextDecoder)
    assert decoder.head is not None
    head = decoder.head.train().requires_grad_(True)
    optimizer = torch.optim.Adam(head.parameters(), lr)
    steps = len(crops) // batch_size
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min(1.0, (step + 1) / WARM_UP) * (1 + math.cos(math.pi * step / steps)) / 2,
    )
    loader = DataLoader(crops, batch_size, num_workers=workers, drop_last=True)
    for step, batch in enumerate(loader, 1):
        with torch.no_grad():
            features = decoder.merged(translator.encoder(batch['frame'].to(device)))
        centres, sides = head(*features)
        loss = objects_loss(centres, sides, batch['objects'].to(device), batch['boxed'].to(device))
        value = float(loss.detach())
        if not math.isfinite(value):
            raise FloatingPointError(f'the loss of the head is {value} at step {step}')
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(head.parameters(), CLIP)
        optimizer.step()
        schedule.step()
        if tell is not None:
            tell(step, value)
    head.eval()
