"""Decoded frames in memory, for data sets that fit there."""

from collections.abc import Callable
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np


class FrameCache:
    """Reads frames; those that were kept come from memory.

    What is kept before loader processes are forked is shared by them, and costs its size once.

    Args:
        read: Decodes a file, see `morngan_train.data.reading`.
    """

    def __init__(self, read: Callable[[Path], np.ndarray]) -> None:
        self.read = read
        self._kept: dict[Path, np.ndarray] = {}

    def __call__(self, path: Path) -> np.ndarray:
        """Return a frame, which must not be written to; raise what `read` raises."""
        frame = self._kept.get(path)
        return self.read(path) if frame is None else frame

    def keep(self, paths: Iterable[Path]) -> int:
        """Decode frames and keep them; return the bytes that all kept ones take."""
        wanted = [path for path in dict.fromkeys(paths) if path not in self._kept]
        with ThreadPoolExecutor() as pool:
            self._kept |= dict(zip(wanted, pool.map(self.read, wanted), strict=True))
        return sum(frame.nbytes for frame in self._kept.values())
