"""APCE, average precision of Canny edges: how many edges of the thermal frame survive."""

from collections.abc import Sequence

import numpy as np

from morngan_train.metrics.canny import edge_levels
from morngan_train.metrics.canny import gray
from morngan_train.metrics.canny import ridges
from morngan_train.metrics.canny import THRESHOLDS


def kept_edges(thermal: np.ndarray, color: np.ndarray) -> np.ndarray:
    """Measure the share of thermal edge pixels that are edge pixels of the colour picture.

    The place must be the same to the pixel. It is a recall, whatever the name of the metric says:
    edges that colour adds cost nothing.

    Args:
        thermal: uint8 [H, W].
        color: uint8 [H, W, 3] RGB of the same size.

    Returns:
        float64 [99] in [0, 1] for each threshold; nan where thermal has no edges.

    Raises:
        ValueError: The sizes differ.
    """
    if thermal.shape != color.shape[:2]:
        raise ValueError(
            f'thermal {list(thermal.shape)} and colour {list(color.shape)} differ in size'
        )
    there = edge_levels(ridges(thermal))
    kept = np.minimum(there, edge_levels(ridges(gray(color))))
    edges = _count(there)
    result: np.ndarray = np.divide(
        _count(kept), edges, out=np.full(THRESHOLDS, np.nan), where=edges > 0
    )
    return result


def average_curve(pictures: Sequence[np.ndarray] | Sequence[Sequence[float]]) -> np.ndarray:
    """Average what `kept_edges` returns over the pictures.

    Args:
        pictures: A row of 99 for each picture. Where a picture has no thermal edges it does not
            count.

    Returns:
        float64 [99] in [0, 1]; nan where no picture has edges.
    """
    curves = np.stack([np.asarray(curve, np.float64) for curve in pictures])
    counted = np.isfinite(curves)
    sums, counts = np.where(counted, curves, 0.0).sum(axis=0), counted.sum(axis=0)
    result: np.ndarray = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    return result


def _count(levels: np.ndarray) -> np.ndarray:
    """Count the edge pixels of each threshold, int64 [99]."""
    histogram = np.bincount(levels.ravel(), minlength=THRESHOLDS + 1)
    return histogram[::-1].cumsum()[::-1][1:]
