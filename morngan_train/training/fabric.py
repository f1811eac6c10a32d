"""Lightning Fabric for the accelerator and the number format that a user asks for."""

from typing import Literal

from lightning_fabric import Fabric
from lightning_fabric.utilities.exceptions import MisconfigurationException
import torch

Precision = Literal['32-true', 'bf16-mixed']
AUTO = 'auto'
FULL: Precision = '32-true'
BF16: Precision = 'bf16-mixed'
CHOICES = (AUTO, FULL, BF16)


class FabricError(Exception):
    """This machine does not have the accelerator, or not as many devices."""


def open_fabric(accelerator: str, precision: str, devices: int = 1) -> Fabric:
    """Make what trains; it is not launched yet.

    Args:
        accelerator: `cpu`, `cuda` or `auto`, as Lightning Fabric understands it.
        precision: One of `CHOICES`.
        devices: GPUs, or processes of the CPU.

    Raises:
        FabricError: There is no such accelerator, or it has not so many devices.
    """
    try:
        return Fabric(
            accelerator=accelerator,
            devices=devices,
            strategy='ddp' if devices > 1 else 'auto',
            precision=choose_precision(precision, accelerator),
        )
    except (ValueError, TypeError, RuntimeError, MisconfigurationException) as error:
        raise FabricError(
            f'{devices} of --accelerator {accelerator} cannot be had; take cpu, cuda or auto '
            f'and no more --devices than there are ({error})'
        ) from error


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
