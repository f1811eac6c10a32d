"""Canny edges as MATLAB's `edge(image, 'canny', [low high])` finds them, for many thresholds."""

import cv2
import numpy as np

SIGMA = 2**0.5
RADIUS = 6
"""Of the filters: 13 taps."""

THRESHOLDS = 99
"""Threshold j of 1..99 is high = 0.01 j and low = half of it, both exclusive."""

_LOW = 0.01 * np.arange(1, THRESHOLDS + 1) / 2

_RED, _GREEN, _BLUE = 0.298936, 0.587043, 0.114021


def gray(rgb: np.ndarray) -> np.ndarray:
    """Return the luma of uint8 [H, W, 3] RGB, rounded to uint8 [H, W] as MATLAB's rgb2gray does."""
    luma = rgb @ np.array([_RED, _GREEN, _BLUE])
    result: np.ndarray = np.rint(luma).clip(0, 255).astype(np.uint8)
    return result


def ridges(image: np.ndarray) -> np.ndarray:
    """Thin the gradient of a picture to its ridges.

    Args:
        image: One channel [H, W] of any real type and range.

    Returns:
        Gradient magnitude over its maximum, float64 [H, W] in [0, 1]; 0 off the ridges, at the
        border, and everywhere in a picture of a single level.
    """
    smooth, slope = _filters()
    levels = image.astype(np.float64)
    border = cv2.BORDER_REPLICATE
    dx = cv2.sepFilter2D(levels, cv2.CV_64F, slope, smooth, borderType=border)
    dy = cv2.sepFilter2D(levels, cv2.CV_64F, smooth, slope, borderType=border)
    magnitude = np.hypot(dx, dy)
    largest = magnitude.max()
    # The filters leave rounding errors of a picture of a single level, not nothing.
    if largest <= 1e-9 * max(1.0, np.abs(levels).max()):
        return np.zeros(image.shape)
    return _suppress(magnitude / largest, dx, dy)


def edge_levels(thinned: np.ndarray) -> np.ndarray:
    """Tell up to which threshold each pixel is an edge.

    A lower threshold only adds edges: every region of weak pixels grows, and so does its largest
    magnitude. So one number for each pixel holds the edge maps of all thresholds.

    Args:
        thinned: What `ridges` returns.

    Returns:
        int64 [H, W] in 0..99: the edge map of threshold j is `levels >= j`.
    """
    flat = thinned.ravel()
    pixels = np.flatnonzero(flat > _LOW[0])
    # The last threshold at which a pixel is weak, and at which it is strong.
    weak, strong = np.searchsorted(_LOW, flat[pixels]), np.searchsorted(2 * _LOW, flat[pixels])
    first, second = _neighbours(pixels, thinned.shape)
    levels = np.zeros(flat.size, np.int64)
    levels[pixels] = _join(strong, first, second, np.minimum(weak[first], weak[second]))
    return levels.reshape(thinned.shape)


def canny(image: np.ndarray, j: int) -> np.ndarray:
    """Return the edge map, bool [H, W], of one picture [H, W] for threshold j of 1..99.

    The same as `edge_levels(ridges(image)) >= j`, much faster for a single threshold.
    """
    thinned, low = ridges(image), _LOW[j - 1]
    _, parts = cv2.connectedComponents((thinned > low).astype(np.uint8), connectivity=8)
    strong = np.zeros(parts.max() + 1, bool)
    strong[parts[thinned > 2 * low]] = True
    return strong[parts]


def _filters() -> tuple[np.ndarray, np.ndarray]:
    """Return a Gaussian and its discrete derivative; each lobe of the latter sums to 1."""
    x = np.arange(-RADIUS, RADIUS + 1)
    gaussian = np.exp(-(x**2) / (2 * SIGMA**2))
    gaussian /= gaussian.sum()
    slope = np.gradient(gaussian)
    return gaussian, slope / slope[slope > 0].sum()


def _suppress(magnitude: np.ndarray, dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """Keep pixels that are no smaller than both points where the gradient leaves their ring."""
    width = magnitude.shape[1]
    inner = np.zeros(magnitude.shape, bool)
    inner[1:-1, 1:-1] = magnitude[1:-1, 1:-1] > 0
    at = np.flatnonzero(inner)
    m, x, y = magnitude.ravel(), dx.ravel()[at], dy.ravel()[at]
    step_x, step_y = np.where(x < 0, -1, 1), np.where(y < 0, -width, width)
    x, y = np.abs(x), np.abs(y)
    along = np.where(x >= y, step_x, step_y)
    diagonal = step_x + step_y
    share = np.minimum(x, y) / np.maximum(x, y)
    ahead = (1 - share) * m[at + along] + share * m[at + diagonal]
    behind = (1 - share) * m[at - along] + share * m[at - diagonal]
    kept = at[(m[at] >= ahead) & (m[at] >= behind)]
    thinned = np.zeros(m.size)
    thinned[kept] = m[kept]
    return thinned.reshape(magnitude.shape)


def _neighbours(pixels: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Pair pixels that touch, corners too: positions in `pixels`, each pair once."""
    width = shape[1] + 2  # a frame, so that the ends of rows do not touch
    rows, columns = np.divmod(pixels, shape[1])
    framed = (rows + 1) * width + columns + 1
    place = np.full((shape[0] + 2) * width, -1)
    place[framed] = np.arange(len(pixels))
    partners = np.concatenate([place[framed + step] for step in (1, width - 1, width, width + 1)])
    here = np.tile(np.arange(len(pixels)), 4)
    return here[partners >= 0], partners[partners >= 0]


def _join(
    strong: np.ndarray, first: np.ndarray, second: np.ndarray, upto: np.ndarray
) -> np.ndarray:
    """Join pixels from the highest threshold down to regions, and regions to larger ones.

    Args:
        strong: Up to which threshold each pixel is strong, [N].
        first: Pixels that touch another one, [P].
        second: The other ones.
        upto: Up to which threshold both are weak.

    Returns:
        Up to which threshold each pixel is an edge, [N].
    """
    reach: list[int] = strong.tolist()  # of a region: of its strongest pixel
    level = list(reach)
    link = list(range(len(reach)))  # towards the region that holds it now, shortened when walked
    above: list[int] = [-1] * len(reach)  # the region that it became part of first
    order = np.argsort(-upto, kind='stable')
    pairs = zip(first[order].tolist(), second[order].tolist(), upto[order].tolist(), strict=True)
    for a, b, j in pairs:
        while link[a] != a:
            link[a] = a = link[link[a]]
        while link[b] != b:
            link[b] = b = link[link[b]]
        if a == b:
            continue
        region = len(link)
        link[a] = link[b] = above[a] = above[b] = region
        link.append(region)
        above.append(-1)
        reach.append(max(reach[a], reach[b]))
        level.append(min(j, reach[region]))
    # What a region is, all its parts are; larger ones come later.
    for part in range(len(level) - 1, -1, -1):
        if above[part] >= 0:
            level[part] = max(level[part], level[above[part]])
    return np.array(level[: len(strong)], np.int64)
