"""Scorers judge the pictures of a test set one by one and sum up the judgements at the end."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
import signal
from typing import Any
from typing import Protocol

import cv2
import numpy as np

from morngan_train.classes import Label
from morngan_train.data.boxes import OBJECTS
from morngan_train.data.boxes import read_boxes
from morngan_train.evaluation.dataset import read_mask
from morngan_train.evaluation.dataset import TestSet
from morngan_train.evaluation.exhaustive_detector import BoxesByClass
from morngan_train.metrics.apce import average_curve
from morngan_train.metrics.apce import kept_edges
from morngan_train.metrics.detection import average_precision
from morngan_train.metrics.detection import Boxes
from morngan_train.metrics.detection import FALSE_PER_FRAME
from morngan_train.metrics.detection import of_size
from morngan_train.metrics.detection import precision_and_recall
from morngan_train.metrics.detection import recall_at
from morngan_train.metrics.detection import SIZES
from morngan_train.metrics.detection import strict_average_precision
from morngan_train.metrics.realism import colorfulness
from morngan_train.metrics.realism import kid
from morngan_train.metrics.realism import kid_error
from morngan_train.metrics.segmentation import confusion
from morngan_train.metrics.segmentation import FLIR_CLASSES
from morngan_train.metrics.segmentation import iou
from morngan_train.metrics.segmentation import mean
from morngan_train.metrics.segmentation import mean_iou
from morngan_train.metrics.segmentation import MEANS

Scores = dict[str, float]

Judgements = Mapping[int, Any]
"""Of one scorer, by the number of the frame; values as JSON gives them back."""


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


class Finder(Protocol):
    """Tells what is in pictures: a detector, or what one found elsewhere."""

    @property
    def classes(self) -> Sequence[str]:
        """Those of `OBJECTS` that it knows."""

    @property
    def views(self) -> Sequence[str]:
        """Of `exhaustive_detector.VIEWS` those that it has; frames are compared by the first."""

    def find(self, index: int, rgb: np.ndarray, view: str) -> BoxesByClass:
        """Tell what is in the picture, uint8 [H, W, 3], of frame number `index`."""


class Objects:
    """AP at IoU 0.5 of what is found, in whole pictures and with tiles if the finder has them."""

    name = 'ap'

    def __init__(self, test_set: TestSet, finder: Finder) -> None:
        self.test_set = test_set
        self.finder = finder

    def judge(self, index: int, thermal: np.ndarray, color: np.ndarray) -> Any:
        """List what is found and what is there, in pixels, see `Scorer`."""
        assert self.test_set.boxes is not None
        height, width = thermal.shape
        truth = read_boxes(self.test_set.boxes[index], width, height)
        ignore = np.zeros((0, 5))
        if self.test_set.ignore is not None:
            ignore = read_boxes(self.test_set.ignore[index], width, height)
        judgement: dict[str, Any] = {'truth': truth.tolist(), 'ignore': ignore[:, 1:].tolist()}
        for view in self.finder.views:
            found = self.finder.find(index, color, view)
            judgement[view] = {
                name: [boxes.tolist(), scores.tolist()] for name, (boxes, scores) in found.items()
            }
        return judgement

    def of_frame(self, index: int, judgement: Any) -> Scores:
        """See `Scorer`."""
        score = f'ap50_{self.finder.views[0]}_mean'
        return {score: self.scores({index: judgement})[score]}

    def scores(self, judgements: Judgements) -> Scores:
        """See `Scorer`."""
        result: Scores = {}
        for view in self.finder.views:
            boxes = {
                name: [_boxes(judgement, view, name) for judgement in judgements.values()]
                for name in self.finder.classes
            }
            each = {name: average_precision(pictures) for name, pictures in boxes.items()}
            result |= {f'ap50_{view}_{name}': value for name, value in each.items()}
            result[f'ap50_{view}_mean'] = mean(list(each.values()))
            for name, pictures in boxes.items():
                result |= _details(f'{view}_{name}', pictures)
                if view == 'whole':  # as in the paper
                    result |= _precision_and_recall(name, pictures)
        return result


def _details(name: str, pictures: Sequence[Boxes]) -> Scores:
    """Return what tells more than AP50: by size, by tight boxes, and at a bearable rate."""
    by_size = {
        f'ap50_{name}_{size}': average_precision([of_size(p, size) for p in pictures])
        for size in SIZES
    }
    return {
        **by_size,
        f'ap5095_{name}': strict_average_precision(pictures),
        f'recall_at_{FALSE_PER_FRAME:g}_{name}': recall_at(pictures),
    }


def _precision_and_recall(name: str, pictures: Sequence[Boxes]) -> Scores:
    precision, recall = precision_and_recall(pictures)
    return {f'precision50_whole_{name}': precision, f'recall50_whole_{name}': recall}


def _boxes(judgement: Any, view: str, name: str) -> Boxes:
    """Return the boxes of one class."""
    truth = np.asarray(judgement['truth'], np.float64).reshape(-1, 5)
    boxes, scores = judgement[view][name]
    return Boxes(
        np.asarray(boxes, np.float64).reshape(-1, 4),
        np.asarray(scores, np.float64),
        truth[truth[:, 0] == OBJECTS.index(name), 1:],
        np.asarray(judgement['ignore'], np.float64).reshape(-1, 4),
    )


class SceneParser(Protocol):
    """Tells what each pixel shows: a network, or what one gave elsewhere."""

    def parse(self, index: int, rgb: np.ndarray) -> np.ndarray:
        """Return trainIds or 255, uint8 [H, W], of the picture of frame number `index`."""


class Scenes:
    """IoU of what a parser sees."""

    name = 'miou'

    def __init__(self, test_set: TestSet, parser: SceneParser) -> None:
        self.test_set = test_set
        self.parser = parser

    def judge(self, index: int, thermal: np.ndarray, color: np.ndarray) -> Any:
        """Count pixels by true and seen class, None without a mask, see `Scorer`."""
        assert self.test_set.masks is not None
        path = self.test_set.masks[index]
        if path is None:
            return None
        mask = read_mask(path, thermal)
        return confusion(mask, self.parser.parse(index, color)).tolist()

    def of_frame(self, index: int, judgement: Any) -> Scores:
        """See `Scorer`."""
        if judgement is None:
            return {'miou_flir': float('nan')}
        return {'miou_flir': mean_iou(iou(np.asarray(judgement)), FLIR_CLASSES)}

    def scores(self, judgements: Judgements) -> Scores:
        """See `Scorer`."""
        each = self._ious(judgements)
        return {
            **{name: mean_iou(each, classes) for name, classes in MEANS.items()},
            **{f'iou_{label.name.lower()}': float(each[label]) for label in Label},
        }

    def classes(self, judgements: Judgements) -> dict[str, int]:
        """Count the classes that each mean is over: those that the masks have."""
        there = np.isfinite(self._ious(judgements))
        return {name: int(there[list(classes)].sum()) for name, classes in MEANS.items()}

    def masked(self, judgements: Judgements) -> list[Any]:
        """List the counts of the frames that have masks."""
        return [counts for counts in judgements.values() if counts is not None]

    def _ious(self, judgements: Judgements) -> np.ndarray:
        return iou(np.asarray(self.masked(judgements), np.int64).sum(axis=0))


class Realism:
    """KID to real day pictures, and colourfulness.

    Args:
        see: Gives the features of the parts of a picture: uint8 [H, W, 3] -> float64 [P, D].
        real: Features of the parts of real day pictures, float64 [M, D].
    """

    name = 'realism'

    def __init__(self, see: Callable[[np.ndarray], np.ndarray], real: np.ndarray) -> None:
        self.see = see
        self.real = real

    def judge(self, index: int, thermal: np.ndarray, color: np.ndarray) -> Any:
        """Look at the parts of a picture, see `Scorer`."""
        return {'features': self.see(color).tolist(), 'colorfulness': colorfulness(color)}

    def of_frame(self, index: int, judgement: Any) -> Scores:
        """See `Scorer`; a distance of sets is none of single pictures."""
        return {'colorfulness': judgement['colorfulness']}

    def scores(self, judgements: Judgements) -> Scores:
        """See `Scorer`."""
        features = self._features(judgements)
        return {
            'kid': kid(features.reshape(-1, features.shape[-1]), self.real),
            'colorfulness': mean([j['colorfulness'] for j in judgements.values()]),
        }

    def error(self, judgements: Judgements) -> float:
        """Estimate the standard error of KID, see `kid_error`."""
        return kid_error(self._features(judgements), self.real)

    def _features(self, judgements: Judgements) -> np.ndarray:
        return np.asarray([j['features'] for j in judgements.values()], np.float64)
