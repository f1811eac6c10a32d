"""What has been seen at night: one labelled crop of every NTIR image, found by what is in it."""

from dataclasses import dataclass

import numpy as np
import torch

from morngan_train.classes import SMALL_SAMPLE
from morngan_train.classes import UNLABELLED

# A million similarities are narrowed down by the maxima of blocks: the k best of all lie in the k
# blocks with the largest maxima, so that everything after the product is a glance.
_BLOCK = 1024

# Equal distributions differ by rounding in the last bits of their similarity.
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Window:
    """A square of a picture, in its pixels; what a crop shows before scaling and flip."""

    top: int
    left: int
    side: int


def distribution(labels: np.ndarray) -> np.ndarray:
    """Describe which small-sample classes a crop holds: f_d of Eq. 11, ready for a dot product.

    Args:
        labels: trainIds, uint8 [H, W].

    Returns:
        float32 [6], in the order of SMALL_SAMPLE: shares of the crop minus their mean, of length 1.
        All zeros where there is nothing to look for: no such class, or all in equal shares.
    """
    return distribution_of(
        np.bincount(labels.ravel(), minlength=UNLABELLED + 1)[list(SMALL_SAMPLE)]
    )


def distribution_of(pixels: np.ndarray) -> np.ndarray:
    """Return the `distribution` of a crop by its pixels of each small-sample class, int [6]."""
    # Six times the difference from the mean, in whole pixels: zero is exactly zero.
    centred = len(SMALL_SAMPLE) * pixels - pixels.sum()
    length = np.linalg.norm(centred)
    result: np.ndarray = (centred / length if length else centred).astype(np.float32)
    return result


class Memory:
    """The crops of all NTIR images with what they hold, each written once (section 3.4.1).

    Entries are numbered in the order of storing, and their steps never decrease: what was known
    at a step is a prefix. Whoever asks with a prefix gets the same answer whatever was stored
    since, which is what lets loader processes run ahead.

    Args:
        images: NTIR images of the data set.
    """

    def __init__(self, images: int) -> None:
        self.images = images
        self._count = 0
        self._index = np.empty(images, np.int64)
        self._windows = np.empty((images, 3), np.int64)
        self._steps = np.empty(images, np.int64)
        # By coordinate, so that one product streams through memory; zeros after the last entry.
        self._vectors = np.zeros((len(SMALL_SAMPLE), -(-images // _BLOCK) * _BLOCK), np.float32)
        # Reused, because getting megabytes from the system takes as long as filling them.
        self._similarity = np.empty(self._vectors.shape[1], np.float32)
        # The entry of each image; `images` where there is none, which lies beyond every prefix.
        self._entry_of = np.full(images, images, np.int64)

    def __len__(self) -> int:
        """Return the number of entries."""
        return self._count

    def store(self, index: int, window: Window, vector: np.ndarray, step: int) -> bool:
        """Remember a crop, unless its image is remembered already.

        With several processes, all must store the same entries in the same order.

        Args:
            index: Of the NTIR image, 0 to `images` - 1.
            window: Of the crop.
            vector: Its `distribution`, float32 [6].
            step: Of the optimisation that saw the crop; not before that of the last entry.

        Returns:
            Whether the crop was stored.

        Raises:
            ValueError: The index is out of range, or the step lies before that of the last entry.
        """
        if not 0 <= index < self.images:
            raise ValueError(f'the memory has {self.images} images, got index {index}')
        n = self._count
        if n and step < self._steps[n - 1]:
            raise ValueError(f'step {step} comes after step {self._steps[n - 1]} was stored')
        if self._entry_of[index] < n:
            return False
        self._index[n] = index
        self._windows[n] = window.top, window.left, window.side
        self._vectors[:, n] = vector
        self._steps[n] = step
        self._entry_of[index] = n
        self._count += 1
        return True

    def forget(self, step: int) -> None:
        """Take back what was stored at `step` or later."""
        kept = self.prefix(step)
        self._entry_of[self._index[kept : self._count]] = self.images
        self._vectors[:, kept : self._count] = 0
        self._count = kept

    def prefix(self, step: int) -> int:
        """Count the entries that were stored at steps before `step`."""
        return int(np.searchsorted(self._steps[: self._count], step))

    def entry(self, number: int) -> tuple[int, Window]:
        """Return image and window of an entry, 0 to len - 1."""
        top, left, side = self._windows[number].tolist()
        return int(self._index[number]), Window(top, left, side)

    def missing(self, count: int) -> np.ndarray:
        """List the images that the first `count` entries lack, int64 [images - count], sorted."""
        return np.flatnonzero(self._entry_of >= count)

    def nearest(self, vector: np.ndarray, k: int, count: int) -> np.ndarray:
        """Find the entries most similar to a distribution, d_AB of Eq. 11.

        Args:
            vector: A `distribution`, float32 [6].
            k: How many are wanted.
            count: Entries that are looked at: the first `count`.

        Returns:
            Numbers of entries, ascending: all that are as similar as the k-th best. More than k
            when these tie, as crops with a single class do; fewer, or none, when fewer have a
            positive similarity.
        """
        if count == 0:
            return np.empty(0, np.int64)
        whole = -(-count // _BLOCK) * _BLOCK
        similarity = np.matmul(vector, self._vectors[:, :whole], out=self._similarity[:whole])
        similarity[count:] = 0
        similarity = similarity.reshape(-1, _BLOCK)
        best_blocks = np.argsort(similarity.max(axis=1))[-k:]
        candidates = np.sort(similarity[best_blocks], axis=None)
        kth = candidates[-min(k, len(candidates))]
        return np.flatnonzero(similarity >= max(kth - _ROUNDING, _ROUNDING))

    def draw(
        self, vector: np.ndarray, k: int, count: int, rng: np.random.Generator
    ) -> tuple[int, Window] | None:
        """Draw one of the `nearest` entries, each with the same chance.

        Returns:
            Its image and window; None when there is none with a positive similarity.
        """
        entries = self.nearest(vector, k, count)
        return self.entry(int(rng.choice(entries))) if len(entries) else None

    def state_dict(self) -> dict[str, int | torch.Tensor]:
        """Return copies of all entries in order: int64 [n], [n, 3], float32 [n, 6], int64 [n]."""
        n = self._count
        arrays = {
            'index': self._index[:n],
            'windows': self._windows[:n],
            'vectors': self._vectors[:, :n].T,
            'steps': self._steps[:n],
        }
        tensors = {name: torch.tensor(array) for name, array in arrays.items()}
        return {'images': self.images, **tensors}

    def load_state_dict(self, state: dict[str, int | torch.Tensor]) -> None:
        """Restore what `state_dict` returned.

        Raises:
            ValueError: The memory is of a data set with another number of NTIR images.
        """
        if state['images'] != self.images:
            raise ValueError(
                f'the memory of the checkpoint holds {state["images"]} NTIR images, but the '
                f'data set has {self.images}; resume with the data of the checkpoint'
            )
        index, windows, vectors, steps = (
            torch.as_tensor(state[name]).numpy()
            for name in ('index', 'windows', 'vectors', 'steps')
        )
        n = self._count = len(index)
        self._index[:n], self._windows[:n], self._steps[:n] = index, windows, steps
        self._vectors[:] = 0
        self._vectors[:, :n] = vectors.T
        self._entry_of[:] = self.images
        self._entry_of[index] = np.arange(n)
