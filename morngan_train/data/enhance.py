"""Contrast of day pictures and of thermal crops, before they become tensors."""

import cv2
import numpy as np

from morngan_train.recipe.recipe import DayEnhancement
from morngan_train.recipe.recipe import ThermalJitter

KNOTS = 6
"""Of a random curve of grey levels."""


def tone_curve(rgb: np.ndarray, how: DayEnhancement) -> np.ndarray:
    """Find the curve that stretches a picture between two percentiles and sets its mean.

    Args:
        rgb: The whole picture, uint8 [H, W, 3]; every fourth pixel is looked at.
        how: Percentiles and mean; the defaults give the identity.

    Returns:
        Look-up table, uint8 [256].
    """
    sample = rgb[::4, ::4].astype(np.float32) / 255
    low, high = (float(v) for v in np.percentile(sample, (how.low, how.high)))
    if how.low == 0 and how.high == 100:
        low, high = 0.0, 1.0
    span = max(high - low, 1e-3)
    gamma = 1.0
    if how.mean is not None:
        mean = float(np.clip((sample - low) / span, 0, 1).mean())
        gamma = float(np.clip(np.log(how.mean) / np.log(np.clip(mean, 0.01, 0.99)), 0.6, 1.6))
    curve = np.clip((np.arange(256) / 255 - low) / span, 0, 1) ** gamma
    return np.round(curve * 255).astype(np.uint8)


def enhance_day(rgb: np.ndarray, curve: np.ndarray, saturation: float) -> np.ndarray:
    """Apply a tone curve, then multiply the distance from grey: uint8 [H, W, 3] -> the same."""
    toned = cv2.LUT(rgb, curve)
    if saturation == 1:
        return toned
    gray = cv2.cvtColor(cv2.cvtColor(toned, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return cv2.addWeighted(toned, saturation, gray, 1 - saturation, 0)


def jitter_thermal(gray: np.ndarray, how: ThermalJitter, rng: np.random.Generator) -> np.ndarray:
    """Change contrast, gamma and grey levels of a thermal crop at random.

    What depends on the counts then means nothing: shapes are what is left to learn from. Every
    other crop gets noise, whatever it is for: noise must not tell pairs from night frames, or a
    generator learns two pictures, one for each.

    Args:
        gray: uint8 [H, W].
        how: Strength of the changes; the defaults change nothing.
        rng: Source of randomness.

    Returns:
        uint8 [H, W].
    """
    gain = rng.uniform(1 - how.contrast, 1 + how.contrast)
    exponent = how.gamma ** rng.uniform(-1, 1)
    u: np.ndarray = gray.astype(np.float32) / 255
    mean = u.mean()
    u = np.clip(mean + gain * (u - mean), 0, 1) ** np.float32(exponent)
    if how.curve > 0:
        u = _random_curve(u, how.curve, rng)
    if how.invert > 0 and rng.random() < how.invert:
        u = 1 - u
    if how.blur > 0 and rng.random() < 0.5:
        u = cv2.GaussianBlur(u, (0, 0), rng.uniform(0.1, how.blur))
    if how.noise > 0 and rng.random() < 0.5:
        u += rng.uniform(0, how.noise) * rng.standard_normal(u.shape, np.float32)
    return np.round(np.clip(u, 0, 1) * 255).astype(np.uint8)


def _random_curve(u: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Map grey levels in [0, 1] by a rising curve through knots of random heights."""
    heights = np.concatenate([[0.0], rng.dirichlet(np.full(KNOTS, 2.0)).cumsum()])
    places = np.linspace(0, 1, KNOTS + 1)
    mixed = (1 - strength) * places + strength * heights
    return np.asarray(np.interp(u, places, mixed), np.float32)
