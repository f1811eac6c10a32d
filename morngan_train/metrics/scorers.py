"""Scorers take the pictures of a test set one by one and give named scores at the end."""

from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Protocol

import cv2
import numpy as np

from morngan_train.labels.classes import CLASSES
from morngan_train.labels.classes import Label
from morngan_train.metrics.apce import apce
from morngan_train.metrics.apce import kept_edges
from morngan_train.metrics.detection import average_precision
from morngan_train.metrics.detection import Boxes
from morngan_train.metrics.looking import Looker
from morngan_train.metrics.parser import SceneParser
from morngan_train.metrics.segmentation import confusion
from morngan_train.metrics.segmentation import FLIR_CLASSES
from morngan_train.metrics.segmentation import iou
from morngan_train.metrics.segmentation import KAIST_CLASSES
from morngan_train.metrics.segmentation import mean
from morngan_train.metrics.segmentation import mean_iou
from morngan_train.metrics.segmentation import SMALL_CLASSES
from morngan_train.metrics.test_set import OBJECTS
from morngan_train.metrics.test_set import read_boxes
from morngan_train.metrics.test_set import read_mask
from morngan_train.metrics.test_set import TestSet

Scores = dict[str, float]


class Scorer(Protocol):
    """Judges pictures."""

    def add(self, index: int, thermal: np.ndarray, color: np.ndarray) -> None:
        """Look at a picture, uint8 [H, W, 3], of frame number `index`, uint8 [H, W]."""

    def scores(self) -> Scores:
        """Sum up; nan where the test set holds nothing to judge."""


@contextmanager
def processes(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Start processes for edges; what is pending when something fails is not worked off."""
    pool = ProcessPoolExecutor(jobs, get_context('spawn'), cv2.setNumThreads, (1,))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


class Edges:
    """APCE. It takes longer than colorizing, so it is left to other processes."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self.pool = pool
        self._curves: list[Future[np.ndarray]] = []

    def add(self, index: int, thermal: np.ndarray, color: np.ndarray) -> None:
        """See `Scorer`."""
        self._curves.append(self.pool.submit(kept_edges, thermal, color))

    def scores(self) -> Scores:
        """See `Scorer`."""
        return {'apce': apce([curve.result() for curve in self._curves])}


class Objects:
    """AP at IoU 0.5 of what a detector finds, in whole pictures and with tiles."""

    def __init__(self, test_set: TestSet, looker: Looker) -> None:
        self.test_set = test_set
        self.looker = looker
        self._seen: dict[tuple[str, str], list[Boxes]] = {
            (way, name): [] for way in ('tiled', 'whole') for name in looker.classes
        }

    def add(self, index: int, thermal: np.ndarray, color: np.ndarray) -> None:
        """See `Scorer`."""
        assert self.test_set.boxes is not None
        height, width = thermal.shape
        truth = read_boxes(self.test_set.boxes[index], width, height)
        ignore = np.zeros((0, 5))
        if self.test_set.ignore is not None:
            ignore = read_boxes(self.test_set.ignore[index], width, height)
        for way in ('tiled', 'whole'):
            found = self.looker.look(color, tiles=way == 'tiled')
            for name, (boxes, scores) in found.items():
                mine = truth[truth[:, 0] == OBJECTS.index(name), 1:]
                self._seen[way, name].append(Boxes(boxes, scores, mine, ignore[:, 1:]))

    def scores(self) -> Scores:
        """See `Scorer`."""
        result: Scores = {}
        for way in ('tiled', 'whole'):
            each = {n: average_precision(self._seen[way, n]) for n in self.looker.classes}
            result |= {f'ap50_{way}_{name}': value for name, value in each.items()}
            result[f'ap50_{way}_mean'] = mean(list(each.values()))
        return result


class Scenes:
    """IoU of what a parser sees."""

    def __init__(self, test_set: TestSet, parser: SceneParser) -> None:
        self.test_set = test_set
        self.parser = parser
        self._counts = np.zeros((CLASSES, CLASSES + 1), np.int64)

    def add(self, index: int, thermal: np.ndarray, color: np.ndarray) -> None:
        """See `Scorer`."""
        assert self.test_set.masks is not None
        mask = read_mask(self.test_set.masks[index], thermal)
        self._counts += confusion(mask, self.parser(color))

    def scores(self) -> Scores:
        """See `Scorer`."""
        each = iou(self._counts)
        return {
            'miou_flir': mean_iou(each, FLIR_CLASSES),
            'miou_kaist': mean_iou(each, KAIST_CLASSES),
            'miou_small': mean_iou(each, SMALL_CLASSES),
            **{f'iou_{label.name.lower()}': float(each[label]) for label in Label},
        }
