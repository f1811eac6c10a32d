"""What the node says about itself on /diagnostics, as pure functions of its state."""

from collections.abc import Mapping
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticStatus
from diagnostic_msgs.msg import KeyValue

from morngan_ros.health import Snapshot

# What happened within this many seconds is said in the message of a status, not only counted.
_RECENT = 10.0

_OUTPUT_COUNTERS = ('published', 'dropped', 'rate limited', 'unwatched', 'resting', 'failed')
_INPUT_COUNTERS = (
    'received',
    'bad',
    'without stamp',
    'stamp jumped back',
    'size changed',
    'encoding changed',
)


@dataclass(frozen=True)
class State:
    """What is said beside the measured figures.

    Attributes:
        lifecycle: 'unconfigured', 'configuring', 'inactive', 'active' or 'finalized'.
        problem: Why the node cannot work; empty if it can.
        fallback: Why another provider runs than the one asked for; empty if none does.
        trouble: Why the last frame failed; empty if it did not.
        enabled: Whether frames are passed (the parameter `enabled`).
        busy: Seconds that the frame under work has taken so far; None at rest.
        input_age: Seconds since the last frame came; None before the first.
        stale_after: Age in seconds that is too old, for input and for a frame under work.
        qos_problem: The last end that could not talk to the node; empty if there was none.
        facts: Provider, model and the like, by name.
        resources: Memory, threads and the like, by name.
    """

    lifecycle: str
    problem: str
    fallback: str
    trouble: str
    enabled: bool
    busy: float | None
    input_age: float | None
    stale_after: float
    qos_problem: str
    facts: Mapping[str, str]
    resources: Mapping[str, str]


def statuses(node: str, state: State, health: Snapshot) -> list[DiagnosticStatus]:
    """Compose the statuses of a node: how it is, what it gets, what it takes of the machine."""
    return [
        _work(node, state, health),
        _input(node, state, health),
        _status(f'{node}: resources', DiagnosticStatus.OK, 'in use', state.resources),
    ]


def _work(node: str, state: State, health: Snapshot) -> DiagnosticStatus:
    level, message = _judge_work(state, health)
    values = dict(state.facts)
    if state.fallback:
        values['fallback'] = state.fallback
    values['output rate (Hz)'] = f'{health["rates"].get("output", 0.0):.1f}'
    values |= {name: str(health['counts'].get(name, 0)) for name in _OUTPUT_COUNTERS}
    for stage, quantiles in health['stages'].items():
        for quantile in ('p50', 'p95', 'p99'):
            values[f'{stage} {quantile} (ms)'] = f'{quantiles[quantile] * 1e3:.2f}'
    return _status(f'{node}: colorize', level, message, values)


def _judge_work(state: State, health: Snapshot) -> tuple[bytes, str]:
    if state.problem:
        return DiagnosticStatus.ERROR, state.problem
    if state.lifecycle != 'active':
        return DiagnosticStatus.WARN, f'{state.lifecycle}: no frame is colorized'
    if not state.enabled:
        return DiagnosticStatus.OK, 'resting: enable it with ~/set_enabled'
    if state.busy is not None and state.busy > state.stale_after:
        return DiagnosticStatus.ERROR, f'at one frame for {state.busy:.1f} s'
    if state.trouble and _recently('failed', health):
        return DiagnosticStatus.ERROR, f'frames fail: {state.trouble}'
    if state.fallback:
        return DiagnosticStatus.WARN, f'colorizing by fallback: {state.fallback}'
    return DiagnosticStatus.OK, 'colorizing'


def _input(node: str, state: State, health: Snapshot) -> DiagnosticStatus:
    level, message = _judge_input(state, health)
    values = {'input rate (Hz)': f'{health["rates"].get("input", 0.0):.1f}'}
    if state.input_age is not None:
        values['age (s)'] = f'{state.input_age:.2f}'
    if state.qos_problem:
        values['QoS'] = state.qos_problem
    counts = health['counts']
    values |= {name: str(counts.get(name, 0)) for name in _INPUT_COUNTERS}
    values |= {
        name: str(count)
        for name, count in sorted(counts.items())
        if name.startswith(('bad: ', 'exposure: '))
    }
    return _status(f'{node}: input', level, message, values)


def _judge_input(state: State, health: Snapshot) -> tuple[bytes, str]:
    """Say the worst: what keeps frames away before what spoils some of them."""
    if state.input_age is None:
        reason = f': {state.qos_problem}' if state.qos_problem else ''
        return DiagnosticStatus.WARN, f'no frame has come yet{reason}'
    if state.input_age > state.stale_after:
        return DiagnosticStatus.WARN, f'stale: the last frame came {state.input_age:.1f} s ago'
    causes = [
        name.removeprefix('bad: ')
        for name in sorted(health['counts'])
        if name.startswith('bad: ') and _recently(name, health)
    ]
    if causes:
        return DiagnosticStatus.WARN, f'bad frames: {", ".join(causes)}'
    if _recently('without stamp', health):
        return DiagnosticStatus.WARN, 'frames come without stamps: let the driver set them'
    if _recently('exposure: frozen', health) or _recently('exposure: flat', health):
        return DiagnosticStatus.WARN, 'the camera repeats itself or shows its shutter'
    return DiagnosticStatus.OK, 'frames come'


def _recently(name: str, health: Snapshot) -> bool:
    return health['ages'].get(name, _RECENT) < _RECENT


def _status(name: str, level: bytes, message: str, values: Mapping[str, str]) -> DiagnosticStatus:
    return DiagnosticStatus(
        name=name,
        level=level,
        message=message,
        values=[KeyValue(key=key, value=value) for key, value in values.items()],
    )
