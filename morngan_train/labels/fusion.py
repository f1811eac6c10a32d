"""Fusion of two teachers' masks of a day picture (Sec. 3.3.2).

A network trained on Cityscapes knows street scenes; one trained on COCO outlines objects better.
Whatever only one of them sees where both should be good is not trusted.
"""

from typing import Literal

import numpy as np

from morngan_train.classes import CLASSES
from morngan_train.classes import Label
from morngan_train.classes import UNLABELLED

_AGREEMENTS = {
    (Label.PERSON, Label.PERSON): Label.PERSON,
    (Label.RIDER, Label.PERSON): Label.PERSON,
    (Label.CAR, Label.CAR): Label.CAR,
    (Label.CAR, Label.TRUCK): Label.TRUCK,
    (Label.BUILDING, Label.BUILDING): Label.BUILDING,
}
"""(Cityscapes, COCO): fused. The classes on the left count only where COCO's mask agrees."""

_OBJECTS = (
    Label.LIGHT,
    Label.SIGN,
    Label.PERSON,
    Label.CAR,
    Label.TRUCK,
    Label.BUS,
    Label.TRAIN,
    Label.MOTORCYCLE,
    Label.BICYCLE,
)
"""What COCO's mask may paint over that of Cityscapes."""

_IMAGINED = (Label.PERSON, Label.RIDER, Label.MOTORCYCLE, Label.BICYCLE)
"""Objects that the Cityscapes network sees in shrubs and trunks too."""


def _identity() -> np.ndarray:
    """Look-up table [Cityscapes id, COCO id] that follows Cityscapes."""
    return np.repeat(np.arange(256, dtype=np.uint8)[:, None], 256, axis=1)


def _alone() -> np.ndarray:
    table = _identity()
    table[Label.RIDER] = Label.PERSON
    return table


def _panoptic() -> np.ndarray:
    table = _identity()
    for cityscapes, _ in _AGREEMENTS:
        table[cityscapes] = UNLABELLED
    for pair, label in _AGREEMENTS.items():
        table[pair] = label
    return table


def _objects() -> np.ndarray:
    table = _identity()
    table[_IMAGINED, :] = UNLABELLED
    table[:, _OBJECTS] = _OBJECTS
    return table


_ALONE = _alone()
_TABLES = {'panoptic': _panoptic(), 'objects': _objects()}


def fuse(
    cityscapes: np.ndarray, coco: np.ndarray | None, mode: Literal['panoptic', 'objects']
) -> np.ndarray:
    """Fuse the masks of a Cityscapes network and of a COCO network into M_F of the paper.

    All masks hold trainIds and 255. Rider is never present afterwards: he is a person, to the
    method as to COCO.

    Args:
        cityscapes: H, uint8 [H, W].
        coco: D, uint8 [H, W], or None to take H alone, with riders as persons.
        mode: What D covers.
            'panoptic': Everything. Person (rider included), car and building of H count where D
            agrees, a car of H that D calls truck is a truck, the rest of these classes becomes
            255; everything else is H. A mask of objects only would erase every building here.
            'objects': Objects only, 255 elsewhere. D's objects are painted over H; persons,
            riders, motorcycles and bicycles of H that D does not confirm become 255.

    Returns:
        A new label map, uint8 [H, W].

    Raises:
        ValueError: A mask is not uint8 [H, W], holds other ids, or the sizes differ.
    """
    _check('Cityscapes', cityscapes)
    if coco is None:
        alone: np.ndarray = _ALONE[cityscapes, UNLABELLED]
        return alone
    _check('COCO', coco)
    if coco.shape != cityscapes.shape:
        raise ValueError(
            f'the Cityscapes mask is {cityscapes.shape}, the COCO mask {coco.shape} (rows, columns)'
        )
    fused: np.ndarray = _TABLES[mode][cityscapes, coco]
    return fused


def _check(name: str, mask: np.ndarray) -> None:
    if mask.dtype != np.uint8 or mask.ndim != 2:
        raise ValueError(f'the {name} mask is {mask.dtype} {mask.shape}; it must be uint8 [H, W]')
    strange = np.flatnonzero(np.bincount(mask.ravel(), minlength=256)[CLASSES:UNLABELLED])
    if len(strange):
        raise ValueError(
            f'the {name} mask holds {(strange + CLASSES).tolist()}: only trainIds 0 to '
            f'{CLASSES - 1} and {UNLABELLED} are allowed'
        )
