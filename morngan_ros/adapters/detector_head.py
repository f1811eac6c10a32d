"""Heads of detectors: how boxes and scores lie in what a network gives, and what it wants."""

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from morngan_ros.adapters.detector_metadata import class_names
from morngan_ros.adapters.detector_metadata import task
from morngan_ros.engines.interface import Engine
from morngan_ros.errors import ModelError
from morngan_ros.object_finder import Candidates
from morngan_ros.object_finder import SCORE_TOLERANCE

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

#: Tasks whose outputs are no upright boxes with scores, and what their networks give instead.
_OTHER_TASKS = {
    'classify': 'one class for the whole picture',
    'classification': 'one class for the whole picture',
    'pose': 'boxes with keypoints',
    'obb': 'rotated boxes',
    'semantic': 'a class for each pixel',
}
# An end-to-end head gives a few hundred final boxes, a raw one thousands of candidates.
_MOST_FINAL_BOXES = 1000
# Of the grids of cells of YOLOX; its large models have the fourth.
_STRIDES = (8, 16, 32, 64)
# More than the classes need: a rotated box has one, a pose three for each of its points.
_MOST_ROWS_MORE = 200
_BORDER_GREY = 114


@dataclass(frozen=True, slots=True)
class Head:
    """What was understood of a detector.

    Attributes:
        names: of its classes, in their order.
        layout: 'columns', 'rows', 'plain rows', 'final' or 'batched', see `Head.decode`.
        output: number of the output with the boxes.
        yolox: whether the network wants pictures as YOLOX does, see `prepare`.
        grid: for boxes relative to the cells of grids: column and row of the cell, and its stride,
            float [N, 3]; None for boxes in pixels.
    """

    names: tuple[str, ...]
    layout: str
    output: int = 0
    yolox: bool = False
    grid: np.ndarray | None = None

    def __str__(self) -> str:
        """Say what was guessed, for the log."""
        if not self.yolox:
            return f'boxes in {self.layout}'
        return f'YOLOX with boxes in {"pixels" if self.grid is None else "cells of its grids"}'

    def decode(self, outputs: Sequence[np.ndarray]) -> Candidates:
        """Read boxes in pixels of the input, scores and classes out of what the network gave.

        'columns' has a candidate in each column (YOLOv8 and v11), 'rows' in each row, with an
        objectness before the classes (YOLOv5, YOLOv7, YOLOX), 'plain rows' without it. 'final' has
        x1, y1, x2, y2, score and class in each row, 'batched' the number of the picture, x1, y1,
        x2, y2, class and score. Columns behind these (coefficients of masks) are left alone.
        """
        rows = outputs[self.output].astype(np.float32, copy=False)
        rows = rows.reshape(rows.shape[-2:])
        count = len(self.names)
        if self.layout == 'final':
            return Candidates(rows[:, :4], rows[:, 4], _numbers(rows[:, 5]))
        if self.layout == 'batched':
            return Candidates(rows[:, 1:5], rows[:, 6], _numbers(rows[:, 5]))
        if self.layout == 'columns':
            rows = rows.T
        if self.layout == 'rows':
            class_scores = rows[:, 5 : 5 + count] * rows[:, 4:5]
        else:
            class_scores = rows[:, 4 : 4 + count]
        classes = class_scores.argmax(axis=1)
        scores = class_scores[np.arange(len(classes)), classes]
        center, half = self._in_pixels(rows[:, :2], rows[:, 2:4])
        return Candidates(np.hstack([center - half, center + half]), scores, classes)

    def _in_pixels(self, center: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return centres and half sizes in pixels."""
        if self.grid is None:
            return center, size / 2
        stride = self.grid[:, 2:]
        with np.errstate(over='ignore'):  # infinity is a fault that is counted later
            return (center + self.grid[:, :2]) * stride, np.exp(size) * stride / 2

    def fit(
        self, rgb: np.ndarray, size: tuple[int, int]
    ) -> tuple[np.ndarray, np.ndarray, int, int]:
        """Scale a picture into a grey canvas, in the middle, or top left for YOLOX.

        Args:
            rgb: uint8 [H, W, 3].
            size: height and width of the canvas.

        Returns:
            The canvas, the scale as (x, y, x, y), and the left and top border in pixels. The scale
            differs a little between the axes where a side was rounded to whole pixels.
        """
        height, width = rgb.shape[:2]
        scale = min(size[0] / height, size[1] / width)
        to_pixels = int if self.yolox else round
        inner_height = max(1, to_pixels(height * scale))
        inner_width = max(1, to_pixels(width * scale))
        top, left = (size[0] - inner_height) // 2, (size[1] - inner_width) // 2
        if self.yolox:
            top = left = 0
        canvas = np.full((*size, 3), _BORDER_GREY, np.uint8)
        canvas[top : top + inner_height, left : left + inner_width] = cv2.resize(
            rgb, (inner_width, inner_height), interpolation=cv2.INTER_LINEAR
        )
        return canvas, np.array([inner_width / width, inner_height / height] * 2), left, top

    def planes(self, canvas: np.ndarray) -> np.ndarray:
        """Make the network's input of uint8 [H, W, 3] RGB: float32 [1, 3, H, W].

        YOLOX takes blue first and bytes as they are, the others red first and 0 to 1.
        """
        scale = 1 / 255 if not self.yolox else 1.0
        return cv2.dnn.blobFromImage(canvas, scale, swapRB=self.yolox)


def understand(
    engine: Engine,
    outputs: Sequence[np.ndarray],
    size: tuple[int, int],
    names: Sequence[str],
) -> Head:
    """Tell how to read a network from its metadata and from what it gave for some picture.

    Args:
        engine: the loaded model.
        outputs: what it gave.
        size: height and width of its input.
        names: of its classes, from the user; empty for those in the file, or COCO's.

    Raises:
        ModelError: it is no detector, or none that is known here.
    """
    purpose = task(engine)
    if purpose in _OTHER_TASKS:
        raise ModelError(
            f'{engine.path}: is for the task {purpose!r} ({_OTHER_TASKS[purpose]}), not for '
            'detection; export a model of the task detect'
        )
    known = tuple(names) or class_names(engine)
    masks = next((output.shape[1] for output in outputs if output.ndim == 4), 0)
    for index, output in enumerate(outputs):
        for layout, count in _layouts(output.shape, masks):
            expected = len(known or COCO_NAMES)
            if count == expected or (count is None and known):
                head = Head(known or COCO_NAMES, layout, index)
                return _without_anchors(head, output, size) if layout == 'rows' else head
    raise ModelError(_not_understood(engine, outputs, known, purpose, given=bool(names)))


def _layouts(shape: tuple[int, ...], masks: int) -> Iterator[tuple[str, int | None]]:
    """List how an output may be read, each with the number of its classes, None for any."""
    if len(shape) == 2 and shape[1] == 7:
        yield 'batched', None
    if len(shape) != 3 or shape[0] != 1:
        return
    if shape[2] == 6 + masks and shape[1] <= _MOST_FINAL_BOXES:
        yield 'final', None
    yield 'columns', shape[1] - 4 - masks
    yield 'rows', shape[2] - 5 - masks
    yield 'plain rows', shape[2] - 4 - masks


def _without_anchors(head: Head, output: np.ndarray, size: tuple[int, int]) -> Head:
    """Look closer at rows with an objectness: those of YOLOX have one candidate in each cell.

    YOLOv6 has that too, but always gives one for the objectness and sees pictures as the others do.
    """
    grid = next((g for g in _grids(size) if len(g) == output.shape[1]), None)
    if grid is None or np.allclose(output[0, :, 4], 1, atol=1e-3):
        return head
    centers = output[0, :, :2].astype(np.float32)
    in_pixels = np.abs(centers - (grid[:, :2] + 0.5) * grid[:, 2:]).mean()
    in_cells = np.abs(centers - 0.5).mean()
    relative = grid if in_cells < in_pixels else None
    return Head(head.names, head.layout, head.output, yolox=True, grid=relative)


def _grids(size: tuple[int, int]) -> Iterator[np.ndarray]:
    """Lay out the cells of YOLOX: column, row and stride, float32 [N, 3], for three and four."""
    for strides in (_STRIDES[:3], _STRIDES):
        levels = []
        for stride in strides:
            rows, columns = np.indices((size[0] // stride, size[1] // stride), np.float32)
            levels.append(np.stack([columns, rows, np.full_like(rows, stride)], -1).reshape(-1, 3))
        yield np.concatenate(levels)


def _not_understood(
    engine: Engine,
    outputs: Sequence[np.ndarray],
    known: Sequence[str],
    purpose: str,
    *,
    given: bool,
) -> str:
    found = ', '.join(str(list(output.shape)) for output in outputs)
    names = f'{len(known)} class names' if known else 'no class names'
    where = 'given' if given else 'in its metadata'
    if purpose:
        names += f' and the task {purpose!r}'
    more = outputs[0].shape[1] - 4 - len(known) if known and outputs[0].ndim == 3 else 0
    perhaps = f'{more} rows more than a box and its classes: rotated boxes or a pose, perhaps; '
    return (
        f'{engine.path}: not a known detector; output {found} with {names} {where}; '
        'expected [1, N, 5 + classes], [1, 4 + classes, N], [1, N, 6] or [N, 7]; '
        f'{perhaps if 0 < more < _MOST_ROWS_MORE else ""}if the names are missing or wrong, name '
        'the classes (detector_class_names, --class-names)'
    )


def check_candidates(engine: Engine, head: Head, found: Candidates) -> None:
    """Look once at all that a network gives for a picture, before any of it is published.

    Args:
        engine: the loaded model, for its path.
        head: what was understood of it.
        found: of one picture, without a threshold.

    Raises:
        ModelError: numbers are not finite, scores leave 0 to 1, or most boxes have no extent.
    """
    faults = found.faults(len(head.names))
    if faults['not finite'].any():
        raise ModelError(
            f'{engine.path}: gives NaN or infinity for boxes or scores; export it again'
        )
    scores = found.scores[found.classes >= 0]  # -1 fills the rows that an end-to-end head leaves
    low, high = (scores.min(), scores.max()) if len(scores) else (0.0, 0.0)
    if low < -SCORE_TOLERANCE or high > 1 + SCORE_TOLERANCE:
        raise ModelError(
            f'{engine.path}: gives scores from {low:.3g} to {high:.3g}, which must lie in 0 to 1; '
            f'it may be {_perhaps(head)}; export it with its last activation, or as detect'
        )
    if (faults['unknown class'] & (found.scores > 0)).any():
        raise ModelError(
            f'{engine.path}: gives class number {found.classes.max()}, but there are '
            f'{len(head.names)} class names; name all (detector_class_names, --class-names)'
        )
    boxes = found.boxes[found.scores > 0]
    if len(boxes) and np.median((boxes[:, 2:] - boxes[:, :2]).min(axis=1)) < 1:
        raise ModelError(
            f'{engine.path}: gives boxes without extent, most are below one pixel; it may be a '
            'model whose boxes are shares of the picture (0 to 1) or not decoded; export it with '
            'boxes in pixels of its input'
        )


def _perhaps(head: Head) -> str:
    if head.yolox:
        return 'a YOLOX exported without the sigmoid of its scores'
    return 'a network without the sigmoid of its scores, or one whose columns mean something else'


def _numbers(values: np.ndarray) -> np.ndarray:
    """Make class numbers of floats; what is none becomes -1."""
    whole = np.where(np.isfinite(values), values, -1).clip(-1, 1e6)
    result: np.ndarray = whole.round().astype(np.intp)
    return result
