"""Judge a soak: what was seen over time against what a node that stays up may show."""

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
import itertools
from typing import Any

import numpy as np

MOST_LATENCY = 2.5
"""Bound on p99 of the latency, in times of one frame."""

MOST_GROWTH = 0.03
"""Bound on the growth of the memory, as a share."""

MINUTE_NS = 60_000_000_000


@dataclass(frozen=True)
class Sample:
    """The node at one moment.

    Attributes:
        time_ns: Time since 1970 in nanoseconds.
        resident: Bytes in RAM.
        shared: Those of them in shared memory, which publishers of other processes fill too.
        threads: How many.
        descriptors: How many.
        counters: Of its diagnostics, by name.
    """

    time_ns: int
    resident: int
    shared: int
    threads: int
    descriptors: int
    counters: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Reload:
    """One call of ~/reload_model.

    Attributes:
        begin_ns: When the call was sent, nanoseconds since 1970.
        end_ns: When the answer came; None if none did.
        model: Name of the file.
        good: Whether the file is a model.
        taken: What the answer said.
    """

    begin_ns: int
    end_ns: int | None
    model: str
    good: bool
    taken: bool


@dataclass(frozen=True)
class Record:
    """All that was seen.

    Attributes:
        sent: Stamps of the thermal frames, nanoseconds since 1970.
        arrivals: Stamp and time of arrival of each colour frame, in nanoseconds.
        samples: In the order of time.
        reloads: In the order of time.
        refused: Parameter changes that the node refused, in words.
        exit_code: Of the node, after SIGINT.
        exit_seconds: From SIGINT to its end.
    """

    sent: Sequence[int]
    arrivals: Sequence[tuple[int, int]]
    samples: Sequence[Sample]
    reloads: Sequence[Reload]
    refused: Sequence[str]
    exit_code: int
    exit_seconds: float


@dataclass(frozen=True)
class Check:
    """One limit: what was found, what is allowed, and whether it was kept."""

    name: str
    found: str
    limit: str
    kept: bool


def judge(record: Record) -> list[Check]:
    """Compare with every limit; a record too short to tell breaks the limit."""
    return [
        _latency(record),
        _memory(record.samples),
        _base('threads', record.samples, lambda sample: sample.threads),
        _base('open files', record.samples, lambda sample: sample.descriptors),
        *_stamps(record),
        *_changes(record),
        _none('frames that failed', _last_counter(record.samples, 'failed')),
        _none('frames taken for bad', _last_counter(record.samples, 'bad')),
        Check('exit code', str(record.exit_code), '0', record.exit_code == 0),
        Check('seconds to end', f'{record.exit_seconds:.1f}', '2', record.exit_seconds <= 2),
    ]


def frame_seconds(record: Record) -> float:
    """Return the time of one frame: the median interval between arrivals under full load.

    All of them count, those during reloads and limited rates too; NaN if there are less than two.
    """
    times = [arrival for _, arrival in record.arrivals]
    return float(np.median(np.diff(times))) / 1e9 if len(times) > 1 else float('nan')


def latencies(arrivals: Sequence[tuple[int, int]]) -> dict[str, float]:
    """Return p50 and p99 of stamp to arrival, in milliseconds; empty without arrivals."""
    if not arrivals:
        return {}
    p50, p99 = np.quantile([arrival - stamp for stamp, arrival in arrivals], (0.5, 0.99)) / 1e6
    return {'p50': round(float(p50), 1), 'p99': round(float(p99), 1)}


def outside_reloads(record: Record) -> list[tuple[int, int]]:
    """Return the arrivals of frames that no reload ran beside."""
    spans = [(r.begin_ns, r.end_ns or r.begin_ns) for r in record.reloads]
    return [
        (stamp, arrival)
        for stamp, arrival in record.arrivals
        if not any(begin <= arrival and stamp <= end for begin, end in spans)
    ]


def minutes(record: Record) -> list[dict[str, Any]]:
    """Sum up each minute since the first frame: rate, latency, memory, reloads."""
    if not record.sent:
        return []
    rows: list[dict[str, Any]] = []
    for begin in range(record.sent[0], record.sent[-1], MINUTE_NS):
        end = begin + MINUTE_NS
        arrivals = [pair for pair in record.arrivals if begin <= pair[1] < end]
        samples = [s for s in record.samples if begin <= s.time_ns < end]
        span = (min(end, record.sent[-1]) - begin) / 1e9
        rows.append(
            {
                'minute': len(rows) + 1,
                'frames_per_second': round(len(arrivals) / span, 2),
                'latency_ms': latencies(arrivals),
                'resident_mib': _median_mib([s.resident for s in samples]),
                'shared_mib': _median_mib([s.shared for s in samples]),
                'reloads': sum(begin <= reload.begin_ns < end for reload in record.reloads),
            }
        )
    return rows


def _median_mib(values: Sequence[int]) -> float | None:
    return round(float(np.median(values)) / 2**20, 1) if values else None


def tenth(samples: Sequence[Sample], number: int) -> list[Sample]:
    """Return the samples of one tenth of the run, 0 to 9, by time."""
    if not samples:
        return []
    first, last = samples[0].time_ns, samples[-1].time_ns
    width = (last - first) / 10
    begin, end = first + number * width, first + (number + 1) * width
    return [s for s in samples if begin <= s.time_ns < end or (number == 9 and s is samples[-1])]


def _latency(record: Record) -> Check:
    frame = 1e3 * frame_seconds(record)
    p99 = latencies(record.arrivals).get('p99', float('nan'))
    found = f'{p99:.1f} ms, {p99 / frame:.2f} frames'
    limit = f'below {MOST_LATENCY} frames of {frame:.1f} ms'
    return Check('latency p99', found, limit, p99 < MOST_LATENCY * frame)


def _memory(samples: Sequence[Sample]) -> Check:
    early, late = ([s.resident for s in tenth(samples, number)] for number in (1, 9))
    limit = f'below {MOST_GROWTH:.0%}'
    if not early or not late:
        return Check('memory growth', 'too few samples', limit, False)
    before, after = float(np.median(early)), float(np.median(late))
    growth = after / before - 1
    found = f'{growth:+.2%} ({before / 2**20:.0f} to {after / 2**20:.0f} MiB)'
    return Check('memory growth', found, limit, growth < MOST_GROWTH)


def _base(name: str, samples: Sequence[Sample], value: Callable[[Sample], int]) -> Check:
    """Compare the least of two tenths: what is only there for a while is no leak."""
    early, late = ([value(s) for s in tenth(samples, number)] for number in (1, 9))
    if not early or not late:
        return Check(f'{name}, base level', 'too few samples', 'no growth', False)
    found = f'{min(early)} to {min(late)}'
    return Check(f'{name}, base level', found, 'no growth', min(late) <= min(early))


def _stamps(record: Record) -> list[Check]:
    stamps = [stamp for stamp, _ in record.arrivals]
    older = sum(later < earlier for earlier, later in itertools.pairwise(stamps))
    return [
        Check('frames that arrived', str(len(stamps)), 'some', len(stamps) > 1),
        _none('stamps published twice', len(stamps) - len(set(stamps))),
        _none('stamps older than the one before', older),
        _none('stamps that no camera sent', len(set(stamps) - set(record.sent))),
    ]


def _changes(record: Record) -> list[Check]:
    wrong = [r.model for r in record.reloads if r.end_ns is None or r.taken != r.good]
    return [
        _none('reloads that went wrong', len(wrong)),
        _none('parameter changes refused', len(record.refused)),
    ]


def _last_counter(samples: Sequence[Sample], name: str) -> int:
    return samples[-1].counters.get(name, 0) if samples else 0


def _none(name: str, count: int) -> Check:
    return Check(name, str(count), '0', count == 0)
