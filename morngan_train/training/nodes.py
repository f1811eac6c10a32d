"""What must be right before processes on several nodes train together."""

from pathlib import Path
import secrets

from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
import torch

from morngan_train.training import distributed
from morngan_train.training.fabric import FabricError


def check_launched(devices: int, nodes: int) -> None:
    """Make sure that torchrun or SLURM has started as many processes as are to train together.

    Otherwise each would take itself for the only one, and they would overwrite each other's files.

    Args:
        devices: Of each node.
        nodes: Of the run.

    Raises:
        FabricError: They have started more or fewer.
    """
    for environment in (TorchElasticEnvironment, SLURMEnvironment):
        if not environment.detect():
            continue
        try:
            started = environment().world_size()
        except RuntimeError as error:  # variables that do not fit together
            raise FabricError(f'the launcher cannot be used: {error}') from error
        if started != nodes * devices:
            raise FabricError(
                f'the launcher started {started} processes, but --nodes {nodes} times --devices '
                f'{devices} is {nodes * devices}; set --nodes to --nnodes of torchrun or '
                '--nodes of srun, and --devices to --nproc-per-node of torchrun or '
                '--ntasks-per-node of srun'
            )
        return


def check_shared(fabric: Fabric, folder: Path) -> None:
    """Make sure that all processes see the same folder: what one writes the others resume from.

    Raises:
        FabricError: In all processes, if one of them sees another folder.
        LostProcessError: Another process has ended.
    """
    if fabric.world_size == 1:
        return
    with distributed.together():
        name: str = fabric.broadcast(f'.shared-{secrets.token_hex(8)}')
        mark = folder / name
        if fabric.is_global_zero:
            folder.mkdir(parents=True, exist_ok=True)
            mark.touch()
        fabric.barrier()
        seen = distributed.average(torch.tensor(float(mark.exists()), device=fabric.device))
        if fabric.is_global_zero:
            mark.unlink()
    if float(seen) < 1:
        raise FabricError(
            f'--out {folder} is not shared by all nodes; choose a folder on a shared file system'
        )
