"""Draw detections for people to look at."""

from collections.abc import Sequence
from colorsys import hsv_to_rgb

import cv2
import numpy as np

from morngan_ros.object_finder import Detection

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_GOLDEN_RATIO = 0.618034


def draw(rgb: np.ndarray, detections: Sequence[Detection]) -> np.ndarray:
    """Draw boxes and labels.

    Args:
        rgb: uint8 [H, W, 3].
        detections: in pixels of `rgb`.

    Returns:
        A fresh array of the same shape; strokes and letters grow with its height.
    """
    picture = np.ascontiguousarray(rgb).copy()
    scale = max(0.35, 0.45 * rgb.shape[0] / 512)
    for detection in sorted(detections, key=lambda d: d.score):  # the best comes on top
        _draw_one(picture, detection, scale)
    result: np.ndarray = picture
    return result


def class_color(index: int) -> tuple[int, int, int]:
    """Give a class its own strong RGB colour; neighbours in the list lie far apart."""
    red, green, blue = hsv_to_rgb((index * _GOLDEN_RATIO) % 1, 0.85, 1.0)
    return round(red * 255), round(green * 255), round(blue * 255)


def _draw_one(picture: np.ndarray, detection: Detection, scale: float) -> None:
    color = class_color(detection.class_index)
    x1, y1, x2, y2 = (round(value) for value in detection.box)
    cv2.rectangle(picture, (x1, y1), (x2, y2), color, max(1, round(3 * scale)))
    text = f'{detection.label} {detection.score:.2f}'
    (width, height), below = cv2.getTextSize(text, _FONT, scale, 1)
    # Above the box where there is room, else inside it; never beyond the right edge.
    left = max(0, min(x1, picture.shape[1] - width - 4))
    top = y1 - height - below - 2 if y1 > height + below + 2 else y1
    cv2.rectangle(picture, (left, top), (left + width + 3, top + height + below + 1), color, -1)
    ink = (0, 0, 0) if np.dot(color, (0.299, 0.587, 0.114)) > 110 else (255, 255, 255)
    origin = (left + 2, top + height + 1)
    cv2.putText(picture, text, origin, _FONT, scale, ink, 1, cv2.LINE_AA)
