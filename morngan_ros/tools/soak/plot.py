"""Draw memory, latency and rate of a soak over time."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from morngan_ros.errors import SourceError
from morngan_ros.tools.soak.verdict import Record
from morngan_ros.tools.support.contact_sheet import FAINT
from morngan_ros.tools.support.contact_sheet import INK
from morngan_ros.tools.support.contact_sheet import PAPER

# Pixels.
WIDTH, PANEL, MARGIN, TITLE = 1000, 200, 60, 36
# RGB
_MARKS = (205, 200, 190)
_LINE = (40, 90, 160)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


class Series(NamedTuple):
    """A line: its title, and value [N] over seconds [N]."""

    title: str
    seconds: np.ndarray
    values: np.ndarray


def save(path: Path, record: Record) -> None:
    """Draw and save as PNG.

    Raises:
        SourceError: The file cannot be written.
    """
    page = draw(series(record), [(r.begin_ns - _start(record)) / 1e9 for r in record.reloads])
    encoded = cv2.imencode('.png', cv2.cvtColor(page, cv2.COLOR_RGB2BGR))[1]
    try:
        path.write_bytes(encoded.tobytes())
    except OSError as error:
        raise SourceError(f'plot {path} cannot be written: {error}') from None


def series(record: Record) -> list[Series]:
    """Return memory in MiB, latency in ms and frames a second, over seconds since the start."""
    start = _start(record)
    samples = np.array([(s.time_ns, s.resident) for s in record.samples], float).reshape(-1, 2)
    arrivals = np.array(record.arrivals, float).reshape(-1, 2)
    sampled, arrived = (samples[:, 0] - start) / 1e9, (arrivals[:, 1] - start) / 1e9
    latency = (arrivals[:, 1] - arrivals[:, 0]) / 1e6
    edges = np.linspace(0, max(1.0, arrived.max(initial=0.0)), 121)
    rates = np.histogram(arrived, edges)[0] / np.diff(edges)
    return [
        Series('memory, MiB', sampled, samples[:, 1] / 2**20),
        Series('latency, ms', arrived, latency),
        Series('frames a second', edges[1:], rates),
    ]


def draw(lines: Sequence[Series], marks: Sequence[float]) -> np.ndarray:
    """Draw a panel for each series, uint8 [H, W, 3] RGB, with an upright line at each mark.

    Args:
        lines: At least one.
        marks: Seconds, of reloads.
    """
    height = len(lines) * (PANEL + TITLE) + MARGIN
    page = np.full((height, WIDTH, 3), PAPER, np.uint8)
    longest = max([1.0, *(float(line.seconds.max(initial=0.0)) for line in lines)])
    for number, line in enumerate(lines):
        top = number * (PANEL + TITLE) + TITLE
        area = page[top : top + PANEL, MARGIN : WIDTH - MARGIN]
        highest = max(1e-9, float(line.values.max(initial=0.0))) * 1.1
        for mark in marks:
            _polyline(
                area, np.array([mark, mark]), np.array([0, highest]), longest, highest, _MARKS
            )
        _polyline(area, line.seconds, line.values, longest, highest, _LINE)
        cv2.rectangle(page, (MARGIN, top), (WIDTH - MARGIN, top + PANEL), FAINT, 1)
        _write(page, line.title, MARGIN, top - 10, INK)
        _write(page, f'{highest:.4g}', 6, top + 12, FAINT)
        _write(page, '0', MARGIN - 14, top + PANEL, FAINT)
    _write(page, f'{longest:.0f} s; upright lines: reloads', MARGIN, height - MARGIN // 2, FAINT)
    return page


def _start(record: Record) -> int:
    return record.sent[0] if record.sent else 0


def _polyline(
    area: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    longest: float,
    highest: float,
    color: tuple[int, int, int],
) -> None:
    height, width = area.shape[:2]
    columns = x / longest * (width - 1)
    rows = (1 - y / highest) * (height - 1)
    points = np.stack([columns, rows], axis=1).round().astype(np.int32)
    drawn = np.ascontiguousarray(area)
    cv2.polylines(drawn, [points], False, color, 1, cv2.LINE_AA)
    area[:] = drawn


def _write(page: np.ndarray, text: str, x: int, y: int, color: tuple[int, int, int]) -> None:
    cv2.putText(page, text, (x, y), _FONT, 0.45, color, 1, cv2.LINE_AA)
