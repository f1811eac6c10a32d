"""Loader processes: they live as long as a run, and leave stopping to the main process."""

import signal

import cv2
import torch
from torch.utils.data import DataLoader

from morngan_train.data.pairing import GuidedDraws
from morngan_train.data.pairing import LAG
from morngan_train.data.unpaired import Sample
from morngan_train.data.unpaired import UnpairedCrops

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
PREFETCH = 2
"""Batches that each loader process is ahead."""

DELAY = 1
"""Steps after which the memory knows the labels of a step."""

MOST_WORKERS = (LAG - 1 - DELAY) // PREFETCH
"""More would ask the memory about steps that it cannot know yet."""


def open_loader(
    data: UnpairedCrops, draws: GuidedDraws, workers: int, *, pin: bool
) -> DataLoader[Sample]:
    """Make the loader of a run; its processes start with its first batch.

    They are kept from epoch to epoch, for they remember label maps.

    Args:
        data: What is loaded.
        draws: Which picks; each iteration begins with what they say then.
        workers: Processes; 0 loads in this one.
        pin: Copy batches to memory that a GPU can fetch by itself.

    Returns:
        A loader of batches on the host.
    """
    return DataLoader(
        data,
        batch_size=draws.batch_size,
        sampler=draws,
        num_workers=workers,
        prefetch_factor=PREFETCH if workers else None,
        persistent_workers=workers > 0,
        # Its own generator: a loader draws a seed for its workers, and drawing it from the global
        # one would make a run that was resumed within an epoch differ.
        generator=torch.Generator(),
        worker_init_fn=begin_worker,
        pin_memory=pin,
    )


def begin_worker(_worker: int) -> None:
    """Compute in one thread; let Ctrl-C, which all of a terminal get, end the run in the main one.

    OpenCV would start as many threads as there are cores in every process.
    """
    cv2.setNumThreads(0)
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
