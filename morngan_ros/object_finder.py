"""What all detectors share: which finds are reported, which are odd, and which are one object."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from morngan_ros.errors import ModelError

_MOST_DETECTIONS = 300
# What half precision and quantisation add to a probability of one.
SCORE_TOLERANCE = 0.01


@dataclass(frozen=True, slots=True)
class Detection:
    """One found object.

    Attributes:
        label: name of its class.
        class_index: number of its class in the detector's list.
        score: confidence, 0 to 1.
        box: x1, y1, x2, y2 in pixels of the picture, inside of it.
    """

    label: str
    class_index: int
    score: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Boxes before thinning out.

    Attributes:
        boxes: x1, y1, x2, y2, float [N, 4].
        scores: float [N].
        classes: int [N].
    """

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray

    def keep(self, which: np.ndarray) -> 'Candidates':
        """Take some of them, by a mask or by indices."""
        return Candidates(self.boxes[which], self.scores[which], self.classes[which])

    def faults(self, classes: int) -> dict[str, np.ndarray]:
        """Find what no detector should give: bool [N] for each cause.

        Args:
            classes: how many there are.
        """
        with np.errstate(invalid='ignore'):  # infinity less infinity
            extents = self.boxes[:, 2:] - self.boxes[:, :2]
        finite = np.isfinite(self.boxes).all(axis=1) & np.isfinite(self.scores)
        return {
            'not finite': ~finite,
            'score beyond one': finite & (self.scores > 1 + SCORE_TOLERANCE),
            'without extent': finite & (extents <= 0).any(axis=1),
            'unknown class': (self.classes < 0) | (self.classes >= classes),
        }


class ObjectFinder:
    """Turn candidates into detections. For one thread.

    Attributes:
        origin: the file, for messages.
        threshold: lowest score of a detection, 0 to 1; may be changed at any time.
        iou: two boxes of a class that overlap more than this are one object.
        names: class names in the model's order.
        counts: boxes above the threshold that were left out so far, by cause: 'not finite',
            'score beyond one', 'without extent', 'unknown class'.
    """

    def __init__(
        self,
        origin: str,
        names: Sequence[str],
        threshold: float,
        iou: float,
        classes: Sequence[str],
    ) -> None:
        """Take the values of the attributes.

        Raises:
            ModelError: a name of `classes` is not among `names`.
        """
        self.origin = origin
        self.names = tuple(names)
        self.threshold = threshold
        self.iou = iou
        self.counts: Counter[str] = Counter()
        self.classes = classes

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes that are reported; empty for all. May be changed at any time."""
        return self._classes

    @classes.setter
    def classes(self, names: Sequence[str]) -> None:
        unknown = [name for name in names if name not in self.names]
        if unknown:
            raise ModelError(
                f'{self.origin}: has no class {", ".join(map(repr, unknown))}; '
                f'it knows {", ".join(self.names)}'
            )
        self._wanted = np.array([not names or name in names for name in self.names])
        self._classes = tuple(names)

    def select(self, found: Candidates) -> Candidates:
        """Keep what is sound, wanted and above the threshold; count what is not sound."""
        # Neither above nor below the threshold is NaN, which is to be counted.
        found = found.keep(~(found.scores < self.threshold))
        faults = found.faults(len(self.names))
        for cause, which in faults.items():
            if count := int(np.count_nonzero(which)):
                self.counts[cause] += count
        found = found.keep(~np.logical_or.reduce(list(faults.values())))
        return found.keep(self._wanted[found.classes])

    def detections(self, found: Candidates) -> list[Detection]:
        """Thin out selected candidates: best first, at most 300."""
        best = found.keep(_suppress(found, self.iou))
        return [
            Detection(self.names[index], int(index), float(score), (x1, y1, x2, y2))
            for (x1, y1, x2, y2), score, index in zip(
                best.boxes.tolist(), best.scores, best.classes, strict=True
            )
        ]


def _suppress(found: Candidates, iou: float) -> np.ndarray:
    """Choose the best of overlapping boxes within each class; indices, best first."""
    if not len(found.scores):
        return np.zeros(0, np.intp)
    # Move every class to a place of its own: then one pass serves all of them.
    offset = found.classes[:, None] * (found.boxes.max() + 1)
    corners = (found.boxes[:, :2] + offset).astype(np.float64)
    sizes = (found.boxes[:, 2:] - found.boxes[:, :2]).astype(np.float64)
    rectangles = np.hstack([corners, sizes]).tolist()
    indices = cv2.dnn.NMSBoxes(rectangles, found.scores.astype(float).tolist(), 0.0, iou)
    kept = np.asarray(indices, np.intp).reshape(-1)
    return kept[np.argsort(-found.scores[kept], kind='stable')][:_MOST_DETECTIONS]
