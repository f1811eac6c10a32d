"""Intersection over union of label maps, over the classes that the paper's tables have."""

from collections.abc import Sequence

import numpy as np

from morngan_train.classes import CLASSES
from morngan_train.classes import Label
from morngan_train.classes import UNLABELLED

FLIR_CLASSES = (
    Label.ROAD,
    Label.BUILDING,
    Label.SKY,
    Label.CAR,
    Label.SIGN,
    Label.PERSON,
    Label.MOTORCYCLE,
    Label.TRUCK,
    Label.BUS,
)
"""mIoU on FLIR (mIoU.A of the ablation), in the order of Table 1."""

KAIST_CLASSES = tuple(label for label in FLIR_CLASSES if label != Label.TRUCK)
"""mIoU on KAIST, in the order of Table 3: it has no trucks."""

SMALL_CLASSES = (Label.SIGN, Label.PERSON, Label.MOTORCYCLE, Label.TRUCK, Label.BUS)
"""mIoU.S of Tables 5 and 7: classes of few pixels."""

MEANS = {'miou_flir': FLIR_CLASSES, 'miou_kaist': KAIST_CLASSES, 'miou_small': SMALL_CLASSES}


def check_trainids(labels: np.ndarray) -> None:
    """Raise ValueError if a label, of any integer type, is neither a trainId nor 255."""
    strange = labels[((labels < 0) | (labels >= CLASSES)) & (labels != UNLABELLED)]
    if len(strange):
        raise ValueError(
            f'{strange[0]} is not a trainId (0 to {CLASSES - 1}, {UNLABELLED} for unlabelled)'
        )


def confusion(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Count pixels by what they are and what they were taken for.

    Pixels that the truth leaves unlabelled (255) do not count. A prediction that is no class, 255,
    misses what is there without being taken for anything else.

    Args:
        truth: trainIds 0..18 or 255, uint8 [H, W].
        predicted: Likewise, of the same shape.

    Returns:
        int64 [19, 20]: rows are true classes, columns predicted ones, the last for none. Sum those
        of all pictures.

    Raises:
        ValueError: The shapes differ, or a value is neither a trainId nor 255.
    """
    if truth.shape != predicted.shape:
        raise ValueError(f'truth {list(truth.shape)}, prediction {list(predicted.shape)}')
    check_trainids(truth)
    check_trainids(predicted)
    known = truth != UNLABELLED
    rows = truth[known].astype(np.int64)
    columns = np.minimum(predicted[known].astype(np.int64), CLASSES)
    cells = np.bincount(rows * (CLASSES + 1) + columns, minlength=CLASSES * (CLASSES + 1))
    return cells.reshape(CLASSES, CLASSES + 1)


def iou(counts: np.ndarray) -> np.ndarray:
    """Return the IoU of each class.

    Args:
        counts: Sum of `confusion` over all pictures.

    Returns:
        float64 [19] in [0, 1]; nan for a class that is not there, predicted or not: a mean over
        classes must not have another divisor for another parser or picture. Pixels that are taken
        for such a class are missed by their own.
    """
    hits = counts.diagonal().astype(np.float64)
    there = counts.sum(axis=1)
    union = there + counts[:, :CLASSES].sum(axis=0) - hits
    result: np.ndarray = np.divide(hits, union, out=np.full(CLASSES, np.nan), where=there > 0)
    return result


def mean(values: Sequence[float] | np.ndarray) -> float:
    """Average scores of classes, leaving out those that are nan; nan if all are."""
    known = np.asarray(values, np.float64)
    known = known[np.isfinite(known)]
    return float(known.mean()) if len(known) else float('nan')


def mean_iou(ious: np.ndarray, classes: Sequence[int]) -> float:
    """Average the IoU [19] of some classes, see `mean`."""
    return mean(ious[list(classes)])
