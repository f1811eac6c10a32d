"""Which number format the networks compute in."""

from typing import Literal

import torch

Precision = Literal['32-true', 'bf16-mixed']
AUTO = 'auto'
FULL: Precision = '32-true'
BF16: Precision = 'bf16-mixed'
CHOICES = (AUTO, FULL, BF16)


def choose_precision(name: str, accelerator: str) -> Precision:
    """Resolve `auto`: bf16 where the hardware has it, else float32.

    A processor without bf16 instructions emulates them, some thirty times slower than float32.

    Args:
        name: One of `CHOICES`.
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
