"""Pictures of one kind out of several data folders, each with its share of the draws."""

from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from morngan_train.data.reading import DataError
from morngan_train.data.reading import list_images


class Pictures(Sequence[Path]):
    """The pictures of all folders in one list, drawn by the shares of their folders.

    Args:
        folders: Of pictures, those that exist; at least one.
        shares: Of the draws, one a folder; None draws every picture equally often.

    Raises:
        DataError: A folder is empty.
    """

    def __init__(self, folders: Sequence[Path], shares: Sequence[float] | None = None) -> None:
        self.folders = list(folders)
        self.by_folder = [list_images(folder) for folder in folders]
        self.files = [file for files in self.by_folder for file in files]
        self.odds: np.ndarray | None = None
        if shares is not None and len(folders) > 1:
            weights = [
                np.full(len(files), share / len(files))
                for files, share in zip(self.by_folder, shares, strict=True)
            ]
            self.odds = np.concatenate(weights) / sum(shares)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, i):  # type: ignore[no-untyped-def]
        return self.files[i]

    def draw(self, rng: np.random.Generator) -> int:
        """Draw the index of a picture."""
        if self.odds is None:
            return int(rng.integers(len(self.files)))
        return int(rng.choice(len(self.files), p=self.odds))

    def companions(self, find: Callable[[Path, list[Path]], list[Path]]) -> list[Path]:
        """Find a file for every picture; `find` is asked once a folder, with its pictures."""
        pairs = zip(self.folders, self.by_folder, strict=True)
        return [file for folder, files in pairs for file in find(folder.parent, files)]


def gather(
    roots: Sequence[Path], names: Sequence[str], shares: Sequence[float] | None
) -> Pictures | None:
    """Gather the pictures of one kind.

    Args:
        roots: Data folders.
        names: Of the folders in them that hold this kind.
        shares: One a root; within a root its folders share by their numbers of pictures.

    Returns:
        The pictures, or None if no root has any.

    Raises:
        DataError: A root does not exist, or a folder is empty.
    """
    for root in roots:
        if not root.is_dir():
            raise DataError(f'{root} does not exist; see docs/data.md for what a data folder holds')
    found, parts = [], []
    for i, root in enumerate(roots):
        here = [root / name for name in names if (root / name).is_dir()]
        counts = [len(list_images(folder)) for folder in here]
        found += here
        if shares is not None:
            parts += [shares[i] * count / sum(counts) for count in counts]
    return Pictures(found, parts if shares is not None else None) if found else None
