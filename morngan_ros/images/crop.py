"""Cut rows and columns off a frame that are no picture: telemetry, borders, another camera."""

from dataclasses import dataclass
import re
from typing import NamedTuple

import numpy as np

from morngan_ros.errors import FrameError

_SPAN = re.compile(r'(-?\d+)?:(-?\d+)?')


class Window(NamedTuple):
    """What is left of a frame, in its pixels; the last row and column are those behind it."""

    top: int
    bottom: int
    left: int
    right: int
    full_height: int
    full_width: int

    @property
    def height(self) -> int:
        """Rows that are left."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Columns that are left."""
        return self.right - self.left

    def __call__(self, counts: np.ndarray) -> np.ndarray:
        """Return this part of a frame, [H, W], as a view."""
        return counts[self.top : self.bottom, self.left : self.right]


@dataclass(frozen=True)
class Crop:
    """The rows and columns of a frame to keep.

    Attributes:
        rows: First row and the one behind the last. Negative numbers count from the end, and an
            end of 0 is the end of the frame: (0, -2) cuts off the last two rows.
        columns: The same for columns.
    """

    rows: tuple[int, int] = (0, 0)
    columns: tuple[int, int] = (0, 0)

    def window(self, height: int, width: int) -> Window:
        """Say what is left of a frame of so many pixels.

        Raises:
            FrameError: The frame is smaller than the crop wants it, or nothing is left.
        """
        rows, columns = _within(self.rows, height), _within(self.columns, width)
        if rows is None or columns is None:
            raise FrameError(
                f'rows {_said(self.rows)} and columns {_said(self.columns)} do not lie within a '
                f'frame of {width}x{height} pixels; set crop_rows and crop_columns '
                '(--rows and --columns of a tool) for this camera',
                'crop',
            )
        return Window(*rows, *columns, height, width)

    def __call__(self, counts: np.ndarray) -> np.ndarray:
        """Return the part of a frame, [H, W], as a view.

        Raises:
            FrameError: See `window`.
        """
        height, width = counts.shape
        return self.window(height, width)(counts)


def is_span(first: int, end: int) -> bool:
    """Tell whether there are frames that have these rows or columns."""
    return end == 0 or (first < 0) != (end < 0) or first < end


def read_span(text: str) -> tuple[int, int]:
    """Read '2:514', '2:' or ':-2' as the rows or columns of a `Crop`.

    Raises:
        ValueError: The text is nothing of this kind.
    """
    ends = _SPAN.fullmatch(text.strip())
    if ends is None:
        raise ValueError(f'rows and columns look like 2:514, 2: or :-2, not {text!r}')
    span = int(ends[1] or 0), int(ends[2] or 0)
    if not is_span(*span):
        raise ValueError(f'{text} keeps nothing of a frame')
    return span


def _within(span: tuple[int, int], size: int) -> tuple[int, int] | None:
    first, end = span
    first = first + size if first < 0 else first
    end = end + size if end <= 0 else end
    return (first, end) if 0 <= first < end <= size else None


def _said(span: tuple[int, int]) -> str:
    return f'{span[0]}:{span[1] or ""}'
