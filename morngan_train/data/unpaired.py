"""Unpaired day and night frames from plain folders, as random crops that can be replayed.

A data folder holds `trainA` (day colour) and `trainB` (night thermal), and, for aligned-day
supervision, `trainA_thermal` (day thermal registered to trainA under the same names).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset
from torch.utils.data import Sampler

from morngan_train.data.crops import draw_crop
from morngan_train.data.edges import canny
from morngan_train.data.enhance import enhance_day
from morngan_train.data.enhance import jitter_thermal
from morngan_train.data.enhance import tone_curve
from morngan_train.recipe import DataRecipe

SUFFIXES = {'.png', '.jpg', '.jpeg', '.bmp', '.tif', '.tiff'}


class DataError(Exception):
    """A data folder is incomplete, or a file in it cannot be read."""


class Sample(TypedDict):
    """One draw; float32. Images are [3, S, S] in [-1, 1], edge maps [1, S, S] in [0, 1]."""

    day: torch.Tensor
    day_edges: torch.Tensor
    night: torch.Tensor
    night_edges: torch.Tensor
    day_thermal: torch.Tensor
    """Registered to `day`; all zeros when the run is purely unpaired."""


def list_images(folder: Path) -> list[Path]:
    """List the pictures of a folder by name; raise DataError if there are none."""
    if not folder.is_dir():
        raise DataError(
            f'{folder} does not exist; see docs/training.md for the layout of a data folder'
        )
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)
    if not files:
        raise DataError(f'{folder} holds no pictures ({", ".join(sorted(SUFFIXES))})')
    return files


def read_rgb(path: Path) -> np.ndarray:
    """Read a picture as uint8 [H, W, 3] RGB; raise DataError if it cannot be decoded."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise DataError(f'{path} cannot be decoded; remove it or copy it again')
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def read_thermal(path: Path) -> np.ndarray:
    """Read an 8-bit thermal frame as uint8 [H, W]; raise DataError if it cannot be decoded."""
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise DataError(f'{path} cannot be decoded; remove it or copy it again')
    return image


def image_tensor(image: np.ndarray) -> torch.Tensor:
    """uint8 [H, W, 3], or [H, W] repeated to three channels, -> float32 [3, H, W] in [-1, 1]."""
    x = torch.from_numpy(image).float().div(127.5).sub(1)
    return x.expand(3, *x.shape).clone() if x.ndim == 2 else x.permute(2, 0, 1).contiguous()


def _edge_tensor(gray: np.ndarray, thresholds: tuple[float, float]) -> torch.Tensor:
    return torch.from_numpy(canny(gray, *thresholds)).float().div(255)[None]


class UnpairedCrops(Dataset[Sample]):
    """Crops by draw number: the same number always gives the same crops, whatever the worker.

    Args:
        root: Data folder.
        recipe: Crop size, scales, contrast.
        seed: Of the run.
        aligned: Read `trainA_thermal` too.

    Raises:
        DataError: A folder is missing or empty, or a day frame lacks its thermal partner.
    """

    def __init__(self, root: Path, recipe: DataRecipe, seed: int, *, aligned: bool) -> None:
        self.day = list_images(root / 'trainA')
        self.night = list_images(root / 'trainB')
        self.recipe = recipe
        self.seed = seed
        self.partners = self._find_partners(root / 'trainA_thermal') if aligned else None

    def _find_partners(self, folder: Path) -> list[Path]:
        by_stem = {path.stem: path for path in list_images(folder)}
        missing = [path.name for path in self.day if path.stem not in by_stem]
        if missing:
            raise DataError(
                f'{folder} lacks the day thermal of {len(missing)} frames of trainA, '
                f'first {missing[0]}; set aligned: 0 in every phase to train unpaired'
            )
        return [by_stem[path.stem] for path in self.day]

    def __len__(self) -> int:
        """Return the draws of one epoch as the authors count it: max(N_A, N_B)."""
        return max(len(self.day), len(self.night))

    def __getitem__(self, draw: int) -> Sample:
        """Cut the crops of a draw (any number from 0 up)."""
        rng = np.random.default_rng((self.seed, draw))
        i, j = int(rng.integers(len(self.day))), int(rng.integers(len(self.night)))
        return {**self._day(i, rng), **self._night(j, rng)}  # type: ignore[typeddict-item]

    def _day(self, i: int, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        rgb = read_rgb(self.day[i])
        curve = tone_curve(rgb, self.recipe.day)
        height, width = rgb.shape[:2]
        crop = draw_crop(height, width, self.recipe.crop, self.recipe.scale, rng)
        day = enhance_day(crop(rgb), curve, self.recipe.day.saturation)
        thermal = torch.zeros(3, *day.shape[:2])
        if self.partners is not None:
            frame = read_thermal(self.partners[i])
            if frame.shape != rgb.shape[:2]:
                raise DataError(
                    f'{self.partners[i]} is {frame.shape[1]}x{frame.shape[0]}, its day '
                    f'picture {rgb.shape[1]}x{rgb.shape[0]}; register them first'
                )
            jittered = jitter_thermal(crop(frame), self.recipe.thermal, rng, noise=True)
            thermal = image_tensor(jittered)
        gray = cv2.cvtColor(day, cv2.COLOR_RGB2GRAY)
        return {
            'day': image_tensor(day),
            'day_edges': _edge_tensor(gray, self.recipe.canny),
            'day_thermal': thermal,
        }

    def _night(self, j: int, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        frame = read_thermal(self.night[j])
        height, width = frame.shape
        crop = draw_crop(height, width, self.recipe.crop, self.recipe.scale, rng)
        night = jitter_thermal(crop(frame), self.recipe.thermal, rng)
        return {'night': image_tensor(night), 'night_edges': _edge_tensor(night, self.recipe.canny)}


class Draws(Sampler[int]):
    """The draw numbers [first, last), in order: resuming is starting at a later number."""

    def __init__(self, first: int, last: int) -> None:
        self.first = first
        self.last = last

    def __iter__(self) -> Iterator[int]:
        """Count from first to last."""
        return iter(range(self.first, self.last))

    def __len__(self) -> int:
        """Return how many draws are left."""
        return self.last - self.first
