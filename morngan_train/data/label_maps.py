"""Label maps of day pictures, made from the masks of two teachers."""

from pathlib import Path
from typing import Literal
import zlib

import numpy as np

from morngan_train.classes import Label
from morngan_train.data.folders import Pictures
from morngan_train.data.prepared import masks_are_finished
from morngan_train.data.reading import check_size
from morngan_train.data.reading import DataError
from morngan_train.data.reading import find_companions
from morngan_train.data.reading import read_map
from morngan_train.data.reading import read_rgb
from morngan_train.labels.denoising import denoise_day
from morngan_train.labels.fusion import fuse

CITYSCAPES = 'masks_cityscapes'
COCO = 'masks_coco'

# Making a map takes 40 times as long as unpacking it, and packed it is as small as a PNG: 20 kB at
# 860x512, all together 160 MB at the most. Draws are uniform, so it does not matter which are kept.
_KEPT = 8192

# Masks that are looked at to tell what masks_coco covers.
_LOOKED_AT = 32


class LabelMaps:
    """Label maps M_A by the index of the picture, fused (M_F) and denoised (Sec. 3.3.2).

    Args:
        pictures: Of `trainA`. Beside it lie `masks_cityscapes` and perhaps `masks_coco`, PNG files
            of trainIds under the names of the pictures.
        fusion: What masks_coco covers, see `morngan_train.labels.fusion.fuse`.
        denoise: Apply semantic denoising, but to the label maps of data folders whose record calls
            them finished.

    Raises:
        DataError: A mask is missing (only the whole of masks_coco may be absent), or masks_coco
            covers objects alone although `fusion` says otherwise.
    """

    def __init__(
        self,
        pictures: Pictures,
        fusion: Literal['panoptic', 'objects'],
        *,
        denoise: bool,
    ) -> None:
        self.pictures = pictures
        self.cityscapes = pictures.companions(lambda root, files: _find(root / CITYSCAPES, files))
        self.coco = None
        if any((folder.parent / COCO).is_dir() for folder in pictures.folders):
            self.coco = pictures.companions(lambda root, files: _find(root / COCO, files))
        self.fusion = fusion
        self.finished = [f.parent for f in pictures.folders if masks_are_finished(f.parent)]
        self.denoise = denoise
        if self.coco is not None and fusion == 'panoptic':
            _check_for_buildings(self.coco)
        self._kept: dict[int, tuple[tuple[int, ...], bytes]] = {}

    def __call__(self, i: int, rgb: np.ndarray | None = None) -> np.ndarray:
        """Return the label map of a picture, the same at every call.

        Args:
            i: Index of the picture.
            rgb: The picture, if it is at hand: uint8 [H, W, 3] as `read_rgb` returns it.

        Returns:
            trainIds, uint8 [H, W]; not to be written to.

        Raises:
            DataError: A file is damaged, holds other values than trainIds, or differs in size.
        """
        if i in self._kept:
            shape, packed = self._kept[i]
            return np.frombuffer(zlib.decompress(packed), np.uint8).reshape(shape)
        labels = self._make(i, read_rgb(self.pictures[i]) if rgb is None else rgb)
        if len(self._kept) < _KEPT:
            self._kept[i] = labels.shape, zlib.compress(labels.tobytes(), 1)
        return labels

    def _make(self, i: int, rgb: np.ndarray) -> np.ndarray:
        cityscapes = read_map(self.cityscapes[i])
        check_size(self.cityscapes[i], cityscapes, rgb)
        coco = None
        if self.coco is not None:
            coco = read_map(self.coco[i])
            check_size(self.coco[i], coco, rgb)
        try:
            labels = fuse(cityscapes, coco, self.fusion)
        except ValueError as error:
            raise DataError(f'{self.cityscapes[i]} or its partner in {COCO}: {error}') from error
        finished = self.pictures[i].parent.parent in self.finished
        return denoise_day(labels, rgb) if self.denoise and not finished else labels


def _check_for_buildings(files: list[Path]) -> None:
    """Panoptic fusion keeps only buildings that both teachers see: it would erase all of them."""
    sample = files[:: max(1, len(files) // _LOOKED_AT)]
    if not any((read_map(file) == Label.BUILDING).any() for file in sample):
        raise DataError(
            f'{files[0].parent} has no building in {len(sample)} masks; if its masks cover '
            'objects only, set data: {labels: {fusion: objects}} in the recipe'
        )


def _find(folder: Path, pictures: list[Path]) -> list[Path]:
    # Lossy formats would change ids.
    hint = 'create them with `python -m morngan_train masks`'
    return find_companions(folder, pictures, hint, suffixes=frozenset({'.png'}))
