"""Count, time and rate what the node does, over a sliding window."""

from collections import Counter
from collections import defaultdict
from collections import deque
from threading import Lock
from time import monotonic
from typing import TypedDict

import numpy as np

_QUANTILES = {'p50': 0.5, 'p95': 0.95, 'p99': 0.99}
# A bound on memory, whatever the rate; the window holds fewer at 400 frames a second.
_MOST_SAMPLES = 4096

# Pairs of a time and a value, the oldest first.
_Samples = deque[tuple[float, float]]


class Snapshot(TypedDict):
    """The state of health at one moment; plain numbers only."""

    counts: dict[str, int]
    ages: dict[str, float]
    rates: dict[str, float]
    stages: dict[str, dict[str, float]]


class Health:
    """Counters since the start, rates and latency quantiles of the last seconds. Thread-safe.

    Times are in seconds of the monotonic clock; `now` is that clock's time unless it is given.
    """

    def __init__(self, window: float = 10.0) -> None:
        """Set how many seconds rates and quantiles look back."""
        if window <= 0:
            raise ValueError(f'window must be positive, got {window}')
        self._window = window
        self._lock = Lock()
        self._counts: Counter[str] = Counter()
        self._last: dict[str, float] = {}
        self._ticks: dict[str, _Samples] = defaultdict(_samples)
        self._seconds: dict[str, _Samples] = defaultdict(_samples)

    def count(self, name: str, by: int = 1, now: float | None = None) -> None:
        """Add to the counter of a cause, for instance a kind of bad frame, at `now`."""
        with self._lock:
            self._counts[name] += by
            self._last[name] = _time(now)

    def tick(self, name: str, now: float | None = None) -> None:
        """Note that something regular happened at `now`."""
        with self._lock:
            self._note(self._ticks[name], _time(now), 0.0)

    def observe(self, stage: str, seconds: float, now: float | None = None) -> None:
        """Note how long a stage took that ended at `now`."""
        with self._lock:
            self._note(self._seconds[stage], _time(now), seconds)

    def _note(self, samples: _Samples, now: float, value: float) -> None:
        """Take a sample in, and let go what the window has left behind."""
        samples.append((now, value))
        while samples[0][0] <= now - self._window:
            samples.popleft()

    def snapshot(self, now: float | None = None) -> Snapshot:
        """Sum up.

        Returns:
            `counts` by name; `ages`, seconds since each counter moved last; `rates` in events a
            second; `stages` with p50, p95, p99 and max in seconds. A rate or stage without an
            event in the window stays, as 0 or left out.
        """
        present = _time(now)
        since = present - self._window
        with self._lock:
            counts = dict(self._counts)
            ages = {name: present - last for name, last in self._last.items()}
            ticks = {
                name: [t for t, _ in samples if t > since] for name, samples in self._ticks.items()
            }
            seconds = {
                stage: [s for t, s in samples if t > since]
                for stage, samples in self._seconds.items()
            }
        return {
            'counts': counts,
            'ages': ages,
            'rates': {name: _rate(times, present) for name, times in ticks.items()},
            'stages': {stage: _summary(values) for stage, values in seconds.items() if values},
        }


def _time(now: float | None) -> float:
    return monotonic() if now is None else now


def _samples() -> _Samples:
    return deque(maxlen=_MOST_SAMPLES)


def _rate(times: list[float], present: float) -> float:
    """Intervals over the time they took: right from the second event on.

    Where the next event is overdue, no more than one in the silence since: who stops, falls soon.
    """
    if len(times) < 2 or times[-1] <= times[0]:
        return 0.0
    rate = (len(times) - 1) / (times[-1] - times[0])
    silence = present - times[-1]
    return rate if silence * rate < 2 else 1 / silence


def _summary(values: list[float]) -> dict[str, float]:
    levels = np.quantile(values, list(_QUANTILES.values()))
    return {**dict(zip(_QUANTILES, map(float, levels), strict=True)), 'max': max(values)}
