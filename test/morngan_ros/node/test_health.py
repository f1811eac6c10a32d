"""Counters, rates and quantiles."""

import sys
from threading import Thread

import pytest

from morngan_ros.node.health import Health


def test_counts_by_cause() -> None:
    health = Health()
    health.count('bad_encoding')
    health.count('bad_encoding')
    health.count('dropped', 5)
    assert health.snapshot(0.0)['counts'] == {'bad_encoding': 2, 'dropped': 5}


def test_rate_of_regular_events() -> None:
    health = Health(window=10.0)
    for k in range(31):
        health.tick('input', k * 0.1)
    assert health.snapshot(3.0)['rates']['input'] == pytest.approx(10.0)


def test_rate_falls_to_zero_when_events_stop() -> None:
    health = Health(window=2.0)
    for k in range(10):
        health.tick('input', k * 0.1)
    assert health.snapshot(30.0)['rates'] == {'input': 0.0}


def test_rate_falls_soon_when_events_stop() -> None:
    health = Health(window=10.0)
    for k in range(31):
        health.tick('input', k * 0.1)
    assert health.snapshot(3.15)['rates']['input'] == pytest.approx(10.0)
    assert health.snapshot(5.0)['rates']['input'] == pytest.approx(0.5)


def test_one_event_has_no_rate() -> None:
    health = Health()
    health.tick('input', 1.0)
    assert health.snapshot(1.0)['rates']['input'] == 0.0


def test_quantiles_of_a_stage() -> None:
    """Of 1 to 101 ms, the middle is 51, 95% lie at or below 96, 99% at or below 100."""
    health = Health(window=10.0)
    for k in range(1, 102):
        health.observe('generator', k / 1000, now=5.0)
    summary = health.snapshot(5.0)['stages']['generator']
    assert summary == pytest.approx({'p50': 0.051, 'p95': 0.096, 'p99': 0.1, 'max': 0.101})


def test_old_latencies_are_forgotten() -> None:
    health = Health(window=10.0)
    health.observe('generator', 9.0, now=0.0)
    health.observe('generator', 0.1, now=8.0)
    assert health.snapshot(9.0)['stages']['generator']['max'] == 9.0
    assert health.snapshot(11.0)['stages']['generator']['max'] == 0.1
    assert health.snapshot(30.0)['stages'] == {}


def test_memory_is_bounded() -> None:
    health = Health(window=1e9)
    for k in range(20_000):
        health.tick('input', float(k))
        health.observe('generator', float(k), now=float(k))
    summary = health.snapshot(20_000.0)['stages']['generator']
    assert summary['p50'] > 15_000  # only the newest are left


def test_own_clock_is_used_without_a_time() -> None:
    health = Health(window=3600.0)
    health.observe('generator', 0.5)
    health.tick('input')
    snapshot = health.snapshot()
    assert snapshot['stages']['generator']['p50'] == 0.5
    assert snapshot['rates'] == {'input': 0.0}


def test_threads_lose_nothing() -> None:
    health = Health()

    def work() -> None:
        for _ in range(5000):
            health.count('frames')

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(50):
        health.snapshot(0.0)
    for thread in threads:
        thread.join()
    assert health.snapshot(0.0)['counts'] == {'frames': 20_000}


def test_window_must_be_positive() -> None:
    with pytest.raises(ValueError, match='must be positive'):
        Health(window=0.0)


def test_age_of_a_counter_is_that_of_its_last_move() -> None:
    health = Health()
    health.count('bad', now=3.0)
    health.count('bad', now=5.0)
    assert health.snapshot(7.5)['ages'] == {'bad': 2.5}


def test_samples_leave_with_the_window() -> None:
    """Memory does not grow for minutes after the start."""
    health = Health(window=1.0)

    def work(seconds: range) -> int:
        before = sys.getallocatedblocks()
        for k in seconds:
            for _ in range(20):
                health.tick('input', float(k))
                health.observe('generator', 0.01, now=float(k))
        return sys.getallocatedblocks() - before

    work(range(10))
    assert work(range(10, 110)) < 50
