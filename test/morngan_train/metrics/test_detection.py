"""Average precision: hand-worked cases, a slow re-implementation, pycocotools, the yardstick."""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from morngan_train.metrics.detection import average_precision
from morngan_train.metrics.detection import Boxes
from morngan_train.metrics.detection import of_size
from morngan_train.metrics.detection import precision_and_recall
from morngan_train.metrics.detection import recall_at
from morngan_train.metrics.detection import strict_average_precision

NONE = np.zeros((0, 4))


def _boxes(
    found: list[tuple[float, ...]], truth: list[tuple[float, ...]], ignore: np.ndarray = NONE
) -> Boxes:
    """Make a picture; rows of `found` end with their score."""
    rows = np.array(found, float).reshape(-1, 5)
    return Boxes(rows[:, :4], rows[:, 4], np.array(truth, float).reshape(-1, 4), ignore)


def test_hand_worked() -> None:
    truth = [(0.0, 0.0, 10.0, 10.0), (20.0, 0.0, 30.0, 10.0)]
    hit, false, second = (0, 0, 10, 10, 0.9), (50, 50, 60, 60, 0.8), (20, 0, 30, 10, 0.7)
    assert average_precision([_boxes([hit, second], truth)]) == 1.0
    # Precision 1 up to recall 0.5 (51 of 101 places), 2/3 beyond.
    expected = (51 + 50 * 2 / 3) / 101
    assert average_precision([_boxes([hit, false, second], truth)]) == pytest.approx(expected)
    # The second box on the same object is false.
    assert average_precision([_boxes([hit, hit], truth)]) == pytest.approx(51 / 101)
    assert average_precision([_boxes([], truth)]) == 0.0
    assert np.isnan(average_precision([_boxes([hit], [])]))


def test_precision_and_recall_by_hand() -> None:
    truth = [(0.0, 0.0, 10.0, 10.0), (20.0, 0.0, 30.0, 10.0)]
    hit, false, unsure = (0, 0, 10, 10, 0.9), (50, 50, 60, 60, 0.1), (20, 0, 30, 10, 0.09)
    assert precision_and_recall([_boxes([hit, false, unsure], truth)]) == (0.5, 0.5)
    assert precision_and_recall([_boxes([hit, false, unsure], truth)], 0.05) == (2 / 3, 1.0)
    # Over all pictures together, one of them without objects; the second box on one is false.
    pictures = [_boxes([hit, hit], truth), _boxes([false], [])]
    assert precision_and_recall(pictures) == (1 / 3, 0.5)
    assert precision_and_recall([_boxes([unsure], truth)]) == (0.0, 0.0)
    assert np.isnan(precision_and_recall([_boxes([hit], [])])).all()
    everywhere = np.array([[40.0, 40.0, 200.0, 200.0]])
    assert precision_and_recall([_boxes([hit, false], truth, everywhere)]) == (1.0, 0.5)


def test_iou_of_one_half_is_a_hit() -> None:
    truth = [(0.0, 0.0, 10.0, 10.0)]
    assert average_precision([_boxes([(0, 0, 10, 5, 0.9)], truth)]) == 1.0
    assert average_precision([_boxes([(0, 0, 10, 4.9, 0.9)], truth)]) == 0.0


def test_more_than_half_inside_an_ignore_region_does_not_count() -> None:
    truth = [(0.0, 0.0, 10.0, 10.0)]
    hit = (0, 0, 10, 10, 0.5)
    region = np.array([[100.0, 0.0, 110.0, 10.0]])
    inside, half = (104, 0, 114, 10, 0.9), (105, 0, 115, 10, 0.9)
    assert average_precision([_boxes([inside, hit], truth, region)]) == 1.0
    assert average_precision([_boxes([half, hit], truth, region)]) == 0.5
    # A hit counts wherever it is.
    everywhere = np.array([[0.0, 0.0, 200.0, 200.0]])
    assert average_precision([_boxes([hit], truth, everywhere)]) == 1.0


def test_no_limit_of_detections() -> None:
    truth = [(20.0 * i, 0.0, 20.0 * i + 10, 10.0) for i in range(400)]
    found = [(*box, 1 - i / 1000) for i, box in enumerate(truth)]
    assert average_precision([_boxes(found, truth)]) == 1.0


def _scene(rng: np.random.Generator, *, ignore: bool) -> list[Boxes]:
    pictures = []
    for _ in range(12):
        corner = rng.uniform(0, 80, (int(rng.integers(0, 7)), 2))
        truth = np.hstack([corner, corner + rng.uniform(5, 30, corner.shape)])
        near = truth[rng.integers(0, len(truth), 9)] if len(truth) else np.zeros((0, 4))
        near = near + rng.normal(0, 2.0, near.shape)
        near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 1)
        corner = rng.uniform(0, 80, (6, 2))
        found = np.vstack([near, np.hstack([corner, corner + rng.uniform(5, 30, (6, 2))])])
        corner = rng.uniform(0, 60, (2 if ignore else 0, 2))
        regions = np.hstack([corner, corner + 30])
        pictures.append(Boxes(found, rng.permutation(len(found)) / 100 + 0.01, truth, regions))
    return pictures


def _common(a: np.ndarray, b: np.ndarray) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def _size(a: np.ndarray) -> float:
    return (a[2] - a[0]) * (a[3] - a[1])


def _slow(pictures: list[Boxes]) -> float:
    """Compute it one box at a time, and the curve by its definition."""
    judged: list[tuple[float, bool]] = []
    for picture in pictures:
        free = list(range(len(picture.truth)))
        for i in sorted(range(len(picture.scores)), key=lambda i: -picture.scores[i]):
            box, best, match = picture.found[i], 0.5, None
            for j in free:
                common = _common(box, picture.truth[j])
                iou = common / (_size(box) + _size(picture.truth[j]) - common)
                if iou >= best:
                    best, match = iou, j
            if match is not None:
                free.remove(match)
                judged.append((picture.scores[i], True))
            elif all(_common(box, region) / _size(box) <= 0.5 for region in picture.ignore):
                judged.append((picture.scores[i], False))
    judged.sort(key=lambda row: -row[0])
    total = sum(len(picture.truth) for picture in pictures)
    curve, hits = [], 0
    for count, (_, hit) in enumerate(judged, 1):
        hits += hit
        curve.append((hits / total, hits / count))
    reached = [[p for r, p in curve if r >= wanted] for wanted in np.linspace(0, 1, 101)]
    return sum(max(precisions, default=0.0) for precisions in reached) / 101


@pytest.mark.parametrize('seed', range(5))
def test_against_a_slow_one(seed: int) -> None:
    pictures = _scene(np.random.default_rng(seed), ignore=True)
    for i, picture in enumerate(pictures):
        # Scores differ between pictures: sorting of equal ones is no matter of this test.
        picture.scores[:] += i / 10000
    value = average_precision(pictures)
    assert value == pytest.approx(_slow(pictures), abs=1e-9)
    assert 0.1 < value < 0.9


@pytest.mark.parametrize('ignore', [False, True])
@pytest.mark.parametrize('seed', range(5))
def test_against_pycocotools(seed: int, ignore: bool) -> None:
    """Three classes, ignore regions as crowds of each: what they cover by half does not count.

    Half exactly counts here and not there, which has no chance to occur.
    """
    pytest.importorskip('pycocotools')
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    rng = np.random.default_rng(seed)
    classes = {number: _scene(rng, ignore=ignore) for number in (1, 2, 3)}
    truth: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    for number, pictures in classes.items():
        for i, picture in enumerate(pictures, 1):
            picture.scores[:] += i / 10000
            where = {'image_id': i, 'category_id': number}
            for crowd, boxes in ((0, picture.truth), (1, picture.ignore)):
                for box in map(_as_coco, boxes):
                    about = {'id': len(truth) + 1, 'area': box[2] * box[3], 'iscrowd': crowd}
                    truth.append({**where, **about, 'bbox': box})
            for box, score in zip(picture.found, picture.scores.tolist(), strict=True):
                found.append({**where, 'bbox': _as_coco(box), 'score': score})
    coco = COCO()
    coco.dataset = {
        'info': {},
        'images': [{'id': i} for i in range(1, 13)],
        'categories': [{'id': number} for number in classes],
        'annotations': truth,
    }
    coco.createIndex()
    judge = COCOeval(coco, coco.loadRes(found), 'bbox')
    judge.params.iouThrs, judge.params.maxDets = np.array([0.5]), [1000]
    judge.evaluate()
    judge.accumulate()
    for place, pictures in enumerate(classes.values()):
        expected = judge.eval['precision'][0, :, place, 0, 0].mean()
        assert average_precision(pictures) == pytest.approx(expected, abs=1e-9)
        without = [Boxes(p.found, p.scores, p.truth, NONE) for p in pictures]
        assert (average_precision(without) != pytest.approx(expected, abs=1e-3)) == ignore


def _as_coco(box: np.ndarray) -> list[float]:
    x1, y1, x2, y2 = box.tolist()
    return [x1, y1, x2 - x1, y2 - y1]


def test_agrees_with_the_yardstick_on_the_same_boxes(flir: Path, yardstick: ModuleType) -> None:
    rng = np.random.default_rng(0)
    truth, ignore, found, pictures = {}, {}, {}, []
    for path in sorted((flir / 'testB_boxes').glob('*.txt')):
        name = path.stem
        truth[name] = yardstick.read_boxes(path)
        ignore[name] = yardstick.read_boxes(flir / 'testB_ignore' / path.name)
        cars = truth[name][truth[name][:, 0] == 2][:, 1:]
        others = rng.uniform(0, 400, (20, 2))
        boxes = np.vstack(
            [
                cars + rng.normal(0, 2, cars.shape),
                ignore[name][:, 1:],
                np.hstack([others, others + 40]),
            ]
        )
        found[name] = {2: (boxes, rng.random(len(boxes)))}
        pictures.append(Boxes(*found[name][2], cars, ignore[name][:, 1:]))
    expected = yardstick.ap50(found, truth, ignore, 2)
    assert average_precision(pictures) == pytest.approx(expected, abs=0.01)


def picture(found, scores, truth):
    each = [np.array(boxes, float).reshape(-1, 4) for boxes in (found, truth, [])]
    return Boxes(each[0], np.array(scores, float), each[1], each[2])


def test_recall_at_a_bearable_rate_of_false_detections():
    """Ten frames bear one false detection: what is surer than the second counts."""
    box, other = [0, 0, 10, 10], [50, 50, 60, 60]
    pictures = [picture([], [], [box]) for _ in range(6)]
    pictures += [
        picture([box], [0.9], [box]),
        picture([other, box], [0.8, 0.7], [box]),
        picture([other], [0.6], [box]),
        picture([box], [0.5], [box]),
    ]
    assert recall_at(pictures) == pytest.approx(2 / 10)
    assert recall_at(pictures, 0.0) == pytest.approx(1 / 10)
    assert recall_at(pictures, 0.2) == pytest.approx(3 / 10)
    assert np.isnan(recall_at([picture([box], [0.9], [])]))


def test_strict_average_precision_counts_tightness():
    loose = picture([[0, 0, 10, 8]], [0.9], [[0, 0, 10, 10]])  # IoU 0.8
    assert average_precision([loose]) == 1
    # 0.5, 0.55, ..., 0.8 of ten thresholds, if rounding spares the last.
    assert strict_average_precision([loose]) == pytest.approx(0.65, abs=0.051)


def test_sizes_leave_other_objects_out():
    small, large = [0, 0, 10, 20], [100, 100, 250, 300]
    both = picture([small, large, [400, 0, 410, 20]], [0.9, 0.8, 0.7], [small, large])
    assert average_precision([of_size(both, 'small')]) == 1
    assert average_precision([of_size(both, 'large')]) == 1
    assert len(of_size(both, 'small').found) == 2  # the false one is small too
    assert len(of_size(both, 'large').found) == 1
    assert np.isnan(average_precision([of_size(both, 'medium')]))
    # A hit may have another size than its object.
    near = picture([[0, 0, 33, 33]], [0.9], [[0, 0, 31, 31]])
    assert average_precision([of_size(near, 'small')]) == 1
