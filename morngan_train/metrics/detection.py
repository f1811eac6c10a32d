"""AP of boxes at one IoU, as COCO computes it without its limit of 100 boxes; precision, recall."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

IOU = 0.5
INSIDE = 0.5
"""Share of a box that must lie in an ignore region for it not to count."""

CONFIDENCE = 0.1
"""Least score of the boxes that precision and recall are of."""

RECALLS = np.linspace(0, 1, 101)

STRICT = tuple(np.arange(0.5, 1.0, 0.05))
"""IoUs that COCO averages AP over."""

FALSE_PER_FRAME = 0.1
"""False detections a frame that a driver may bear."""

SIZES = {'small': (0.0, 32.0**2), 'medium': (32.0**2, 96.0**2), 'large': (96.0**2, np.inf)}
"""Areas of boxes in squared pixels, as COCO bounds them."""


@dataclass(frozen=True, slots=True)
class Boxes:
    """What was found and what is there in one picture, of one class; boxes are x1, y1, x2, y2."""

    found: np.ndarray
    """float [N, 4]."""
    scores: np.ndarray
    """float [N]."""
    truth: np.ndarray
    """float [M, 4]."""
    ignore: np.ndarray
    """Regions in which unmatched detections do not count, float [K, 4]."""


def average_precision(pictures: Sequence[Boxes], threshold: float = IOU) -> float:
    """Compute AP: precision, made to fall only, averaged over 101 recalls.

    In each picture detections take, best first, the free true box that they overlap most. Those
    without one are false, unless more than half of them lies in one ignore region.

    Args:
        pictures: All pictures of the test set, also those without detections.
        threshold: Least IoU of a hit.

    Returns:
        In [0, 1]; nan if no picture holds such an object.
    """
    total = sum(len(picture.truth) for picture in pictures)
    if not total:
        return float('nan')
    scores, hits = _judge_all(pictures, threshold)
    hits = hits[np.argsort(-scores, kind='stable')]
    found = hits.cumsum()
    precision = found / np.arange(1, len(hits) + 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    # The first place where a recall is reached has the best precision from there on.
    place = np.searchsorted(found / total, RECALLS)
    return float(np.append(falling, 0.0)[place].mean())


def strict_average_precision(pictures: Sequence[Boxes]) -> float:
    """Average AP over the IoUs of `STRICT`; nan if no picture holds such an object."""
    return float(np.mean([average_precision(pictures, threshold) for threshold in STRICT]))


def recall_at(pictures: Sequence[Boxes], false_per_frame: float = FALSE_PER_FRAME) -> float:
    """Compute the share of objects found at the confidence with so many false detections a frame.

    Args:
        pictures: All pictures of the test set, also those without detections.
        false_per_frame: False detections, as a mean over the pictures.

    Returns:
        In [0, 1]; nan if no picture holds such an object.
    """
    total = sum(len(picture.truth) for picture in pictures)
    if not total:
        return float('nan')
    scores, hits = _judge_all(pictures, IOU)
    hits = hits[np.argsort(-scores, kind='stable')]
    allowed = (~hits).cumsum() <= false_per_frame * len(pictures)
    return float(hits[allowed].sum() / total)


def of_size(picture: Boxes, size: str) -> Boxes:
    """Leave in a picture only what is `small`, `medium` or `large`.

    True boxes of other sizes become regions to ignore; detections of other sizes that hit none of
    those that are left do not count.
    """
    low, high = SIZES[size]
    wanted = _is_between(picture.truth, low, high)
    truth, others = picture.truth[wanted], picture.truth[~wanted]
    kept = _is_between(picture.found, low, high)
    if len(truth):
        kept |= (ious(picture.found, truth) >= IOU).any(axis=1)
    return Boxes(
        picture.found[kept],
        picture.scores[kept],
        truth,
        np.concatenate([picture.ignore, others]),
    )


def _is_between(boxes: np.ndarray, low: float, high: float) -> np.ndarray:
    areas = _area(boxes)
    within: np.ndarray = (areas >= low) & (areas < high)
    return within


def precision_and_recall(
    pictures: Sequence[Boxes], confidence: float = CONFIDENCE, threshold: float = IOU
) -> tuple[float, float]:
    """Compute the share of detections that are right, and of objects that are found.

    Args:
        pictures: All pictures of the test set, also those without detections.
        confidence: Detections with a lower score are left out.
        threshold: Least IoU of a hit.

    Returns:
        Both in [0, 1]; precision is 0 without detections, both are nan if no picture holds such an
        object.
    """
    total = sum(len(picture.truth) for picture in pictures)
    if not total:
        return float('nan'), float('nan')
    scores, hits = _judge_all(pictures, threshold)
    hits = hits[scores >= confidence]
    return float(hits.sum() / max(len(hits), 1)), float(hits.sum() / total)


def overlaps(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the intersections of boxes [N, 4] and [M, 4] in squared pixels, float [N, M]."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    result: np.ndarray = np.clip(high - low, 0, None).prod(axis=2)
    return result


def ious(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return intersection over union of boxes [N, 4] and [M, 4], float [N, M]."""
    common = overlaps(boxes, others)
    union: np.ndarray = _area(boxes)[:, None] + _area(others) - common
    result: np.ndarray = common / np.maximum(union, 1e-12)
    return result


def _area(boxes: np.ndarray) -> np.ndarray:
    result: np.ndarray = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return result


def _judge_all(pictures: Sequence[Boxes], threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Return scores and hits of the detections of all pictures that count: float, bool [N]."""
    judged = [_judge(picture, threshold) for picture in pictures]
    scores = np.concatenate([scores for scores, _ in judged])
    return scores, np.concatenate([hits for _, hits in judged])


def _judge(picture: Boxes, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Return scores, float [N], and which are hits, bool [N], of the detections that count."""
    order = np.argsort(-picture.scores, kind='stable')
    found, scores = picture.found[order], picture.scores[order]
    hits = _match(found, picture.truth, threshold)
    inside = overlaps(found, picture.ignore) > INSIDE * _area(found)[:, None]
    counted = hits | ~inside.any(axis=1)
    return scores[counted], hits[counted]


def _match(found: np.ndarray, truth: np.ndarray, threshold: float) -> np.ndarray:
    """Tell which of the boxes, best first, hit a true one of their own: bool [N]."""
    hits = np.zeros(len(found), bool)
    if not len(truth):
        return hits
    free = ious(found, truth)
    for i, row in enumerate(free):
        best = row.argmax()
        if row[best] >= threshold:
            hits[i] = True
            free[:, best] = 0
    return hits
