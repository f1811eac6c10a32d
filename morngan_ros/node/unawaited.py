"""Subscriptions that the executor does not wait for: whoever wants their messages takes them."""

from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions

from morngan_ros.node.topic_errors import named_topic


class _Hidden(CallbackGroup):
    """Hides a subscription from the executor.

    Its events too: to wait for them is to wait for its messages, as Fast DDS sees it.
    """

    def can_execute(self, entity: Any) -> bool:
        """Never."""
        return False


def subscribe(
    node: Node, kind: type, topic: str, qos: QoSProfile, event_callbacks: Any = None
) -> Any:
    """Subscribe to a topic whose messages nobody is called for."""
    with named_topic(node.resolve_topic_name(topic)):
        return node.create_subscription(
            kind,
            topic,
            _nothing,
            qos,
            callback_group=_Hidden(),
            event_callbacks=event_callbacks,
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )


def take(subscription: Any) -> Any:
    """Return the next message that has come; None if there is none."""
    with subscription.handle:
        taken = subscription.handle.take_message(subscription.msg_type, False)
    return None if taken is None else taken[0]


def _nothing(message: Any) -> None:
    """Is never called."""
