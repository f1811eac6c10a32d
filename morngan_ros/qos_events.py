"""Say what to change when the quality of service of two ends does not fit and nothing flows."""

from typing import Any

import rclpy
from rclpy.impl.rcutils_logger import RcutilsLogger
from rclpy.qos import qos_policy_name_from_kind

try:
    from rclpy.event_handler import PublisherEventCallbacks
    from rclpy.event_handler import SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import PublisherEventCallbacks
    from rclpy.qos_event import SubscriptionEventCallbacks

# Middleware that tells of mismatches; asking another for it can end in an exception.
_TELL_TALES = ('rmw_fastrtps', 'rmw_cyclonedds')


class QosWatch:
    """Notes every end that cannot talk to this node, with the cure.

    Attributes:
        problem: The latest mismatch in words; empty while there was none.
    """

    def __init__(self, logger: RcutilsLogger) -> None:
        self.problem = ''
        self._logger = logger

    def subscription(self, topic: str) -> SubscriptionEventCallbacks | None:
        """Make the callbacks of a subscription of `topic`; None where nothing would call them."""
        if not _is_told():
            return None

        def mismatch(event: Any) -> None:
            policy = _policy(event)
            cure = (
                'set input_reliability to best_effort'
                if policy == 'RELIABILITY'
                else f'see qos_overrides.{topic}.subscription'
            )
            self._tell(
                f'{topic}: a publisher offers less {policy} than this node asks for, no message '
                f'of it will come; {cure}'
            )

        return SubscriptionEventCallbacks(incompatible_qos=mismatch)

    def publisher(self, topic: str) -> PublisherEventCallbacks | None:
        """Make the callbacks of a publisher of `topic`; None where nothing would call them."""
        if not _is_told():
            return None

        def mismatch(event: Any) -> None:
            policy = _policy(event)
            cure = (
                'set output_reliability to reliable, or let it subscribe best-effort'
                if policy == 'RELIABILITY'
                else f'see qos_overrides.{topic}.publisher, or let it ask for less'
            )
            self._tell(
                f'{topic}: a subscriber asks for more {policy} than this node offers, it gets '
                f'nothing; {cure}'
            )

        return PublisherEventCallbacks(incompatible_qos=mismatch)

    def _tell(self, problem: str) -> None:
        self.problem = problem
        self._logger.warning(problem)


def _is_told() -> bool:
    return str(rclpy.get_rmw_implementation_identifier()).startswith(_TELL_TALES)


def _policy(event: Any) -> str:
    return str(qos_policy_name_from_kind(event.last_policy_kind))
