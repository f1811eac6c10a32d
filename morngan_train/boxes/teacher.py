"""A detector that knows daytime colour labels the road users of thermal frames.

It looks at whatever shows the scene: the registered day picture by day, the frame itself and its
colour by night. What it is sure of becomes a box; what it doubts becomes a region that training
leaves out, so that a missed person is no lesson that there is nobody.
"""

from collections.abc import Sequence

import numpy as np

from morngan_ros.detector import Detector
from morngan_ros.object_finder import Detection
from morngan_train.data.boxes import OBJECTS
from morngan_train.metrics.detection import ious

SAME = 0.5
"""Two finds that overlap by more than this (IoU) are one object."""


def find(
    detector: Detector, views: Sequence[np.ndarray], sure: float
) -> tuple[np.ndarray, np.ndarray]:
    """Find road users in views of one scene.

    Args:
        detector: Its threshold is the score from which a find is doubtful.
        views: uint8 [H, W, 3], all registered to each other.
        sure: Score from which a find is a box, 0 to 1.

    Returns:
        Boxes and regions to leave out: rows of class, x1, y1, x2, y2 in pixels, float [N, 5] and
        [M, 5]; the class of a region means nothing.
    """
    found = [detection for view in views for detection in detector(view)]
    found.sort(key=lambda detection: -detection.score)
    boxes: list[Detection] = []
    regions: list[Detection] = []
    for detection in found:
        if _is_among(detection, boxes) or _is_among(detection, regions):
            continue
        certain = detection.label in OBJECTS and detection.score >= sure
        (boxes if certain else regions).append(detection)
    return _rows(boxes), _rows(regions)


def _is_among(detection: Detection, known: Sequence[Detection]) -> bool:
    """Tell whether an object is known already, whatever class it had there."""
    if not known:
        return False
    others = np.array([other.box for other in known])
    return bool((ious(np.array([detection.box]), others) > SAME).any())


def _rows(detections: Sequence[Detection]) -> np.ndarray:
    rows = [[OBJECTS.index(d.label) if d.label in OBJECTS else 0, *d.box] for d in detections]
    return np.array(rows, np.float64).reshape(-1, 5)
