"""Contours of thermal pictures: edges that their surround does not hold down.

After Yang, Li and Li, 'Multifeature-based surround inhibition improves contour detection in natural
images', IEEE Transactions on Image Processing 23(12), 2014, with which the night edge maps of the
paper were made. An edge amid many alike (leaves, grass, sensor noise) is texture, and its surround
inhibits it; an edge that stands alone is a contour and stays.
"""

import cv2
import numpy as np

SMALL, LARGE = 2.0, 4.0
"""σ of the Gaussian derivatives, in pixels."""

INHIBITION = 3.0
"""α, the strength of the surround."""

KEPT = 0.9
"""p, the share of the thinned contour pixels that start a contour in hysteresis."""

_ORIENTATIONS = 8
_SPREAD_ORIENTATION = 0.2
_SPREAD_LUMINANCE = 0.05
_SPREAD_CONTRAST = 0.05
_WINDOW_RADIUS = 5

# Below the answer to a step of a hundredth of a grey level there is only rounding.
_FLOOR = 1e-5


def surround_edges(gray: np.ndarray) -> np.ndarray:
    """Find the contours of a picture.

    The strength R of `contour_strength` is thinned across its best orientation, and what is below
    1/510 of the maximum dropped. Of the rest, pixels from t on start contours and pixels above
    t/2 carry them on, where the share p of them is at least t.

    Args:
        gray: uint8 [H, W].

    Returns:
        uint8 [H, W], 0 or 255; lines are a pixel wide, the border is never on one.
    """
    strength, orientation = contour_strength(gray)
    thin = _thin(strength, orientation)
    thin[thin < thin.max() / 510] = 0
    candidates = thin[thin > 0]
    if candidates.size == 0:
        return np.zeros(gray.shape, np.uint8)
    return _hysteresis(thin, float(np.quantile(candidates, 1 - KEPT, method='lower')))


def contour_strength(
    gray: np.ndarray, *, inhibition: float = INHIBITION
) -> tuple[np.ndarray, np.ndarray]:
    """Measure how much of a contour every pixel is.

    With I = gray / 255, g_σ a Gaussian, σ = 2 and θ_i = iπ/8 for i = 0..7:

        e_i = |cos θ_i · ∂x(g_σ * I) + sin θ_i · ∂y(g_σ * I)|,  E_σ = max_i e_i
        ring = max(g_4σ − g_σ, 0), normalised;  hole = g_σ where the ring is 0, normalised
        orientation  w_o = exp(−‖hole * v − ring * v‖² / 2 s²),  v_i = e_i / max e,  s = 0.2
        luminance    w_l = Σ_y ring(y) exp(−(l(x) − l(x + y))² / 2 s²),  s = 0.05
        contrast     w_c likewise of c, s = 0.05
        W = max(w_o, w_l, w_c) where the picture is finely textured: where the 11x11 mean of
            E_2 / max E_2 is above that of E_4 / max E_4;  min(w_o, w_l, w_c) elsewhere
        R = max(E_2 − α · W · (ring * E_2), 0)

    l is the mean of I in a raised-cosine window of radius 5, c the standard deviation in it by that
    mean (RMS contrast); both are divided by their maximum.

    Args:
        gray: uint8 [H, W].
        inhibition: α; 0 gives the plain energy E_2.

    Returns:
        R, float32 [H, W], at least 0; and the index i of the strongest e_i, int64 [H, W].
    """
    image = gray.astype(np.float32) / 255
    responses = _oriented(image, SMALL)
    responses[responses < _FLOOR] = 0
    energy = responses.max(0)
    ring, hole = _surround(SMALL)
    weight = _weight(image, responses, ring, hole)
    inhibited = energy - inhibition * weight * _filter(energy, ring)
    return np.maximum(inhibited, 0), responses.argmax(0)


def _oriented(image: np.ndarray, sigma: float) -> np.ndarray:
    """Derivatives of the smoothed picture along the orientations, rectified: [8, H, W]."""
    radius = int(np.ceil(3 * sigma))
    x = np.arange(-radius, radius + 1, dtype=np.float32)
    smooth = np.exp(-(x**2) / (2 * sigma**2))
    smooth /= smooth.sum()
    slope = x / sigma**2 * smooth
    border = cv2.BORDER_REPLICATE
    dx = cv2.sepFilter2D(image, cv2.CV_32F, slope, smooth, borderType=border)
    dy = cv2.sepFilter2D(image, cv2.CV_32F, smooth, slope, borderType=border)
    return np.abs(_directions() @ np.stack([dx, dy]).reshape(2, -1)).reshape(-1, *image.shape)


def _directions() -> np.ndarray:
    """Unit vectors (x, y) across the edges that the orientations answer to: float32 [8, 2]."""
    angles = np.arange(_ORIENTATIONS) * np.pi / _ORIENTATIONS
    return np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)


def _surround(sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """The ring around a receptive field and the hole in its middle, each of sum 1."""
    wide = 4 * sigma
    radius = int(np.ceil(3 * wide))
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    outer, inner = (np.exp(-(x**2 + y**2) / (2 * s**2)) / s**2 for s in (wide, sigma))
    ring = np.maximum(outer - inner, 0)
    hole = np.where(ring == 0, inner, 0)
    inside = slice(radius - int(wide), radius + int(wide) + 1)  # the rest of the hole is zeros
    hole = hole[inside, inside]
    return (ring / ring.sum()).astype(np.float32), (hole / hole.sum()).astype(np.float32)


def _filter(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    return cv2.filter2D(image, cv2.CV_32F, kernel, borderType=cv2.BORDER_REPLICATE)


def _weight(
    image: np.ndarray, responses: np.ndarray, ring: np.ndarray, hole: np.ndarray
) -> np.ndarray:
    """W: how much the surround resembles the pixel, 0 to 1."""
    luminance, contrast = _local_statistics(image)
    weights = np.stack(
        [
            _orientation_alike(responses / max(responses.max(), _FLOOR), ring, hole),
            _alike(luminance, _SPREAD_LUMINANCE, ring),
            _alike(contrast, _SPREAD_CONTRAST, ring),
        ]
    )
    fine, coarse = (
        cv2.blur(energy / max(energy.max(), _FLOOR), (11, 11), borderType=cv2.BORDER_REPLICATE)
        for energy in (responses.max(0), _oriented(image, LARGE).max(0))
    )
    result: np.ndarray = np.where(fine > coarse, weights.max(0), weights.min(0))
    return result


def _local_statistics(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Luminance l and RMS contrast c, each 0 to 1."""
    side = np.arange(-_WINDOW_RADIUS, _WINDOW_RADIUS + 1)
    distance = np.minimum(np.hypot(*np.meshgrid(side, side)) / _WINDOW_RADIUS, 1)
    window = (1 + np.cos(np.pi * distance)).astype(np.float32)
    window /= window.sum()
    mean = _filter(image, window)
    variance = np.maximum(_filter(image**2, window) - mean**2, 0)
    contrast = np.sqrt(variance) / np.maximum(mean, _FLOOR)
    return mean / max(mean.max(), _FLOOR), contrast / max(contrast.max(), _FLOOR)


def _orientation_alike(responses: np.ndarray, ring: np.ndarray, hole: np.ndarray) -> np.ndarray:
    difference = [_filter(response, hole) - _filter(response, ring) for response in responses]
    square = (np.stack(difference) ** 2).sum(0)
    result: np.ndarray = np.exp(-square / (2 * _SPREAD_ORIENTATION**2))
    return result


def _alike(feature: np.ndarray, spread: float, ring: np.ndarray) -> np.ndarray:
    """Σ_y ring(y) exp(−(f(x) − f(x + y))² / 2 s²), without a loop over all y.

    The Gaussian of a difference is written as a Fourier series Σ_k a_k cos(ω_k (f(x) − f(x + y))),
    and the cosine of a difference falls apart into products of functions of f(x) and f(x + y). The
    period leaves 4 s between the largest difference and the next Gaussian; the error is below 0.01.

    Args:
        feature: f, float32 [H, W].
        spread: s.
        ring: Weights of the surround, of sum 1.

    Returns:
        float32 [H, W], 0 to 1.
    """
    period = float(np.ptp(feature)) + 4 * spread
    alike = np.full_like(feature, spread * np.sqrt(2 * np.pi) / period)
    for k in range(1, int(np.ceil(3.5 * period / (2 * np.pi * spread))) + 1):
        omega = 2 * np.pi * k / period
        factor = 2 * spread * np.sqrt(2 * np.pi) / period * np.exp(-((omega * spread) ** 2) / 2)
        wave = np.dstack([np.cos(omega * feature), np.sin(omega * feature)])
        alike += factor * (wave * _filter(wave, ring)).sum(2)
    result: np.ndarray = np.clip(alike, 0, 1)
    return result


def _thin(strength: np.ndarray, orientation: np.ndarray) -> np.ndarray:
    """Keep the pixels that are the strongest of three across the edge; 0 elsewhere."""
    height, width = strength.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    step = _directions()[orientation]
    before = _sample(strength, x - step[..., 0], y - step[..., 1])
    after = _sample(strength, x + step[..., 0], y + step[..., 1])
    # An edge between two pixels is equally strong on both: one of the comparisons must be strict.
    peak = (strength > before) & (strength >= after)
    peak[[0, -1]] = False
    peak[:, [0, -1]] = False
    return np.where(peak, strength, 0)


def _sample(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _hysteresis(thin: np.ndarray, high: float) -> np.ndarray:
    """Keep what is above half the threshold and 8-connected to something that reaches it."""
    count, parts = cv2.connectedComponents((thin > high / 2).astype(np.uint8), connectivity=8)
    started = np.zeros(count, bool)
    started[parts[thin >= high]] = True
    result: np.ndarray = started[parts].astype(np.uint8) * 255
    return result
