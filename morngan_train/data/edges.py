"""Edge maps of pictures, the targets of structured gradient alignment."""

import cv2
import numpy as np


def canny(gray: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return the Canny edges of a picture.

    Args:
        gray: uint8 [H, W].
        low: Lower threshold, as a share of the strongest gradient, as MATLAB counts it.
        high: Upper threshold, likewise.

    Returns:
        uint8 [H, W], 0 or 255.
    """
    smooth = cv2.GaussianBlur(gray, (0, 0), 2**0.5, borderType=cv2.BORDER_REPLICATE)
    dx = cv2.Sobel(smooth, cv2.CV_16S, 1, 0)
    dy = cv2.Sobel(smooth, cv2.CV_16S, 0, 1)
    peak = float(np.hypot(dx.astype(np.float32), dy.astype(np.float32)).max())
    if peak == 0:
        return np.zeros_like(gray)
    return cv2.Canny(dx, dy, low * peak, high * peak, L2gradient=True)
