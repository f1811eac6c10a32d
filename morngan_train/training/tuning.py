"""What makes a run faster or smaller on a machine; none of it changes what is learnt."""

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from typing import cast

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from morngan_train.data.unpaired import Sample
from morngan_train.networks.context_generator import ContextDecoder
from morngan_train.networks.context_generator import ContextEncoder
from morngan_train.networks.generator import Decoder
from morngan_train.networks.generator import Encoder
from morngan_train.training.system import Segmenters

LOG_EVERY = 50
"""Steps between two readings of losses on a GPU."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """How a machine trains.

    Attributes:
        compile: Let torch.compile optimise the networks on their first use.
        channels_last: Keep pictures and features with their channels together in memory.
        checkpointing: Compute features again in the backward pass instead of keeping them.
        cache: Decode all frames once, before loader processes start, and keep them in memory.
        log_every: Steps between two readings of the losses; None is 1 on a CPU, where reading
            costs nothing, and `LOG_EVERY` on a GPU.
    """

    compile: bool = False
    channels_last: bool = False
    checkpointing: bool = False
    cache: bool = False
    log_every: int | None = None

    def reads_every(self, device: torch.device) -> int:
        """Return `log_every`, resolved for a device."""
        return self.log_every or (1 if device.type == 'cpu' else LOG_EVERY)


PLAIN = Tuning()


def tune(networks: Mapping[str, nn.Module], tuning: Tuning) -> None:
    """Make networks compute as a machine is to train; their weights and names stay."""
    for network in networks.values():
        if tuning.checkpointing:
            _recompute_all(network)
        if tuning.channels_last:
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if tuning.compile:
            _compile(network)


def lay_out(batch: Sample, tuning: Tuning) -> Sample:
    """Lay the pictures of a batch out in memory as the networks want them."""
    if not tuning.channels_last:
        return batch
    tensors = cast(dict[str, torch.Tensor], batch)
    pictures = {
        name: values.contiguous(memory_format=torch.channels_last)
        for name, values in tensors.items()
        if values.ndim == 4
    }
    return cast(Sample, tensors | pictures)


def _compile(network: nn.Module) -> None:
    if not isinstance(network, Segmenters):
        network.compile()
        return
    for segmenter in (network.a, network.b):
        segmenter.features = torch.compile(segmenter.features)  # type: ignore[method-assign]


def _recompute_all(network: nn.Module) -> None:
    """Let translators and segmenters keep what they are given instead of their features.

    They hold most of what a step keeps. Discriminators are left alone: each of their passes moves
    the vectors of spectral normalisation.
    """
    for layer in network.modules():
        if isinstance(layer, Encoder | Decoder | ContextEncoder | ContextDecoder):
            _recompute(layer, 'forward')
        if isinstance(layer, Encoder):
            _recompute(layer, 'with_maps')
        if isinstance(layer, Segmenters):
            for segmenter in (layer.a, layer.b):
                _recompute(segmenter, 'features')


def _recompute(layer: nn.Module, name: str) -> None:
    compute: Callable[..., Any] = getattr(layer, name)

    def kept_small(x: Any) -> Any:
        if not torch.is_grad_enabled():
            return compute(x)
        return checkpoint(compute, x, use_reentrant=False, preserve_rng_state=False)

    setattr(layer, name, kept_small)
