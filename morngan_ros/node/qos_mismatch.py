"""Say what to change when the quality of service of two ends does not fit and nothing flows."""

from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import Any

import rclpy
from rclpy.node import Node
from rclpy.qos import qos_check_compatible
from rclpy.qos import qos_policy_name_from_kind
from rclpy.qos import QoSCompatibility

try:
    from rclpy.event_handler import PublisherEventCallbacks
    from rclpy.event_handler import SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import PublisherEventCallbacks
    from rclpy.qos_event import SubscriptionEventCallbacks

# Middleware that tells of mismatches; asking another for it can end in an exception.
_TELL_TALES = ('rmw_fastrtps', 'rmw_cyclonedds')

# Seconds that a mismatch is kept after it was seen last: the graph may know of it later than its
# event, and who only looked in shall be read of too.
_LINGER = 5.0


@dataclass
class _Mismatch:
    """What does not fit and what to change, and when that was seen last in monotonic seconds."""

    problem: str
    seen: float


class QosWatch:
    """Notes ends that cannot talk to this node, with the cure, for as long as they are there."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._logger = node.get_logger()
        self._lock = Lock()
        self._inputs: dict[str, _Mismatch] = {}
        self._outputs: dict[str, _Mismatch] = {}

    def inputs(self) -> dict[str, str]:
        """Return what does not fit a subscription of the node now, in words by topic."""
        return self._present(self._inputs)

    def outputs(self) -> dict[str, str]:
        """Return what does not fit a publisher of the node now, in words by topic."""
        return self._present(self._outputs)

    def subscription(self, topic: str) -> SubscriptionEventCallbacks | None:
        """Make the callbacks of a subscription of `topic`; None where nothing would call them."""
        if not _is_told():
            return None

        def mismatch(event: Any) -> None:
            policy = _policy(event)
            hint = (
                'set input_reliability to best_effort'
                if policy == 'RELIABILITY'
                else f'see qos_overrides.{topic}.subscription'
            )
            self._note(
                self._inputs,
                topic,
                f'a publisher offers less {policy} than this node requests, so none of its '
                f'messages arrives; {hint}',
            )

        return SubscriptionEventCallbacks(incompatible_qos=mismatch)

    def publisher(self, topic: str) -> PublisherEventCallbacks | None:
        """Make the callbacks of a publisher of `topic`; None where nothing would call them."""
        if not _is_told():
            return None

        def mismatch(event: Any) -> None:
            policy = _policy(event)
            hint = (
                'set output_reliability to reliable, or let the subscriber use best effort'
                if policy == 'RELIABILITY'
                else f'see qos_overrides.{topic}.publisher, or let the subscriber request less'
            )
            self._note(
                self._outputs,
                topic,
                f'a subscriber requests more {policy} than this node offers, so it receives '
                f'nothing; {hint}',
            )

        return PublisherEventCallbacks(incompatible_qos=mismatch)

    def _note(self, mismatches: dict[str, _Mismatch], topic: str, problem: str) -> None:
        with self._lock:
            mismatches[topic] = _Mismatch(problem, monotonic())
        self._logger.warning(f'{topic}: {problem}')

    def _present(self, mismatches: dict[str, _Mismatch]) -> dict[str, str]:
        """Forget what is over: no event says so, and the graph is asked only about the noted."""
        with self._lock:
            for topic, mismatch in list(mismatches.items()):
                if self._persists(topic):
                    mismatch.seen = monotonic()
                elif monotonic() - mismatch.seen > _LINGER:
                    del mismatches[topic]
            return {topic: mismatch.problem for topic, mismatch in mismatches.items()}

    def _persists(self, topic: str) -> bool:
        """Tell whether an end of this node and one of another on the topic do not fit."""
        ours = (self._node.get_name(), self._node.get_namespace())
        publishers = self._node.get_publishers_info_by_topic(topic)
        subscriptions = self._node.get_subscriptions_info_by_topic(topic)
        return any(
            ours in ((p.node_name, p.node_namespace), (s.node_name, s.node_namespace))
            and qos_check_compatible(p.qos_profile, s.qos_profile)[0] == QoSCompatibility.ERROR
            for p in publishers
            for s in subscriptions
        )


def _is_told() -> bool:
    return str(rclpy.get_rmw_implementation_identifier()).startswith(_TELL_TALES)


def _policy(event: Any) -> str:
    return str(qos_policy_name_from_kind(event.last_policy_kind))
