"""All that a detector finds in a picture, to be scored."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from scipy.sparse import csr_array

from morngan_ros.adapters.detector_head import Head
from morngan_ros.detector import Detector
from morngan_ros.engines import EngineOptions
from morngan_ros.engines import load_engine
from morngan_ros.errors import ModelError

CONFIDENCE = 0.001
"""Low, so that the whole curve of precision over recall is seen."""

NMS = 0.6
"""IoU above which two boxes of a class are one object."""

OVERLAP = 0.3
"""Of neighbouring tiles."""

MARGIN = 2.0
"""Pixels from an inner border of a tile within which a box was cut by it."""

_STEPS = 2**22
"""Weights of resizing are multiples of 1 / this, as Pillow's are: the same pixels come out."""

TILED, WHOLE = VIEWS = 'tiled', 'whole'
"""A picture with 2x2 overlapping tiles too, or without."""

BoxesByClass = dict[str, tuple[np.ndarray, np.ndarray]]
"""Boxes x1, y1, x2, y2 in pixels, float [N, 4], and scores, float [N], by class name."""


class ExhaustiveDetector:
    """A detector for scores instead of speed.

    There is no limit of detections, boxes that a tile cuts are dropped before they can suppress
    others, and pictures are smoothed when they are shrunk.

    Args:
        detector: What it looks through; reports the classes that are to be scored.

    Attributes:
        classes: Names of these classes.
        sha256: Digest of the model file.
    """

    views: Sequence[str] = VIEWS

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self.classes = detector.classes
        self.sha256 = detector.engine.sha256

    def find(self, index: int, rgb: np.ndarray, view: str) -> BoxesByClass:
        """Look at a picture, whichever frame it is of, see `scorers.Finder`."""
        return self.detect(rgb, tiles=view == TILED)

    def detect(self, rgb: np.ndarray, *, tiles: bool) -> BoxesByClass:
        """Find the objects of all classes that are wanted, however many.

        Args:
            rgb: uint8 [H, W, 3].
            tiles: Look at 2x2 overlapping tiles too.
        """
        height, width = rgb.shape[:2]
        windows = [(0, 0, width, height), *(_tiles(width, height) if tiles else ())]
        rows = np.concatenate([self._detect_in(rgb, window) for window in windows])
        found: BoxesByClass = {}
        for name in self.classes:
            mine = rows[rows[:, 5] == self._detector.names.index(name)]
            best = mine[_suppress(mine)]
            found[name] = best[:, :4], best[:, 4]
        return found

    def _detect_in(self, rgb: np.ndarray, window: tuple[int, int, int, int]) -> np.ndarray:
        """Run the network on a window; rows of x1, y1, x2, y2, score, class: float [N, 6]."""
        height, width = rgb.shape[:2]
        x1, y1, x2, y2 = window
        part = rgb[y1:y2, x1:x2]
        size = self._detector.size
        raw = self._detector.candidates(_fit(part, size))
        # One scale for both axes, before rounding to pixels: that of YOLO's makers.
        scale = max(1.0, part.shape[0] / size[0], part.shape[1] / size[1])
        boxes = raw.boxes * scale + [x1, y1, x1, y1]
        cut = (boxes[:, :2] < [x1 + MARGIN, y1 + MARGIN]) & [x1 > 0, y1 > 0]
        cut |= (boxes[:, 2:] > [x2 - MARGIN, y2 - MARGIN]) & [
            x2 < width,
            y2 < height,
        ]
        result: np.ndarray = np.column_stack([boxes, raw.scores, raw.classes])[~cut.any(axis=1)]
        return result


def open_exhaustive_detector(
    path: Path, provider: str, wanted: Sequence[str], names: Sequence[str] = ()
) -> ExhaustiveDetector:
    """Load a detector for those of the wanted classes that it knows.

    Args:
        path: The ONNX file.
        provider: What runs it, see `morngan_ros.engines.EngineOptions`.
        wanted: Names of classes.
        names: Of the detector's classes, in its order; empty for those in the file, or COCO's.

    Raises:
        ModelError: The file is missing, broken, no detector, or knows none of them.
        ProviderError: The provider cannot be had on this machine.
    """
    engine = load_engine(path, EngineOptions(provider, precision='fp32'))
    detector = Detector(engine, threshold=CONFIDENCE, names=names, planes=_planes)
    known = [name for name in wanted if name in detector.names]
    if not known:
        raise ModelError(f'{path}: detects none of {", ".join(wanted)}; use another detector')
    detector.classes = known
    return ExhaustiveDetector(detector)


def _planes(head: Head, canvas: np.ndarray) -> np.ndarray:
    """Make the network's input of a picture of its own size: float32 [1, 3, H, W]."""
    if head.yolox:  # it takes bytes as they are
        return head.planes(canvas)
    # Quantised detectors tip over at the last bit: multiplying by 1 / 255, as OpenCV does,
    # moved the best scores of a frame by 0.02. This is what their makers compute.
    result: np.ndarray = (canvas.astype(np.float32) / 255).transpose(2, 0, 1)[None]
    return result


def shrink(rgb: np.ndarray, width: int, height: int) -> np.ndarray:
    """Make a picture smaller with a triangular filter over all that a new pixel covers.

    OpenCV's bilinear resizing takes four pixels and skips the others; of small objects it depends
    on luck what is left.

    Args:
        rgb: uint8 [H, W, 3].
        width: Of the result, no larger than that of `rgb`.
        height: Likewise.

    Returns:
        uint8 [height, width, 3].
    """
    narrow = _shrink_rows(rgb.transpose(1, 0, 2), width).transpose(1, 0, 2)
    return _shrink_rows(narrow, height)


def _shrink_rows(rgb: np.ndarray, rows: int) -> np.ndarray:
    flat = rgb.reshape(len(rgb), -1).astype(np.float64)
    mixed = np.floor(_triangles(len(rgb), rows) @ flat + 0.5)
    result: np.ndarray = mixed.clip(0, 255).astype(np.uint8).reshape(rows, *rgb.shape[1:])
    return result


@lru_cache(16)
def _triangles(old: int, new: int) -> csr_array:
    """Return what each old pixel adds to each new one: [new, old], rows sum to 1."""
    scale = old / new
    centers = (np.arange(new) + 0.5) * scale
    weights = 1 - np.abs(np.arange(old) + 0.5 - centers[:, None]) / scale
    weights = weights.clip(0, None)
    weights /= weights.sum(axis=1, keepdims=True)
    return csr_array(np.floor(weights * _STEPS + 0.5) / _STEPS)


def _tiles(width: int, height: int) -> list[tuple[int, int, int, int]]:
    """Cut a picture into 2x2 tiles: x1, y1, x2, y2.

    They may end a pixel before the picture does; a box that reaches so far is left to the whole
    picture.
    """
    tile_width, tile_height = width / (2 - OVERLAP), height / (2 - OVERLAP)
    return [
        (
            int(x),
            int(y),
            min(width, int(x) + int(tile_width)),
            min(height, int(y) + int(tile_height)),
        )
        for y in (0.0, tile_height * (1 - OVERLAP))
        for x in (0.0, tile_width * (1 - OVERLAP))
    ]


def _fit(rgb: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Shrink a picture to fit into a network's input; smaller ones are for the detector."""
    height, width = rgb.shape[:2]
    scale = min(size[0] / height, size[1] / width)
    if scale >= 1:
        return rgb
    return shrink(rgb, max(1, round(width * scale)), max(1, round(height * scale)))


def _suppress(rows: np.ndarray) -> np.ndarray:
    """Choose the best of overlapping boxes, rows as of `_detect_in`; indices, best first."""
    if not len(rows):
        return np.zeros(0, np.intp)
    rectangles = np.hstack([rows[:, :2], rows[:, 2:4] - rows[:, :2]]).tolist()
    kept = cv2.dnn.NMSBoxes(rectangles, rows[:, 4].tolist(), 0.0, NMS)
    return np.asarray(kept, np.intp).reshape(-1)
