"""Which number format the networks compute in."""

from typing import Literal

import torch

from morngan_train.recipe.precision import AUTO
from morngan_train.recipe.precision import BF16
from morngan_train.recipe.precision import Choice
from morngan_train.recipe.precision import FULL

Precision = Literal['32-true', 'bf16-mixed']
"""What Lightning Fabric understands."""


def choose_precision(name: Choice, accelerator: str) -> Precision:
    """Resolve a choice: `auto` is bf16 where the hardware has it, else float32.

    A processor without bf16 instructions emulates them, some thirty times slower than float32.

    Args:
        name: One of `CHOICES`; `tf32` is float32, see `allow_tf32`.
        accelerator: `cpu`, `cuda` or `auto`, as Lightning Fabric understands it.

    Returns:
        A precision that Lightning Fabric understands.
    """
    if name != AUTO:
        return BF16 if name == BF16 else FULL
    if accelerator != 'cpu' and torch.cuda.is_available():
        return BF16 if torch.cuda.is_bf16_supported() else FULL
    has = torch.cpu.get_capabilities()
    return BF16 if has.get('avx512_bf16') or has.get('amx_bf16') else FULL


def allow_tf32(allowed: bool) -> None:
    """Let GPUs round the factors of float32 products to 10 bits, or not, in this process.

    Torch allows it in convolutions, unless told otherwise.
    """
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed
