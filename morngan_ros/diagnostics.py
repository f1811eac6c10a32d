"""What the node says about itself on /diagnostics, as pure functions of its state."""

from collections.abc import Mapping
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticStatus
from diagnostic_msgs.msg import KeyValue

from morngan_ros.health import Snapshot


@dataclass(frozen=True)
class State:
    """What is said beside the measured figures.

    Attributes:
        lifecycle: 'unconfigured', 'inactive', 'active' or 'finalized'.
        problem: Why the node cannot work; empty if it can.
        enabled: Whether frames are passed (~/set_enabled).
        input_age: Seconds since the last frame came; None before the first.
        stale_after: Age in seconds that is too old.
        facts: Provider, model and the like, by name.
    """

    lifecycle: str
    problem: str
    enabled: bool
    input_age: float | None
    stale_after: float
    facts: Mapping[str, str]


def statuses(node: str, state: State, health: Snapshot) -> list[DiagnosticStatus]:
    """Compose the statuses of a node: how it is, and what it gets."""
    return [_work(node, state, health), _input(node, state, health)]


def _work(node: str, state: State, health: Snapshot) -> DiagnosticStatus:
    if state.problem:
        level, message = DiagnosticStatus.ERROR, state.problem
    elif state.lifecycle != 'active':
        level, message = DiagnosticStatus.WARN, f'{state.lifecycle}: no frame is colorized'
    elif not state.enabled:
        level, message = DiagnosticStatus.OK, 'resting: enable it with ~/set_enabled'
    else:
        level, message = DiagnosticStatus.OK, 'colorizing'
    values = dict(state.facts)
    values['output rate (Hz)'] = f'{health["rates"].get("output", 0.0):.1f}'
    for name in ('published', 'dropped', 'rate limited', 'unwatched', 'failed'):
        values[name] = str(health['counts'].get(name, 0))
    for stage, quantiles in health['stages'].items():
        for quantile in ('p50', 'p95', 'p99'):
            values[f'{stage} {quantile} (ms)'] = f'{quantiles[quantile] * 1e3:.2f}'
    return _status(f'{node}: colorize', level, message, values)


def _input(node: str, state: State, health: Snapshot) -> DiagnosticStatus:
    age = state.input_age
    if age is None:
        level, message = DiagnosticStatus.WARN, 'no frame has come yet'
    elif age > state.stale_after:
        level, message = DiagnosticStatus.WARN, f'stale: the last frame came {age:.1f} s ago'
    else:
        level, message = DiagnosticStatus.OK, 'frames come'
    values = {'input rate (Hz)': f'{health["rates"].get("input", 0.0):.1f}'}
    if age is not None:
        values['age (s)'] = f'{age:.2f}'
    for name in ('received', 'bad', 'without stamp'):
        values[name] = str(health['counts'].get(name, 0))
    return _status(f'{node}: input', level, message, values)


def _status(name: str, level: bytes, message: str, values: Mapping[str, str]) -> DiagnosticStatus:
    return DiagnosticStatus(
        name=name,
        level=level,
        message=message,
        values=[KeyValue(key=key, value=value) for key, value in values.items()],
    )
