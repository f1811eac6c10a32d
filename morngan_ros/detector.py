"""Road users in a colour picture, found by an Ultralytics YOLO export."""

import ast
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from morngan_ros.engine import load_engine
from morngan_ros.engines.engine_interface import Engine
from morngan_ros.errors import FrameError
from morngan_ros.errors import ModelError
from morngan_ros.model_file import ModelFile
from morngan_ros.model_file import read_model_file

_COCO = (
    'person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,'
    'stop sign,parking meter,bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,'
    'backpack,umbrella,handbag,tie,suitcase,frisbee,skis,snowboard,sports ball,kite,baseball bat,'
    'baseball glove,skateboard,surfboard,tennis racket,bottle,wine glass,cup,fork,knife,spoon,'
    'bowl,banana,apple,sandwich,orange,broccoli,carrot,hot dog,pizza,donut,cake,chair,couch,'
    'potted plant,bed,dining table,toilet,tv,laptop,mouse,remote,keyboard,cell phone,microwave,'
    'oven,toaster,sink,refrigerator,book,clock,vase,scissors,teddy bear,hair drier,toothbrush'
)
COCO_NAMES = tuple(_COCO.split(','))

_BORDER_GREY = 114
_DEFAULT_SIZE = 640
_MOST_DETECTIONS = 300
# An end-to-end head gives a few hundred final boxes, a raw one thousands of candidates.
_MOST_FINAL_BOXES = 1000
_TILES = 2
_TILE_OVERLAP = 0.3
_CUT_MARGIN = 2.0


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
class _Candidates:
    boxes: np.ndarray  # float [N, 4], x1 y1 x2 y2
    scores: np.ndarray  # float [N]
    classes: np.ndarray  # int [N]

    def keep(self, which: np.ndarray) -> '_Candidates':
        return _Candidates(self.boxes[which], self.scores[which], self.classes[which])


class Detector:
    """Detect objects in uint8 RGB pictures of any size. For one thread.

    Three head layouts are told apart by their shape: rows of YOLOv5 [1, N, 5 + C], columns of
    YOLOv8 and v11 [1, 4 + C, N], and end-to-end boxes [1, N, 6].

    Attributes:
        threshold: lowest score of a detection, 0 to 1; may be changed at any time.
        names: class names in the model's order.
        provider: where the model really runs.
        size: height and width of the network's input.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        threshold: float = 0.25,
        iou: float = 0.5,
        classes: Sequence[str] = (),
        tiles: bool = False,
    ) -> None:
        """Wrap an engine.

        Args:
            engine: the loaded model.
            threshold: lowest score of a detection, 0 to 1.
            iou: two boxes of a class that overlap more than this are one object.
            classes: names of the classes to report; empty for all.
            tiles: look at 2x2 overlapping tiles as well as at the whole picture: finds smaller
                objects, costs five times as much.

        Raises:
            ModelError: the model is no detector, or it does not know one of `classes`.
        """
        self.engine = engine
        self.provider = engine.provider
        self.threshold = threshold
        self.iou = iou
        self.tiles = tiles
        _check_input(engine)
        self.size = _input_size(engine)
        shape = self._infer(np.zeros((*self.size, 3), np.uint8)).shape
        self.names, self._layout = _understand_head(engine, shape)
        self.classes = classes

    @classmethod
    def load(
        cls,
        path: str | Path,
        provider: str = 'auto',
        *,
        threshold: float = 0.25,
        iou: float = 0.5,
        classes: Sequence[str] = (),
        tiles: bool = False,
        threads: int = 0,
        allow_fallback: bool = False,
        cuda_graph: bool = False,
    ) -> 'Detector':
        """Load a detector; arguments as of the class and of `load_engine`.

        It always computes in fp32: with the 8 significant bits of bf16 a box at the far side of a
        640 pixel input would be wrong by pixels.

        Raises:
            ModelError: the file is missing, broken, no detector, or lacks one of `classes`.
            ProviderError: the provider cannot be had on this machine.
        """
        engine = load_engine(
            path,
            provider,
            precision='fp32',
            threads=threads,
            allow_fallback=allow_fallback,
            # Tried at once, so that a GPU that cannot run it gives way to the next provider.
            size=_free_size(read_model_file(path)),
            cuda_graph=cuda_graph,
        )
        return cls(engine, threshold=threshold, iou=iou, classes=classes, tiles=tiles)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes that are reported; empty for all. May be changed at any time."""
        return self._classes

    @classes.setter
    def classes(self, names: Sequence[str]) -> None:
        unknown = [name for name in names if name not in self.names]
        if unknown:
            raise ModelError(
                f'{self.engine.path}: has no class {", ".join(map(repr, unknown))}; '
                f'it knows {", ".join(self.names)}'
            )
        self._wanted = np.array([not names or name in names for name in self.names])
        self._classes = tuple(names)

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
        parts = [self._detect(rgb)]
        if self.tiles:
            parts += [self._detect_tile(rgb, tile) for tile in _tiles(*rgb.shape[:2])]
        found = _Candidates(
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.classes for part in parts]),
        )
        best = found.keep(_suppress(found, self.iou))
        return [
            Detection(self.names[index], int(index), float(score), (x1, y1, x2, y2))
            for (x1, y1, x2, y2), score, index in zip(
                best.boxes.tolist(), best.scores, best.classes, strict=True
            )
        ]

    def warm_up(self) -> None:
        """Run once, so that the first frame does not wait."""
        self._infer(np.zeros((*self.size, 3), np.uint8))

    def _detect(self, rgb: np.ndarray) -> _Candidates:
        """Run the network on one picture; boxes in its pixels, above the threshold, wanted."""
        height, width = rgb.shape[:2]
        canvas, scale, left, top = letterbox(rgb, self.size)
        found = _decode(self._infer(canvas), self._layout)
        known = (found.classes >= 0) & (found.classes < len(self.names))
        found = found.keep(known & (found.scores >= self.threshold))
        found = found.keep(self._wanted[found.classes])
        boxes = (found.boxes - [left, top, left, top]) / scale
        boxes = boxes.clip(0, [width, height, width, height])
        return _Candidates(boxes, found.scores, found.classes)

    def _detect_tile(self, rgb: np.ndarray, tile: tuple[int, int, int, int]) -> _Candidates:
        """Detect in a tile and leave out what its inner borders cut: a neighbour sees it whole."""
        height, width = rgb.shape[:2]
        x1, y1, x2, y2 = tile
        found = self._detect(rgb[y1:y2, x1:x2])
        boxes = found.boxes + np.array([x1, y1, x1, y1])
        cut_before = (boxes[:, :2] < [x1 + _CUT_MARGIN, y1 + _CUT_MARGIN]) & [x1 > 0, y1 > 0]
        cut_after = (boxes[:, 2:] > [x2 - _CUT_MARGIN, y2 - _CUT_MARGIN]) & [
            x2 < width,
            y2 < height,
        ]
        whole = np.asarray(~(cut_before | cut_after).any(axis=1))
        return _Candidates(boxes, found.scores, found.classes).keep(whole)

    def _infer(self, canvas: np.ndarray) -> np.ndarray:
        """Run the network on a picture of its own size: float [N, ...] without the batch axis."""
        image = cv2.dnn.blobFromImage(canvas, 1 / 255)
        return self.engine(image.astype(self.engine.inputs[0].dtype, copy=False))[0]


def letterbox(rgb: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Scale a picture into the middle of a grey canvas, keeping its proportions.

    Args:
        rgb: uint8 [H, W, 3].
        size: height and width of the canvas.

    Returns:
        The canvas, the scale as (x, y, x, y), and the left and top border in pixels. The scale
        differs a little between the axes where a side was rounded to whole pixels.
    """
    height, width = rgb.shape[:2]
    scale = min(size[0] / height, size[1] / width)
    inner_height = max(1, round(height * scale))
    inner_width = max(1, round(width * scale))
    top, left = (size[0] - inner_height) // 2, (size[1] - inner_width) // 2
    canvas = np.full((*size, 3), _BORDER_GREY, np.uint8)
    canvas[top : top + inner_height, left : left + inner_width] = cv2.resize(
        rgb, (inner_width, inner_height), interpolation=cv2.INTER_LINEAR
    )
    return canvas, np.array([inner_width / width, inner_height / height] * 2), left, top


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


def _decode(output: np.ndarray, layout: str) -> _Candidates:
    """Read boxes in input pixels, scores and classes out of a head's float [1, ., .]."""
    rows = output[0].astype(np.float32, copy=False)
    if layout == 'final':
        return _Candidates(rows[:, :4], rows[:, 4], rows[:, 5].astype(np.intp))
    if layout == 'columns':
        boxes, class_scores = rows[:4].T, rows[4:].T
    else:
        boxes, class_scores = rows[:, :4], rows[:, 5:] * rows[:, 4:5]
    classes = class_scores.argmax(axis=1)
    scores = class_scores[np.arange(len(classes)), classes]
    center, half = boxes[:, :2], boxes[:, 2:] / 2
    return _Candidates(np.hstack([center - half, center + half]), scores, classes)


def _suppress(found: _Candidates, iou: float) -> np.ndarray:
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


def _check_input(engine: Engine) -> None:
    spec = engine.inputs[0]
    fits = len(engine.inputs) == 1 and spec.dtype.kind == 'f' and len(spec.shape) == 4
    if not (fits and spec.shape[0] in (1, None) and spec.shape[1] in (3, None)):
        found = ', '.join(str(s) for s in engine.inputs)
        raise ModelError(
            f'{engine.path}: no detector; expected one float input [1, 3, H, W], found {found}; '
            'export one with `yolo export format=onnx`'
        )


def _input_size(engine: Engine) -> tuple[int, int]:
    height, width = engine.inputs[0].shape[2:]
    free_height, free_width = _free_size(engine)
    return height or free_height, width or free_width


def _free_size(model: Engine | ModelFile) -> tuple[int, int]:
    """Tell height and width for axes of any size: those that the exporter wrote down, or 640."""
    size = _literal(model, 'imgsz')
    if isinstance(size, int):
        return size, size
    if isinstance(size, list | tuple) and len(size) == 2:
        return int(size[0]), int(size[1])
    return _DEFAULT_SIZE, _DEFAULT_SIZE


def _understand_head(engine: Engine, shape: tuple[int, ...]) -> tuple[tuple[str, ...], str]:
    """Tell class names and layout ('final', 'columns' or 'rows') from metadata and output shape."""
    names = _names(engine)
    if len(shape) == 3 and shape[0] == 1:
        if shape[2] == 6 and shape[1] <= _MOST_FINAL_BOXES and names:
            return names, 'final'
        for layout, count in (('columns', shape[1] - 4), ('rows', shape[2] - 5)):
            if names and count == len(names):
                return names, layout
            if not names and count == len(COCO_NAMES):
                return COCO_NAMES, layout
    known = f'{len(names)} class names' if names else 'no class names'
    raise ModelError(
        f'{engine.path}: no detector that is understood; output {list(shape)} with {known} in its '
        'metadata; expected [1, N, 5 + classes], [1, 4 + classes, N] or [1, N, 6] with the names '
        'that `yolo export format=onnx` writes'
    )


def _names(engine: Engine) -> tuple[str, ...]:
    names = _literal(engine, 'names')
    if isinstance(names, Mapping):
        return tuple(str(names[key]) for key in sorted(names))
    if isinstance(names, list | tuple):
        return tuple(str(name) for name in names)
    return ()


def _literal(model: Engine | ModelFile, key: str) -> object:
    """Read a Python literal from the metadata, as Ultralytics writes them; None if absent."""
    text = model.metadata.get(key)
    if text is None:
        return None
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError) as error:
        raise ModelError(
            f'{model.path}: cannot read its metadata {key!r}; export it again'
        ) from error
