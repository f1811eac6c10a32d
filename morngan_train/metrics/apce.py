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
    return np.divide(_count(kept), edges, out=np.full(THRESHOLDS, np.nan), where=edges > 0)


def apce(pictures: Sequence[np.ndarray]) -> float:
    """Average over the pictures, then over the thresholds.

    Args:
        pictures: What `kept_edges` returns, for each picture. Where a picture has no thermal edges
            it does not count.

    Returns:
        In [0, 1]; thresholds at which no picture has edges are left out, nan if all are.
    """
    curves = np.stack([np.asarray(curve) for curve in pictures])
    counted = np.isfinite(curves)
    known = counted.any(axis=0)
    if not known.any():
        return float('nan')
    sums = np.where(counted, curves, 0.0).sum(axis=0)
    return float((sums[known] / counted.sum(axis=0)[known]).mean())


def _count(levels: np.ndarray) -> np.ndarray:
    """Count the edge pixels of each threshold, int64 [99]."""
    histogram = np.bincount(levels.ravel(), minlength=THRESHOLDS + 1)
    return histogram[::-1].cumsum()[::-1][1:]
