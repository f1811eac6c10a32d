"""Notice pictures in false colour, whose grey values are not how warm things are."""

import logging

import numpy as np

_log = logging.getLogger(__name__)

# Samples along the shorter side of a picture: enough to tell most of it from a logo.
_SAMPLES = 24
# Darker pixels have no colour to speak of, 0 to 255.
_DARK = 32
# Share of the pixels that are not dark below which a picture is not judged.
_LEAST_LIT = 0.1
# A palette colours nearly everything, and strongly.
_STRONG = 0.5
_MOST = 0.6

_ADVICE = (
    'most of the picture is strongly coloured, as with the palettes jet, inferno or ironbow; '
    'its grey values do not follow the temperature, and hot things may become dark. Set the camera '
    'to white hot (mono8), or better to 16-bit counts (mono16); export files without a palette. '
    'This warning comes once'
)


def looks_like_palette(picture: np.ndarray) -> bool:
    """Tell whether a picture is coloured strongly nearly everywhere.

    Grey in colour never is, with the noise of JPEG neither; daylight pictures are not, as a rule.

    Args:
        picture: uint8 [H, W, 3 or 4], red, green and blue in any order.
    """
    every = max(1, min(picture.shape[:2]) // _SAMPLES)
    one, two, three = (picture[::every, ::every, channel] for channel in range(3))
    high = np.maximum(np.maximum(one, two), three)
    low = np.minimum(np.minimum(one, two), three)
    lit = high >= _DARK
    number = np.count_nonzero(lit)
    if number < _LEAST_LIT * lit.size:
        return False
    strong = lit & (high - low > _STRONG * high)
    return bool(np.count_nonzero(strong) > _MOST * number)


class PaletteWatch:
    """Warns of the first picture in false colour, and does not look at the others.

    Attributes:
        warned: Whether it has.
    """

    def __init__(self) -> None:
        self.warned = False

    def __call__(self, picture: np.ndarray) -> None:
        """Look at a picture, uint8 [H, W, 3 or 4]; others have no colour that this knows."""
        if not self.warned and picture.dtype == np.uint8 and looks_like_palette(picture):
            self.warned = True
            _log.warning(_ADVICE)
