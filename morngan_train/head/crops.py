"""Crops of all thermal frames that have boxes, by day and by night: what the head learns from."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import torch
from torch.utils.data import Dataset

from morngan_train.data.crops import Crop
from morngan_train.data.crops import draw_crop
from morngan_train.data.crops import focus_on_boxes
from morngan_train.data.enhance import jitter_thermal
from morngan_train.data.folders import gather
from morngan_train.data.low_color import COLORS
from morngan_train.data.low_color import cut_colors
from morngan_train.data.low_color import find_colors
from morngan_train.data.low_color import FRAMES
from morngan_train.data.objects import in_crop
from morngan_train.data.objects import ObjectBoxes
from morngan_train.data.pairing import NIGHT_STREAM
from morngan_train.data.pairing import stream
from morngan_train.data.reading import DataError
from morngan_train.data.reading import read_rgb
from morngan_train.data.reading import read_thermal
from morngan_train.data.unpaired import image_tensor
from morngan_train.recipe.recipe import DataRecipe

FOLDERS = ('trainA_thermal', 'trainB', 'thermal', FRAMES)
"""Of thermal frames, by day and by night; each may have a neighbour FOLDER_boxes."""

SCALE = (0.55, 1.3)
"""Random scale of a frame before cropping: other lenses, other distances."""

FOCUS = 0.7
"""Share of the crops that show an object."""

SIDE = 320
"""Pixels of a crop."""


CELL = 16
"""Pixels over which colours that are known at low resolution are compared."""


class ObjectSample(TypedDict):
    """One crop."""

    frame: torch.Tensor
    """float32 [3, S, S] in [-1, 1], three equal channels."""
    objects: torch.Tensor
    """float32 [K, 5], see `objects_loss`."""
    boxed: torch.Tensor
    """Whether anybody has labelled the frame, bool []."""
    color: torch.Tensor
    """Colours by day, float32 [3, S/CELL, S/CELL] in [-1, 1]."""
    colored: torch.Tensor
    """Whether the colours are known, bool []."""


class ObjectCrops(Dataset[ObjectSample]):
    """Crops by draw number: the same number always gives the same crop.

    Args:
        roots: Data folders.
        wanted: Names of the classes, in the order of the head.
        data: Of the recipe: how grey levels are changed, and colours enhanced.
        seed: Of the run.
        draws: How many crops there are.
        shares: Of the draws, one a folder; None draws every frame equally often.

    Raises:
        DataError: No folder has frames, no frame has boxes, or a frame of `dayLow_thermal` has no
            colours where others have.
    """

    def __init__(
        self,
        roots: Sequence[Path],
        wanted: Sequence[str],
        data: DataRecipe,
        seed: int,
        draws: int,
        shares: Sequence[float] | None = None,
    ) -> None:
        frames = gather(roots, _labelled(roots), shares)
        if frames is None:
            raise DataError(
                f'{", ".join(map(str, roots))}: no labelled frames; expected one of '
                f'{", ".join(FOLDERS)} with a folder such as trainB_boxes beside it, see '
                'docs/detection.md'
            )
        self.frames = frames
        self.boxes = ObjectBoxes(frames, wanted)
        self._colors: dict[Path, Path] = {}
        for folder, files in zip(frames.folders, frames.by_folder, strict=True):
            if folder.name == FRAMES and folder.with_name(COLORS).is_dir():
                self._colors |= zip(files, find_colors(folder.parent, files), strict=True)
        if not self.boxes.any:
            raise DataError(f'{", ".join(map(str, roots))}: no frame has a file of boxes')
        self.data, self.seed, self.draws = data, seed, draws

    def __len__(self) -> int:
        return self.draws

    def __getitem__(self, draw: int) -> ObjectSample:
        """Cut the crop of a draw."""
        rng = stream(self.seed, draw, NIGHT_STREAM)
        i = self.frames.draw(rng)
        frame = read_thermal(self.frames[i])
        height, width = frame.shape
        boxes = self.boxes(i, (height, width))
        crop = draw_crop(height, width, SIDE, SCALE, rng)
        if boxes is not None:
            crop = focus_on_boxes(crop, boxes, (height, width), FOCUS, rng)
        noisy = jitter_thermal(crop(frame), self.data.thermal, rng)
        color = self._color(self.frames[i], crop, (height, width))
        return {
            'frame': image_tensor(noisy),
            'objects': torch.from_numpy(in_crop(boxes, crop)),
            'boxed': torch.tensor(boxes is not None),
            'color': torch.zeros(3, SIDE // CELL, SIDE // CELL) if color is None else color,
            'colored': torch.tensor(color is not None),
        }

    def _color(self, frame: Path, crop: Crop, shape: tuple[int, int]) -> torch.Tensor | None:
        """Read the colours of a frame; None if nobody knows them."""
        if frame not in self._colors:
            return None
        squeezed = read_rgb(self._colors[frame])
        return image_tensor(cut_colors(squeezed, crop, shape, SIDE // CELL, self.data.day))


def _labelled(roots: Sequence[Path]) -> list[str]:
    """Name the folders that have boxes in any of the roots."""
    return [name for name in FOLDERS if any((root / f'{name}_boxes').is_dir() for root in roots)]
