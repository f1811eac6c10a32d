"""Road users in a colour picture, found by an ONNX export of YOLO or YOLOX."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import replace
import logging
from pathlib import Path

import numpy as np

from morngan_ros.adapters.detector_head import check_candidates
from morngan_ros.adapters.detector_head import Head
from morngan_ros.adapters.detector_head import understand
from morngan_ros.adapters.detector_metadata import input_size
from morngan_ros.engines import EngineOptions
from morngan_ros.engines import load_engine
from morngan_ros.engines.interface import Engine
from morngan_ros.engines.model_file import ModelFile
from morngan_ros.engines.model_file import read_model_file
from morngan_ros.errors import FrameError
from morngan_ros.errors import ModelError
from morngan_ros.object_finder import Candidates
from morngan_ros.object_finder import Detection
from morngan_ros.object_finder import ObjectFinder

LOGGER = logging.getLogger(__name__)

_DEFAULT_SIZE = 640
_TILES = 2
_TILE_OVERLAP = 0.3
_CUT_MARGIN = 2.0
_DEFAULT = EngineOptions()

Planes = Callable[[Head, np.ndarray], np.ndarray]


class Detector(ObjectFinder):
    """Detect objects in uint8 RGB pictures of any size. For one thread.

    Heads are told apart by their shapes, see `detector_head`: rows of YOLOv5 and YOLOX
    [1, N, 5 + C], columns of YOLOv8 and v11 [1, 4 + C, N], and end-to-end boxes [1, N, 6] and
    [N, 7]. Of a network for segmentation the boxes are read and the masks are not.

    Attributes:
        provider: where the model really runs.
        size: height and width of the network's input.
        head: how the network's outputs are read.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        threshold: float = 0.25,
        iou: float = 0.5,
        classes: Sequence[str] = (),
        tiles: bool = False,
        names: Sequence[str] = (),
        planes: Planes = Head.planes,
    ) -> None:
        """Wrap an engine, and look once at what it gives.

        Args:
            engine: the loaded model.
            threshold: lowest score of a detection, 0 to 1.
            iou: two boxes of a class that overlap more than this are one object.
            classes: names of the classes to report; empty for all.
            tiles: look at 2x2 overlapping tiles as well as at the whole picture: finds smaller
                objects, costs five times as much.
            names: of the model's classes, in its order; empty for those in the file, or COCO's.
            planes: makes the network's input, float32 [1, 3, H, W], of a picture of its size.

        Raises:
            ModelError: the model is no detector, what it gives are no boxes and scores, or it does
                not know one of `classes`.
        """
        self.engine = engine
        self.provider = engine.provider
        self.tiles = tiles
        _check_input(engine)
        self.size = _input_size(engine)
        self._planes = planes
        self.head = Head((), '')  # sees pictures as most do, until the outputs tell more
        self._understand(names)
        super().__init__(str(engine.path), self.head.names, threshold, iou, classes)

    @classmethod
    def load(
        cls,
        path: str | Path,
        options: EngineOptions = _DEFAULT,
        *,
        threshold: float = 0.25,
        iou: float = 0.5,
        classes: Sequence[str] = (),
        tiles: bool = False,
        names: Sequence[str] = (),
    ) -> 'Detector':
        """Load a detector; arguments as of the class and of `load_engine`.

        It always computes in fp32: with the 8 significant bits of bf16 a box at the far side of a
        640 pixel input would be wrong by pixels. Its size is its own.

        Raises:
            ModelError: the file is missing, broken, no detector, or lacks one of `classes`.
            ProviderError: the provider cannot be had on this machine.
        """
        # Tried at once, so that a GPU that cannot run it gives way to the next provider.
        size = _free_size(read_model_file(path))
        engine = load_engine(path, replace(options, precision='fp32', size=size))
        return cls(engine, threshold=threshold, iou=iou, classes=classes, tiles=tiles, names=names)

    @property
    def name(self) -> str:
        """What finds the objects, in words."""
        return f'detector {self.engine.path.name}'

    def __call__(self, rgb: np.ndarray) -> list[Detection]:
        """Detect.

        Args:
            rgb: uint8 [H, W, 3], not empty.

        Returns:
            Detections, best first, at most 300.

        Raises:
            FrameError: `rgb` has another type or shape.
        """
        if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.size == 0:
            raise FrameError(
                f'a detector takes uint8 [H, W, 3] pictures, got {rgb.dtype} {list(rgb.shape)}'
            )
        parts = [self.candidates(rgb)]
        if self.tiles:
            parts += [self._detect_tile(rgb, tile) for tile in _tiles(*rgb.shape[:2])]
        found = Candidates(
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.classes for part in parts]),
        )
        return self.detections(found)

    def warm_up(self) -> None:
        """Run once, so that the first frame does not wait."""
        self._infer(np.zeros((*self.size, 3), np.uint8))

    def _understand(self, names: Sequence[str]) -> None:
        """Find out how to read the network, on a picture of noise, and whether it gives boxes."""
        noise = np.random.default_rng(0).integers(0, 256, (*self.size, 3), np.uint8)
        outputs = self._infer(noise)
        self.head = understand(self.engine, outputs, self.size, names)
        if self.head.yolox:
            outputs = self._infer(noise)
        check_candidates(self.engine, self.head, self.head.decode(outputs))
        classes = len(self.head.names)
        LOGGER.info('%s: read as %s, %d classes', self.engine.path, self.head, classes)

    def candidates(self, rgb: np.ndarray) -> Candidates:
        """Run the network once on a picture, uint8 [H, W, 3], and suppress nothing.

        Returns:
            Boxes in pixels of the picture, inside of it, of wanted classes, with scores from the
            threshold on; in no order.
        """
        height, width = rgb.shape[:2]
        canvas, scale, left, top = self.head.fit(rgb, self.size)
        found = self.head.decode(self._infer(canvas))
        found = self.select(found)
        boxes = (found.boxes - [left, top, left, top]) / scale
        boxes = boxes.clip(0, [width, height, width, height])
        inside = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        return Candidates(boxes, found.scores.clip(0, 1), found.classes).keep(inside)

    def _detect_tile(self, rgb: np.ndarray, tile: tuple[int, int, int, int]) -> Candidates:
        """Detect in a tile and leave out what its inner borders cut: a neighbour sees it whole."""
        height, width = rgb.shape[:2]
        x1, y1, x2, y2 = tile
        found = self.candidates(rgb[y1:y2, x1:x2])
        boxes = found.boxes + np.array([x1, y1, x1, y1])
        cut_before = (boxes[:, :2] < [x1 + _CUT_MARGIN, y1 + _CUT_MARGIN]) & [x1 > 0, y1 > 0]
        cut_after = (boxes[:, 2:] > [x2 - _CUT_MARGIN, y2 - _CUT_MARGIN]) & [
            x2 < width,
            y2 < height,
        ]
        whole = np.asarray(~(cut_before | cut_after).any(axis=1))
        return Candidates(boxes, found.scores, found.classes).keep(whole)

    def _infer(self, canvas: np.ndarray) -> list[np.ndarray]:
        """Run the network on a picture of its own size; all that it gives."""
        planes = self._planes(self.head, canvas)
        return self.engine(planes.astype(self.engine.inputs[0].dtype, copy=False))


def _tiles(height: int, width: int) -> Iterator[tuple[int, int, int, int]]:
    """Cut a picture into overlapping tiles: x1, y1, x2, y2."""
    span = 1 + (_TILES - 1) * (1 - _TILE_OVERLAP)
    tile_height, tile_width = height / span, width / span
    for row in range(_TILES):
        for column in range(_TILES):
            x1 = int(column * tile_width * (1 - _TILE_OVERLAP))
            y1 = int(row * tile_height * (1 - _TILE_OVERLAP))
            x2 = min(width, int(np.ceil(x1 + tile_width)))
            y2 = min(height, int(np.ceil(y1 + tile_height)))
            yield x1, y1, x2, y2


def _check_input(engine: Engine) -> None:
    spec = engine.inputs[0]
    fits = len(engine.inputs) == 1 and spec.dtype.kind == 'f' and len(spec.shape) == 4
    if not (fits and spec.shape[0] in (1, None) and spec.shape[1] in (3, None)):
        found = ', '.join(str(s) for s in engine.inputs)
        raise ModelError(
            f'{engine.path}: not a detector; expected one float input [1, 3, H, W], found {found}; '
            'export a YOLO or YOLOX model as ONNX'
        )


def _input_size(engine: Engine) -> tuple[int, int]:
    height, width = engine.inputs[0].shape[2:]
    free_height, free_width = _free_size(engine)
    return height or free_height, width or free_width


def _free_size(model: Engine | ModelFile) -> tuple[int, int]:
    """Tell height and width for axes of any size: those that the exporter wrote down, or 640."""
    return input_size(model) or (_DEFAULT_SIZE, _DEFAULT_SIZE)
