"""Unpaired day and night frames from plain folders, as random crops that can be replayed.

A data folder holds `trainA` (day colour) and `trainB` (night thermal). Further folders hold what
belongs to their pictures, under the same names:

- `masks_cityscapes` and `masks_coco`: teachers' masks of trainA, for phases with segmentation;
- `edgesA` and `edgesB`: edge maps, if the recipe says `edges: files`;
- `trainA_thermal`: day thermal registered to trainA, for aligned-day supervision;
- `dayLow_thermal` and `dayLow_color`: further day frames whose colour is known only at low
  resolution: the whole picture, squeezed;
- `trainB_masks`: label maps of some night frames, made by people;
- `thermal`: more thermal frames without labels, drawn with those of trainB;
- `trainB_boxes`, `thermal_boxes`, `trainA_thermal_boxes`: boxes of road users, see
  `morngan_train.data.objects`.

Several folders can be given, each with its share of the draws; each has what it has.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from typing import cast
from typing import TypedDict

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset

from morngan_train.classes import UNLABELLED
from morngan_train.data.crops import Crop
from morngan_train.data.crops import draw_crop
from morngan_train.data.crops import focus
from morngan_train.data.crops import focus_on_boxes
from morngan_train.data.edges import canny
from morngan_train.data.enhance import enhance_day
from morngan_train.data.enhance import jitter_thermal
from morngan_train.data.enhance import tone_curve
from morngan_train.data.folders import gather
from morngan_train.data.folders import Pictures
from morngan_train.data.frame_cache import FrameCache
from morngan_train.data.label_maps import LabelMaps
from morngan_train.data.low_color import cut_colors
from morngan_train.data.low_color import find_colors
from morngan_train.data.low_color import FRAMES
from morngan_train.data.objects import in_crop
from morngan_train.data.objects import ObjectBoxes
from morngan_train.data.pairing import DAY_STREAM
from morngan_train.data.pairing import LOW_STREAM
from morngan_train.data.pairing import NIGHT_STREAM
from morngan_train.data.pairing import Pick
from morngan_train.data.pairing import stream
from morngan_train.data.reading import check_size
from morngan_train.data.reading import DataError
from morngan_train.data.reading import find_companions
from morngan_train.data.reading import read_map
from morngan_train.data.reading import read_rgb
from morngan_train.data.reading import read_thermal
from morngan_train.recipe.recipe import DataRecipe


class DaySample(TypedDict):
    """The day half of a draw."""

    day: torch.Tensor
    """x_a, float32 [3, S, S] in [-1, 1]."""
    day_edges: torch.Tensor
    """float32 [1, S, S] in [0, 1]."""
    day_labels: torch.Tensor
    """M_A, int64 [S, S]; all 255 when the run is not labelled."""
    day_thermal: torch.Tensor
    """Registered to `day`, float32 [3, S, S] in [-1, 1]; all zeros when the run is unpaired."""


class NightSample(TypedDict):
    """The night half of a draw."""

    night: torch.Tensor
    """x_b, float32 [3, S, S] in [-1, 1], three equal channels."""
    night_edges: torch.Tensor
    """float32 [1, S, S] in [0, 1]."""
    night_index: torch.Tensor
    """Of the image in trainB, int64 []."""
    night_window: torch.Tensor
    """Top, left and side of the crop in pixels of the image, int64 [3]."""
    night_masks: torch.Tensor
    """True labels, int64 [S, S]; 255 where nobody has drawn any, or the run has no use for them."""
    guided: torch.Tensor
    """Whether the memory found a partner for the day crop, bool []."""


class LowSample(TypedDict):
    """A day frame whose colour is known at low resolution only, in smaller crops of all scales."""

    low_thermal: torch.Tensor
    """float32 [3, s, s] in [-1, 1]; s is half the side of a crop, rounded to a multiple of 64."""
    low_color: torch.Tensor
    """float32 [3, s/4, s/4] in [-1, 1]."""


class Sample(DaySample, NightSample, total=False):
    """One draw; colour at low resolution is there if a folder has it and a recipe uses it."""

    low_thermal: torch.Tensor
    low_color: torch.Tensor
    day_objects: torch.Tensor
    """Boxes on `day_thermal`, if the recipe trains a head: float32 [K, 5], see `objects_loss`."""
    day_boxed: torch.Tensor
    """Whether anybody has labelled the frame, bool []."""
    night_objects: torch.Tensor
    """Boxes on `night`, float32 [K, 5]."""
    night_boxed: torch.Tensor
    """bool []."""


LOW_MULTIPLE = 64
"""Of the sides of crops at low resolution: what the networks ask for."""

LOW_SHRINK = 4
"""How much smaller the colour of those crops is."""

DAY, NIGHT, LOW = ('trainA',), ('trainB', 'thermal'), (FRAMES,)
"""Folders of pictures by kind."""


def _needed(roots: list[Path], shares: Sequence[float] | None, names: Sequence[str]) -> Pictures:
    pictures = gather(roots, names, shares)
    if pictures is None:
        where = ', '.join(str(root) for root in roots)
        raise DataError(f'{where}: no folder {" or ".join(names)}; see docs/data.md for the layout')
    return pictures


def _thermal_partners(root: Path, pictures: list[Path]) -> list[Path]:
    hint = 'set aligned: 0 in every phase to train unpaired'
    return find_companions(root / 'trainA_thermal', pictures, hint)


def _masks(night: Pictures) -> list[Path | None]:
    """Find the masks of the night frames that have one."""
    files = [p.parent.parent / 'trainB_masks' / f'{p.stem}.png' for p in night]
    found = [file if file.is_file() else None for file in files]
    if not any(found):
        raise DataError('no night frame has a mask in trainB_masks; copy them, or set mb: 0')
    return found


def image_tensor(image: np.ndarray) -> torch.Tensor:
    """uint8 [H, W, 3], or [H, W] repeated to three channels, -> float32 [3, H, W] in [-1, 1].

    A crop of one value, as of a blank frame, gets the noise of its lowest bit. Every instance norm
    would amplify the gradient of a constant by 1/sqrt(eps) = 316, and a chain of them to infinity.
    """
    if (image == image[0, 0]).all():
        image = image ^ np.random.default_rng(0).integers(2, size=image.shape, dtype=np.uint8)
    x = torch.from_numpy(image).float().div(127.5).sub(1)
    return x.expand(3, *x.shape).clone() if x.ndim == 2 else x.permute(2, 0, 1).contiguous()


def _objects(which: str, boxes: np.ndarray | None, crop: Crop) -> Any:
    """Return the boxes of a crop as the head learns from them, by the names of a sample."""
    return {
        f'{which}_objects': torch.from_numpy(in_crop(boxes, crop)),
        f'{which}_boxed': torch.tensor(boxes is not None),
    }


class EdgeMaps:
    """Edge maps of crops: computed from each, or cut from files.

    Args:
        recipe: Says which, and the thresholds.
        folder: Name of the folder of the files.
        pictures: To which the maps belong.

    Raises:
        DataError: Files are wanted and some are missing.
    """

    def __init__(self, recipe: DataRecipe, folder: str, pictures: Pictures) -> None:
        hint = 'create them with `python -m morngan_train prepare`, or set edges: canny'
        self.files = (
            pictures.companions(lambda root, files: find_companions(root / folder, files, hint))
            if recipe.edges == 'files'
            else None
        )
        self.thresholds = recipe.canny

    def __call__(self, i: int, picture: np.ndarray, crop: Crop, gray: np.ndarray) -> torch.Tensor:
        """Return the edge map of a crop.

        Args:
            i: Index of the picture.
            picture: As it was read, for its size.
            crop: What was cut.
            gray: The crop as the networks see it, uint8 [S, S].

        Returns:
            float32 [1, S, S] in [0, 1].

        Raises:
            DataError: The file is damaged, or differs from its picture in size.
        """
        if self.files is None:
            edges = canny(gray, *self.thresholds)
        else:
            whole = read_map(self.files[i])
            check_size(self.files[i], whole, picture)
            edges = crop(whole)
        return torch.from_numpy(edges).float().div(255)[None]


class UnpairedCrops(Dataset[Sample]):
    """Crops by draw number: the same pick always gives the same crops, whatever the worker.

    Args:
        roots: Data folder, or several.
        recipe: Crop size, scales, contrast, edges.
        seed: Of the run.
        shares: Of the draws, one a folder; None draws every picture equally often.
        aligned: Read `trainA_thermal` too.
        low: Read `dayLow_thermal` and `dayLow_color` too, where there are any.
        masked: Read `trainB_masks` too.
        objects: Names of the classes whose boxes are read too.
        labelled: Read the teachers' masks too.
        denoise: Apply semantic denoising to the labels.

    Raises:
        DataError: A folder is missing or empty, or a picture lacks what belongs to it.
    """

    def __init__(
        self,
        roots: Path | Sequence[Path],
        recipe: DataRecipe,
        seed: int,
        *,
        shares: Sequence[float] | None = None,
        aligned: bool,
        low: bool = False,
        masked: bool = False,
        objects: Sequence[str] = (),
        labelled: bool = False,
        denoise: bool = True,
    ) -> None:
        roots = [roots] if isinstance(roots, Path) else list(roots)
        self.day = _needed(roots, shares, DAY)
        self.night = _needed(roots, shares, NIGHT)
        self.recipe = recipe
        self.seed = seed
        self.read_rgb, self.read_thermal = FrameCache(read_rgb), FrameCache(read_thermal)
        self.day_edges = EdgeMaps(recipe, 'edgesA', self.day)
        self.night_edges = EdgeMaps(recipe, 'edgesB', self.night)
        self.partners = self.day.companions(_thermal_partners) if aligned else None
        self.low = gather(roots, LOW, shares) if low else None
        self.low_color = self.low.companions(find_colors) if self.low else []
        self.masks = _masks(self.night) if masked else None
        self.night_boxes, self.day_boxes = self._open_boxes(objects)
        self.labels = (
            LabelMaps(self.day, recipe.labels.fusion, denoise=denoise) if labelled else None
        )

    def _open_boxes(self, wanted: Sequence[str]) -> tuple[ObjectBoxes | None, ObjectBoxes | None]:
        """Open the boxes of night frames and of day thermal frames, if there are any."""
        night, day = (ObjectBoxes(frames, wanted) for frames in (self.night, self.partners or ()))
        return (night, day) if wanted and (night.any or day.any) else (None, None)

    def cache(self) -> int:
        """Decode all pictures and keep them in memory; return the bytes that they take."""
        color, thermal = [*self.day, *self.low_color], [*self.night, *(self.partners or ())]
        return self.read_rgb.keep(color) + self.read_thermal.keep([*thermal, *(self.low or ())])

    def __len__(self) -> int:
        """Return the draws of one epoch as the authors count it: max(N_A, N_B)."""
        return max(len(self.day), len(self.night))

    def __getitem__(self, pick: Pick) -> Sample:
        """Cut the crops of a draw (any number from 0 up), with the night crop that was picked."""
        sample = cast(Sample, {**self._day(pick.draw), **self._night(pick)})
        if self.low is not None:
            sample.update(self._low(pick.draw, self.low))  # type: ignore[typeddict-item]
        return sample

    def day_labels(self, draw: int) -> np.ndarray:
        """Return the label map of the day crop of a draw: uint8 [S, S], 255 if not labelled."""
        if self.labels is None:
            return self._unlabelled()
        i, rng = self._draw(draw, DAY_STREAM, self.day)
        labels = self.labels(i)
        return self._day_crop(labels, labels, rng).labels(labels)

    def _draw(self, draw: int, which: int, pictures: Pictures) -> tuple[int, np.random.Generator]:
        rng = stream(self.seed, draw, which)
        return pictures.draw(rng), rng

    def _crop(self, picture: np.ndarray, rng: np.random.Generator) -> Crop:
        height, width = picture.shape[:2]
        return draw_crop(height, width, self.recipe.crop, self.recipe.scale, rng)

    def _day_crop(
        self, picture: np.ndarray, labels: np.ndarray | None, rng: np.random.Generator
    ) -> Crop:
        crop = self._crop(picture, rng)
        share = self.recipe.focus
        return crop if labels is None or share == 0 else focus(crop, labels, share, rng)

    def _unlabelled(self) -> np.ndarray:
        return np.full((self.recipe.crop, self.recipe.crop), UNLABELLED, np.uint8)

    def _day(self, draw: int) -> DaySample:
        i, rng = self._draw(draw, DAY_STREAM, self.day)
        rgb = self.read_rgb(self.day[i])
        whole = self.labels(i, rgb) if self.labels else None
        crop = self._day_crop(rgb, whole, rng)
        day = enhance_day(crop(rgb), tone_curve(rgb, self.recipe.day), self.recipe.day.saturation)
        labels = self._unlabelled() if whole is None else crop.labels(whole)
        gray = cv2.cvtColor(day, cv2.COLOR_RGB2GRAY)
        sample: DaySample = {
            'day': image_tensor(day),
            'day_edges': self.day_edges(i, rgb, crop, gray),
            'day_labels': torch.from_numpy(labels.astype(np.int64)),
            'day_thermal': self._day_thermal(i, rgb, crop, rng),
        }
        if self.day_boxes is not None:
            sample |= _objects('day', self.day_boxes(i, rgb.shape[:2]), crop)
        return sample

    def _day_thermal(
        self, i: int, rgb: np.ndarray, crop: Crop, rng: np.random.Generator
    ) -> torch.Tensor:
        if self.partners is None:
            return torch.zeros(3, crop.size, crop.size)
        frame = self.read_thermal(self.partners[i])
        check_size(self.partners[i], frame, rgb)
        return image_tensor(jitter_thermal(crop(frame), self.recipe.thermal, rng))

    def _low(self, draw: int, pictures: Pictures) -> LowSample:
        i, rng = self._draw(draw, LOW_STREAM, pictures)
        frame = self.read_thermal(pictures[i])
        squeezed = self.read_rgb(self.low_color[i])
        side = max(LOW_MULTIPLE, self.recipe.crop // 2 // LOW_MULTIPLE * LOW_MULTIPLE)
        smallest, largest = self.recipe.scale
        height, width = frame.shape
        crop = draw_crop(height, width, side, (smallest / 2, largest), rng)
        shrunk = cut_colors(squeezed, crop, (height, width), side // LOW_SHRINK, self.recipe.day)
        thermal = jitter_thermal(crop(frame), self.recipe.thermal, rng)
        return {'low_thermal': image_tensor(thermal), 'low_color': image_tensor(shrunk)}

    def _night(self, pick: Pick) -> NightSample:
        drawn, rng = self._draw(pick.draw, NIGHT_STREAM, self.night)
        j = drawn if pick.night is None else pick.night
        frame = self.read_thermal(self.night[j])
        crop = self._crop(frame, rng)
        if pick.window is not None:
            window = pick.window
            crop = replace(crop, top=window.top, left=window.left, side=window.side)
        boxes = self.night_boxes(j, frame.shape) if self.night_boxes else None
        if boxes is not None and pick.window is None:
            crop = focus_on_boxes(crop, boxes, frame.shape, self.recipe.focus_on_objects, rng)
        night = jitter_thermal(crop(frame), self.recipe.thermal, rng)
        sample: NightSample = {
            'night': image_tensor(night),
            'night_edges': self.night_edges(j, frame, crop, night),
            'night_index': torch.tensor(j),
            'night_window': torch.tensor((crop.top, crop.left, crop.side)),
            'night_masks': torch.from_numpy(self._night_mask(j, frame, crop).astype(np.int64)),
            'guided': torch.tensor(pick.window is not None),
        }
        if self.night_boxes is not None:
            sample |= _objects('night', boxes, crop)
        return sample

    def _night_mask(self, j: int, frame: np.ndarray, crop: Crop) -> np.ndarray:
        file = self.masks[j] if self.masks else None
        if file is None:
            return self._unlabelled()
        whole = read_map(file)
        check_size(file, whole, frame)
        return crop.labels(whole)
