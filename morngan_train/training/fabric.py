"""Lightning Fabric for the accelerator that a user asks for."""

from lightning_fabric import Fabric
from lightning_fabric.utilities.exceptions import MisconfigurationException
import torch

from morngan_train.errors import TrainError
from morngan_train.recipe.precision import Choice
from morngan_train.recipe.precision import TF32
from morngan_train.training.precision import allow_tf32
from morngan_train.training.precision import choose_precision


class FabricError(TrainError):
    """This machine does not have the accelerator, or not as many devices."""


def open_fabric(accelerator: str, precision: Choice, devices: int = 1, nodes: int = 1) -> Fabric:
    """Make what trains, and launch it. The precision of products is that of the process.

    Of several nodes each runs this; torchrun, SLURM or the environment (MASTER_ADDR, MASTER_PORT,
    NODE_RANK) tells them where they meet.

    Args:
        accelerator: `cpu`, `cuda` or `auto`, as Lightning Fabric understands it.
        precision: One of `precision.CHOICES`.
        devices: GPUs, or processes of the CPU, of each node.
        nodes: Machines.

    Raises:
        FabricError: There is no such accelerator, or it has not so many devices.
    """
    allow_tf32(precision == TF32)
    torch.backends.cudnn.benchmark = True  # crops have one size, segmenters 48
    try:
        fabric = Fabric(
            accelerator=accelerator,
            devices=devices,
            num_nodes=nodes,
            strategy='ddp' if devices * nodes > 1 else 'auto',
            precision=choose_precision(precision, accelerator),
        )
        fabric.launch()
    except (ValueError, TypeError, RuntimeError, MisconfigurationException) as error:
        raise FabricError(
            f'{devices} of --accelerator {accelerator} cannot be used; choose cpu, cuda or '
            f'auto, and no more --devices than the machine has ({error})'
        ) from error
    return fabric
