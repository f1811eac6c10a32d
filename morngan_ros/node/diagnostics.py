"""What the node says about itself on /diagnostics, as pure functions of its state."""

from collections.abc import Mapping
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticStatus
from diagnostic_msgs.msg import KeyValue

from morngan_ros.node.health import Snapshot

# What happened within this many seconds is said in the message of a status, not only counted.
_RECENT = 10.0

_OUTPUT_COUNTERS = ('published', 'dropped', 'rate limited', 'unwatched', 'resting', 'failed')
_INPUT_COUNTERS = (
    'received',
    'bad',
    'without stamp',
    'stamp jumped back',
    'stamp jumped ahead',
    'size changed',
    'encoding changed',
)
# What spoils frames though they are taken, the worst first: counters, and what they mean.
_SPOILS = (
    (('without stamp',), 'frames come without stamps: let the driver set them'),
    (
        ('stamp jumped back', 'stamp jumped ahead'),
        "the stamps' clock jumped: keep the camera's clock in step, unless a bag was restarted",
    ),
    (('exposure: frozen', 'exposure: flat'), 'the camera repeats itself or shows its shutter'),
)
_CHANGES = ('size changed', 'encoding changed')


# How the key of the median of a stage ends, after its name.
MEDIAN = ' p50 (ms)'


@dataclass(frozen=True)
class State:
    """What is said beside the measured figures.

    Attributes:
        lifecycle: 'unconfigured', 'configuring', 'inactive', 'active' or 'finalized'.
        problem: Why the node cannot work; empty if it can.
        has_models: Whether there is a pipeline, which a failed device takes with it.
        fallback: Why another provider runs than the one asked for; empty if none does.
        blind: Why the detector that was asked for is missing; empty if none is.
        trouble: Why the last frame failed; empty if it did not.
        enabled: Whether frames are passed (the parameter `enabled`).
        busy: Seconds that the frame under work has taken so far; None at rest.
        input_age: Seconds since the last frame came; None before the first.
        stale_after: Age in seconds that is too old, for input and for a frame under work.
        wiring: Why no frame comes, or why frames of several cameras mix, as far as the graph of
            nodes knows it; empty if all is well.
        input_qos: What publishers and the node cannot agree on, in words by topic.
        output_qos: What subscribers and the node cannot agree on, in words by topic.
        transport_warning: Why images that are watched get lost on their way; empty if they do not.
        facts: Provider, model and the like, by name.
        resources: Memory, threads and the like, by name.
    """

    lifecycle: str
    problem: str
    has_models: bool
    fallback: str
    blind: str
    trouble: str
    enabled: bool
    busy: float | None
    input_age: float | None
    stale_after: float
    wiring: str
    input_qos: Mapping[str, str]
    output_qos: Mapping[str, str]
    transport_warning: str
    facts: Mapping[str, str]
    resources: Mapping[str, str]


def statuses(node: str, state: State, health: Snapshot) -> list[DiagnosticStatus]:
    """Compose the statuses of a node.

    They tell how it is, what it gets, whether what it gives arrives, and what it takes of the
    machine. The hardware is named by the node: there is one for each camera.
    """
    composed = [
        _work(state, health),
        _input(state, health),
        _output(state),
        _status('resources', DiagnosticStatus.OK, 'in use', state.resources),
    ]
    for status in composed:
        status.name = f'{node}: {status.name}'
        status.hardware_id = node
    return composed


def _work(state: State, health: Snapshot) -> DiagnosticStatus:
    level, message = _judge_work(state, health)
    values = dict(state.facts)
    if state.fallback:
        values['fallback'] = state.fallback
    values['output rate (Hz)'] = f'{health["rates"].get("output", 0.0):.1f}'
    counts = health['counts']
    values |= {name: str(counts.get(name, 0)) for name in _OUTPUT_COUNTERS}
    values |= _counted(('failed: ', 'detector: '), counts)
    for stage, quantiles in health['stages'].items():
        for quantile in ('p50', 'p95', 'p99'):
            values[f'{stage} {quantile} (ms)'] = f'{quantiles[quantile] * 1e3:.2f}'
    return _status('colorize', level, message, values)


def _judge_work(state: State, health: Snapshot) -> tuple[bytes, str]:
    if state.problem:
        return DiagnosticStatus.ERROR, state.problem
    if state.lifecycle != 'active':
        return DiagnosticStatus.WARN, f'{state.lifecycle}: no frame is colorized'
    if not state.has_models:
        return (
            DiagnosticStatus.ERROR,
            f'no frame is colorized, no models are loaded: {state.trouble}',
        )
    if not state.enabled:
        return DiagnosticStatus.OK, 'paused: call ~/set_enabled to colorize frames'
    if state.busy is not None and state.busy > state.stale_after:
        return DiagnosticStatus.ERROR, f'one frame has taken {state.busy:.1f} s so far'
    if state.trouble and _recently('failed', health):
        return DiagnosticStatus.ERROR, f'frames fail: {state.trouble}'
    if _recently('bad', health) and not _recently('published', health):
        causes = _recent_causes('bad: ', health)
        return DiagnosticStatus.WARN, f'no frame is colorized, all are bad: {causes}'
    if causes := _recent_causes('detector: ', health):
        return DiagnosticStatus.WARN, f'boxes of the detector are discarded: {causes}'
    if state.blind:
        return DiagnosticStatus.WARN, f'colorizing without detections: {state.blind}'
    if state.fallback:
        return DiagnosticStatus.WARN, f'colorizing with a fallback: {state.fallback}'
    return DiagnosticStatus.OK, 'colorizing'


def _input(state: State, health: Snapshot) -> DiagnosticStatus:
    level, message = _judge_input(state, health)
    values = {'input rate (Hz)': f'{health["rates"].get("input", 0.0):.1f}'}
    if state.input_age is not None:
        values['age (s)'] = f'{state.input_age:.2f}'
    values |= _by_topic(state.input_qos)
    counts = health['counts']
    values |= {name: str(counts.get(name, 0)) for name in _INPUT_COUNTERS}
    values |= _counted(('bad: ', 'exposure: '), counts)
    return _status('input', level, message, values)


def _judge_input(state: State, health: Snapshot) -> tuple[bytes, str]:
    """Say the worst: what keeps frames away before what spoils some of them."""
    reasons = [text for text in (_in_words(state.input_qos), state.wiring) if text]
    reason = f': {"; ".join(reasons)}' if reasons else ''
    if state.input_age is None:
        return DiagnosticStatus.WARN, f'no frame has come yet{reason}'
    if state.input_age > state.stale_after:
        age = f'{state.input_age:.1f}'
        return DiagnosticStatus.WARN, f'stale: the last frame came {age} s ago{reason}'
    if state.input_qos:
        return DiagnosticStatus.WARN, f'frames come, but not all{reason}'
    if state.wiring:
        return DiagnosticStatus.WARN, f'frames come{reason}'
    if causes := _recent_causes('bad: ', health):
        return DiagnosticStatus.WARN, f'bad frames: {causes}'
    for names, words in _SPOILS:
        if any(_recently(name, health) for name in names):
            return DiagnosticStatus.WARN, words
    changes = [name for name in _CHANGES if _recently(name, health)]
    return DiagnosticStatus.OK, ', '.join(['frames come', *changes])


def _output(state: State) -> DiagnosticStatus:
    values = _by_topic(state.output_qos)
    if state.transport_warning:
        values['losses'] = state.transport_warning
    troubles = [text for text in (_in_words(state.output_qos), state.transport_warning) if text]
    if troubles:
        return _status('output', DiagnosticStatus.WARN, '; '.join(troubles), values)
    return _status('output', DiagnosticStatus.OK, 'subscribers can receive all results', values)


def _by_topic(mismatches: Mapping[str, str]) -> dict[str, str]:
    return {f'QoS of {topic}': problem for topic, problem in mismatches.items()}


def _in_words(mismatches: Mapping[str, str]) -> str:
    return '; '.join(f'{topic}: {problem}' for topic, problem in mismatches.items())


def _counted(prefixes: tuple[str, ...], counts: Mapping[str, int]) -> dict[str, str]:
    return {name: str(n) for name, n in sorted(counts.items()) if name.startswith(prefixes)}


def _recent_causes(prefix: str, health: Snapshot) -> str:
    names = [name for name in sorted(health['counts']) if name.startswith(prefix)]
    return ', '.join(name.removeprefix(prefix) for name in names if _recently(name, health))


def _recently(name: str, health: Snapshot) -> bool:
    return health['ages'].get(name, _RECENT) < _RECENT


def _status(name: str, level: bytes, message: str, values: Mapping[str, str]) -> DiagnosticStatus:
    return DiagnosticStatus(
        name=name,
        level=level,
        message=message,
        values=[KeyValue(key=key, value=value) for key, value in values.items()],
    )
