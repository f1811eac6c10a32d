"""The model that ships finds the road users of the simulated street, whose truth is known."""

import numpy as np
import pytest

from morngan_ros import default_model
from morngan_ros import Pipeline
from morngan_ros.simulation.thermal_scene import ThermalScene

STAMPS = np.arange(0.5, 26.0, 1.5)
TALL = 40
"""Pixels of the persons that must be found."""


def iou(a, b) -> float:
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    common = np.clip(high - low, 0, None).prod()
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return float(common / (sum(areas) - common))


def hits(boxes, others) -> int:
    """Count boxes that overlap a box of their class among the others by half."""
    return sum(
        any(label == name and iou(np.array(box), np.array(other)) >= 0.5 for name, other in others)
        for label, box in boxes
    )


@pytest.fixture(scope='module')
def street():
    """Truth and finds by frame, each a list of (label, box)."""
    pipeline = Pipeline.load(default_model())
    scene = ThermalScene(640, 512)
    frames = []
    for stamp in STAMPS:
        view = scene.render(float(stamp))
        truth = [(label, tuple(box)) for label, *box in view.boxes]
        result = pipeline(view.counts, float(stamp))
        frames.append((truth, [(d.label, d.box) for d in result.detections]))
    return frames


def test_persons_are_found(street):
    tall = [
        ([(n, b) for n, b in truth if n == 'person' and b[3] - b[1] > TALL], found)
        for truth, found in street
    ]
    count = sum(len(truth) for truth, _ in tall)
    assert count > 20
    # 0.85 as measured; runtimes differ in the last bit.
    assert sum(hits(truth, found) for truth, found in tall) / count >= 0.75


def test_what_is_found_is_there(street):
    count = sum(len(found) for _, found in street)
    assert count > 20
    # 0.71 as measured: cars far away and loose boxes are the rest.
    assert sum(hits(found, truth) for truth, found in street) / count >= 0.6
