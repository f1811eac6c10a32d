"""Scorers judge the pictures of a test set one by one and sum up the judgements at the end."""

from collections.abc import Iterator
from collections.abc import Mapping
from concurrent.futures import Future
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
import signal
from typing import Any
from typing import Protocol

import cv2
import numpy as np

from morngan_train.labels.classes import Label
from morngan_train.metrics.apce import average_curve
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

Judgements = Mapping[int, Any]
"""Of one scorer, by the number of the frame; values as JSON gives them back."""

WAYS = ('tiled', 'whole')
"""Of looking for objects, see `Looker.look`."""


class Scorer(Protocol):
    """Judges pictures."""

    name: str
    """Of the metric."""

    def judge(self, index: int, thermal: np.ndarray, color: np.ndarray) -> Any:
        """Look at the picture, uint8 [H, W, 3], of frame number `index`, uint8 [H, W].

        Returns:
            All that is needed to sum up, in types that JSON has; or a future of it.
        """

    def of_frame(self, index: int, judgement: Any) -> Scores:
        """Tell how a single frame does; nan where there is nothing to judge."""

    def scores(self, judgements: Judgements) -> Scores:
        """Sum up; nan where the test set holds nothing to judge."""


@contextmanager
def processes(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Start processes for edges; what is pending when something fails is not worked off."""
    pool = ProcessPoolExecutor(jobs, get_context('spawn'), _prepare_process)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _prepare_process() -> None:
    cv2.setNumThreads(1)
    # Ctrl-C reaches all processes of a terminal; only the first one says something about it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class Edges:
    """APCE. It takes longer than colorizing, so it is left to other processes."""

    name = 'apce'

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self.pool = pool

    def judge(self, index: int, thermal: np.ndarray, color: np.ndarray) -> Future[list[float]]:
        """Measure the share of edges that are kept at each threshold, see `Scorer`."""
        return self.pool.submit(_kept_edges, thermal, color)

    def of_frame(self, index: int, judgement: Any) -> Scores:
        """See `Scorer`."""
        return {'apce': mean(judgement)}

    def curve(self, judgements: Judgements) -> list[float]:
        """Average the pictures: 99 shares, nan where no picture has edges."""
        return [float(share) for share in average_curve([*judgements.values()])]

    def scores(self, judgements: Judgements) -> Scores:
        """See `Scorer`."""
        return {'apce': mean(self.curve(judgements))}


def _kept_edges(thermal: np.ndarray, color: np.ndarray) -> list[float]:
    return [float(share) for share in kept_edges(thermal, color)]


class Objects:
    """AP at IoU 0.5 of what a detector finds, in whole pictures and with tiles."""

    name = 'ap'

    def __init__(self, test_set: TestSet, looker: Looker) -> None:
        self.test_set = test_set
        self.looker = looker

    def judge(self, index: int, thermal: np.ndarray, color: np.ndarray) -> Any:
        """List what is found and what is there, in pixels, see `Scorer`."""
        assert self.test_set.boxes is not None
        height, width = thermal.shape
        truth = read_boxes(self.test_set.boxes[index], width, height)
        ignore = np.zeros((0, 5))
        if self.test_set.ignore is not None:
            ignore = read_boxes(self.test_set.ignore[index], width, height)
        judgement: dict[str, Any] = {'truth': truth.tolist(), 'ignore': ignore[:, 1:].tolist()}
        for way in WAYS:
            found = self.looker.look(color, tiles=way == 'tiled')
            judgement[way] = {
                name: [boxes.tolist(), scores.tolist()] for name, (boxes, scores) in found.items()
            }
        return judgement

    def of_frame(self, index: int, judgement: Any) -> Scores:
        """See `Scorer`."""
        return {'ap50_tiled_mean': self.scores({index: judgement})['ap50_tiled_mean']}

    def scores(self, judgements: Judgements) -> Scores:
        """See `Scorer`."""
        result: Scores = {}
        for way in WAYS:
            each = {
                name: average_precision([_boxes(j, way, name) for j in judgements.values()])
                for name in self.looker.classes
            }
            result |= {f'ap50_{way}_{name}': value for name, value in each.items()}
            result[f'ap50_{way}_mean'] = mean(list(each.values()))
        return result


def _boxes(judgement: Any, way: str, name: str) -> Boxes:
    """Return the boxes of one class."""
    truth = np.asarray(judgement['truth'], np.float64).reshape(-1, 5)
    boxes, scores = judgement[way][name]
    return Boxes(
        np.asarray(boxes, np.float64).reshape(-1, 4),
        np.asarray(scores, np.float64),
        truth[truth[:, 0] == OBJECTS.index(name), 1:],
        np.asarray(judgement['ignore'], np.float64).reshape(-1, 4),
    )


class Scenes:
    """IoU of what a parser sees."""

    name = 'miou'

    def __init__(self, test_set: TestSet, parser: SceneParser) -> None:
        self.test_set = test_set
        self.parser = parser

    def judge(self, index: int, thermal: np.ndarray, color: np.ndarray) -> Any:
        """Count pixels by true and seen class, see `Scorer`."""
        assert self.test_set.masks is not None
        mask = read_mask(self.test_set.masks[index], thermal)
        return confusion(mask, self.parser(color)).tolist()

    def of_frame(self, index: int, judgement: Any) -> Scores:
        """See `Scorer`."""
        return {'miou_flir': mean_iou(iou(np.asarray(judgement)), FLIR_CLASSES)}

    def scores(self, judgements: Judgements) -> Scores:
        """See `Scorer`."""
        each = iou(np.asarray([*judgements.values()], np.int64).sum(axis=0))
        return {
            'miou_flir': mean_iou(each, FLIR_CLASSES),
            'miou_kaist': mean_iou(each, KAIST_CLASSES),
            'miou_small': mean_iou(each, SMALL_CLASSES),
            **{f'iou_{label.name.lower()}': float(each[label]) for label in Label},
        }
