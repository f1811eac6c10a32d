"""Line charts as SVG that stretches; their words are HTML, which does not."""

from collections.abc import Sequence
from html import escape
import json
import math
from typing import NamedTuple

COLORS = 6
"""Lines that the page can colour apart; then colours come again, dashed."""

LETTER = 3.5
"""Width in percent that a letter takes above a small chart; names of short bands are left out."""


class Line(NamedTuple):
    """Values over places; None where there is no value."""

    name: str
    x: Sequence[float]
    y: Sequence[float | None]


class Axis(NamedTuple):
    """What an axis covers, and where numbers stand."""

    label: str
    low: float
    high: float
    ticks: Sequence[float]

    def percent(self, value: float) -> float:
        """Return the place of a value in percent of the axis."""
        return round(100 * (value - self.low) / (self.high - self.low), 2)


class Band(NamedTuple):
    """A named stretch of the x axis."""

    name: str
    low: float
    high: float


def axis_over(values: Sequence[float], label: str, wanted: int = 4) -> Axis:
    """Make an axis from 0 over all values to round ends, with about `wanted` ticks."""
    low, high = min([0.0, *values]), max([0.0, *values])
    if low == high:
        return Axis(label, 0.0, 1.0, (0.0, 1.0))
    step = _round_up((high - low) / wanted)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = [round(i * step, 12) for i in range(first, last + 1)]
    return Axis(label, ticks[0], ticks[-1], ticks)


def _round_up(value: float) -> float:
    """Return the next of 1, 2, 5, 10, 20, 50 and so on."""
    power: float = 10.0 ** math.floor(math.log10(value))
    return next(s * power for s in (1, 2, 5, 10) if s * power >= value * (1 - 1e-9))


def chart(lines: Sequence[Line], x: Axis, y: Axis, about: str, bands: Sequence[Band] = ()) -> str:
    """Draw lines.

    Args:
        lines: What to draw; where they have names, the page makes a legend of them.
        x: Covers all places.
        y: Covers all values.
        about: The chart in words, for those who do not see it.
        bands: Stretches to mark; every other one is shaded.

    Returns:
        HTML of a `div`. Its `data-chart` holds the values for `page.js` to read out.
    """
    values = {
        'x': [x.low, x.high],
        'lines': [{'name': line.name, 'x': list(line.x), 'y': list(line.y)} for line in lines],
        'bands': [list(band) for band in bands],
    }
    shades = ''.join(
        f'<rect class="band" x="{x.percent(b.low)}" y="0" '
        f'width="{round(x.percent(b.high) - x.percent(b.low), 2)}" height="100"/>'
        for b in bands[1::2]
    )
    grid = ''.join(f'<path class="grid" d="M0 {100 - y.percent(t)}H100"/>' for t in y.ticks)
    paths = ''.join(
        f'<path class="line {color_class(i)}" d="{_path(line, x, y)}"/>'
        for i, line in enumerate(lines)
    )
    return (
        f'<div class="chart" role="img" aria-label="{escape(about)}" '
        f'data-chart="{escape(json.dumps(values))}">'
        f'<div class="plot"><svg viewBox="0 0 100 100" preserveAspectRatio="none" '
        f'aria-hidden="true">{shades}{grid}{paths}</svg>{_words(x, y, bands)}'
        '<i class="cross" hidden></i></div>'
        f'<span class="label-y">{escape(y.label)}</span>'
        f'<span class="label-x">{escape(x.label)}</span></div>'
    )


def legend(names: Sequence[str]) -> str:
    """Name the lines; what is under the pointer goes into `output`."""
    keys = ''.join(
        f'<li><i class="key {color_class(i)}"></i>{escape(name)} <output></output></li>'
        for i, name in enumerate(names)
    )
    return f'<ul class="legend">{keys}</ul>'


def color_class(index: int) -> str:
    """Return the CSS classes of a line's colour."""
    return f'c{index % COLORS}' + ' again' * (index >= COLORS)


def number(value: float) -> str:
    """Write a number of an axis: short, without exponents where it can be."""
    if value and abs(value) < 1e-3:
        return f'{value:.0e}'
    return f'{value:,.10g}'


def _words(x: Axis, y: Axis, bands: Sequence[Band]) -> str:
    ticks = [f'<span class="y" style="bottom:{y.percent(t)}%">{number(t)}</span>' for t in y.ticks]
    ticks += [f'<span class="x" style="left:{x.percent(t)}%">{number(t)}</span>' for t in x.ticks]
    names = [
        f'<span class="phase" style="left:{x.percent(b.low)}%">{escape(b.name)}</span>'
        for b in bands
        if x.percent(b.high) - x.percent(b.low) >= LETTER * len(b.name)
    ]
    return ''.join(ticks + names)


def _path(line: Line, x: Axis, y: Axis) -> str:
    """Go through the values; a gap where there is none, a dot for one that stands alone."""
    parts, drawing = [], False
    for place, value in zip(line.x, line.y, strict=True):
        if value is None:
            drawing = False
            continue
        where = f'{x.percent(place)} {round(100 - y.percent(value), 2)}'
        parts.append(f'L{where}' if drawing else f'M{where}h0')
        drawing = True
    return ''.join(parts)
