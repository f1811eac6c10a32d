"""Parts of a batch, and the norm of the gradients that they add up to."""

from typing import cast

import torch

from morngan_train.data.unpaired import Sample


def split_batch(batch: Sample, parts: int) -> list[Sample]:
    """Cut a batch into equal parts."""
    whole = cast(dict[str, torch.Tensor], batch)
    pieces = {name: values.chunk(parts) for name, values in whole.items()}
    return [cast(Sample, {name: p[i] for name, p in pieces.items()}) for i in range(parts)]


def clip_gradients(parameters: list[torch.nn.Parameter], limit: float | None) -> torch.Tensor:
    """Scale gradients down to a norm of `limit`, if there is one; return the norm they had."""
    if limit is not None:
        return torch.nn.utils.clip_grad_norm_(parameters, limit)
    return torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
