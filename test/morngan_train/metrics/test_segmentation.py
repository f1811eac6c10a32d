"""IoU against plain loops and scikit-learn; test_published.py has the means of the paper."""

import numpy as np
import pytest

from morngan_train.classes import Label
from morngan_train.metrics.segmentation import confusion
from morngan_train.metrics.segmentation import FLIR_CLASSES
from morngan_train.metrics.segmentation import iou
from morngan_train.metrics.segmentation import KAIST_CLASSES
from morngan_train.metrics.segmentation import mean
from morngan_train.metrics.segmentation import mean_iou


def test_the_classes_by_number() -> None:
    assert sorted(FLIR_CLASSES) == [0, 2, 7, 10, 11, 13, 14, 15, 17]
    assert sorted(KAIST_CLASSES) == [0, 2, 7, 10, 11, 13, 15, 17]


def test_iou_against_plain_loops() -> None:
    rng = np.random.default_rng(0)
    values = np.array([*range(17), 255], np.uint8)  # 17 and 18 are nowhere
    truths, guesses = rng.choice(values, (2, 3, 20, 30))
    total = sum(confusion(t, g) for t, g in zip(truths, guesses, strict=True))
    ious = iou(np.asarray(total))
    for label in range(17):
        hits = union = 0
        for truth, guess in zip(truths.ravel().tolist(), guesses.ravel().tolist(), strict=True):
            if truth != 255:
                hits += truth == label and guess == label
                union += label in (truth, guess)
        assert ious[label] == pytest.approx(hits / union, abs=1e-6)
    assert np.isnan(ious[17:]).all()


@pytest.mark.parametrize('seed', range(3))
def test_iou_against_scikit_learn(seed: int) -> None:
    metrics = pytest.importorskip('sklearn.metrics')
    rng = np.random.default_rng(seed)
    # Few classes on one side, few on the other: some are only there, some only predicted.
    truth = rng.choice([0, 2, 7, 10, 11, 13, 255], (64, 80)).astype(np.uint8)
    guess = np.where(rng.random(truth.shape) < 0.6, truth, rng.choice([0, 2, 8, 14], truth.shape))
    guess[guess == 255] = 10
    known = truth != 255
    table = metrics.confusion_matrix(truth[known], guess[known], labels=range(19))
    union = table.sum(0) + table.sum(1) - table.diagonal()
    there = table.sum(1) > 0
    assert (union[~there] > 0).sum() == 2  # 8 and 14
    ious = iou(confusion(truth, guess.astype(np.uint8)))
    np.testing.assert_allclose(ious[there], table.diagonal()[there] / union[there], atol=1e-6)
    assert np.isnan(ious[~there]).all()
    classes = [label for label in FLIR_CLASSES if there[label]]
    jaccard = metrics.jaccard_score(
        truth[known], guess[known], labels=classes, average='macro', zero_division=0
    )
    assert mean_iou(ious, FLIR_CLASSES) == pytest.approx(jaccard, abs=1e-6)


def test_a_class_that_is_only_predicted_has_nothing() -> None:
    truth = np.full((2, 2), Label.ROAD, np.uint8)
    guess = truth.copy()
    guess[0, 0] = Label.BUS
    ious = iou(confusion(truth, guess))
    assert ious[Label.ROAD] == 0.75
    assert np.isnan(ious[Label.BUS])
    # A stray pixel costs its own class; the mean is over as many classes as without it.
    assert mean_iou(ious, FLIR_CLASSES) == 0.75


def test_means_leave_out_what_is_not_there() -> None:
    assert mean([1.0, float('nan'), 0.0]) == 0.5
    assert np.isnan(mean([float('nan')]))


def test_strange_values_and_shapes_are_refused() -> None:
    good = np.zeros((2, 2), np.uint8)
    with pytest.raises(ValueError, match='33 is not a trainId'):
        confusion(good + 33, good)
    with pytest.raises(ValueError, match='33 is not a trainId'):
        confusion(good, good + 33)
    with pytest.raises(ValueError, match='prediction'):
        confusion(good, good[:1])
