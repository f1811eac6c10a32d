"""A page that shows input, colour and detections side by side."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from morngan_ros.errors import SourceError
from morngan_ros.tools.support.recording import RecordedFrame

# Pixels of the finished page.
TILE_WIDTH = 360
MARGIN = 24
GAP = 8
TITLE_HEIGHT = 76
ROW_TITLE_HEIGHT = 34

# RGB
PAPER = (250, 249, 246)
INK = (34, 36, 40)
FAINT = (120, 122, 126)

_FONT = cv2.FONT_HERSHEY_SIMPLEX


def save(path: Path, shown: Sequence[RecordedFrame], title: str, subtitle: str) -> None:
    """Draw the page and save it as PNG.

    Args:
        path: The file.
        shown: At least one frame; each becomes a column.
        title: The large line on top.
        subtitle: The small line below.

    Raises:
        SourceError: The file cannot be written.
    """
    page = draw(shown, title, subtitle)
    encoded = cv2.imencode('.png', cv2.cvtColor(page, cv2.COLOR_RGB2BGR))[1]
    try:
        path.write_bytes(encoded.tobytes())
    except OSError as error:
        raise SourceError(f'contact sheet {path} cannot be written: {error}') from None


def draw(shown: Sequence[RecordedFrame], title: str, subtitle: str) -> np.ndarray:
    """Draw the page: uint8 [H, W, 3] RGB; a row each for input, colour and, if any, detections."""
    height, width = shown[0].thermal.shape
    tile_height = round(TILE_WIDTH * height / width)
    rows = _rows(shown)
    columns = len(shown)
    page_width = max(2 * MARGIN + columns * TILE_WIDTH + (columns - 1) * GAP, _needed(title))
    row_height = ROW_TITLE_HEIGHT + tile_height + GAP
    page = np.full((TITLE_HEIGHT + len(rows) * row_height + MARGIN, page_width, 3), PAPER, np.uint8)
    _write(page, title, MARGIN, 40, 0.85, INK, 2)
    _write(page, subtitle, MARGIN, 66, 0.5, FAINT, 1)
    for row, (name, tiles) in enumerate(rows):
        top = TITLE_HEIGHT + row * row_height
        _write(page, name, MARGIN, top + 24, 0.55, INK, 1)
        for column, tile in enumerate(tiles):
            left = MARGIN + column * (TILE_WIDTH + GAP)
            area = page[top + ROW_TITLE_HEIGHT :, left:][:tile_height, :TILE_WIDTH]
            area[:] = _fit(tile, TILE_WIDTH, tile_height)
            if row == 0:
                seconds = (shown[column].stamp - shown[0].stamp) / 1e9
                _write_right(page, f't = {seconds:.1f} s', left + TILE_WIDTH, top + 24)
    return page


def _rows(shown: Sequence[RecordedFrame]) -> list[tuple[str, list[np.ndarray]]]:
    rows = [
        ('thermal input', [cv2.cvtColor(p.thermal, cv2.COLOR_GRAY2RGB) for p in shown]),
        ('daytime colour', [p.color for p in shown]),
    ]
    overlays = [p.overlay for p in shown if p.overlay is not None]
    if len(overlays) == len(shown):
        rows.append(('detections', overlays))
    return rows


def _fit(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    shrinks = picture.shape[1] > width
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return cv2.resize(picture, (width, height), interpolation=method)


def _needed(title: str) -> int:
    return 2 * MARGIN + cv2.getTextSize(title, _FONT, 0.85, 2)[0][0]


def _write(
    page: np.ndarray,
    text: str,
    x: int,
    baseline: int,
    scale: float,
    color: tuple[int, int, int],
    thickness: int,
) -> None:
    cv2.putText(page, text, (x, baseline), _FONT, scale, color, thickness, cv2.LINE_AA)


def _write_right(page: np.ndarray, text: str, right: int, baseline: int) -> None:
    width = cv2.getTextSize(text, _FONT, 0.45, 1)[0][0]
    _write(page, text, right - width, baseline, 0.45, FAINT, 1)
