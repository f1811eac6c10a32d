"""A slow step says that it is still under way."""

import logging
import threading

import pytest

from morngan_ros.engines.progress import log_progress


def test_reports_until_it_is_done() -> None:
    lines: list[str] = []
    twice = threading.Event()

    def say(line: str) -> None:
        lines.append(line)
        if len(lines) == 2:
            twice.set()

    with log_progress('building', every=0.01, say=say):
        assert twice.wait(10)
    count = len(lines)
    assert lines[0] == 'still building, 0 s'
    assert not twice.wait(0.05) or len(lines) == count


def test_short_step_is_silent(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), log_progress('building', every=60):
        pass
    assert caplog.text == ''


def test_failure_ends_it_too() -> None:
    before = threading.active_count()
    with pytest.raises(ValueError, match='no'), log_progress('building', every=60):
        raise ValueError('no')
    assert threading.active_count() == before
