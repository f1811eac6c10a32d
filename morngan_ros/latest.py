"""Take messages when they are wanted, instead of waking for each of them."""

from typing import Any
from typing import Generic
from typing import TypeVar

from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions

from morngan_ros.unawaited import Unawaited

M = TypeVar('M')


class Latest(Generic[M]):
    """The newest message of a topic that comes with every frame, but is seldom looked at.

    To be woken by a message costs rclpy more than to receive it: twice as many wakes were a fifth
    of the node's time.

    Args:
        node: Subscribes.
        kind: Of message.
        topic: Its name.
        qos: How it is received.
    """

    def __init__(self, node: Node, kind: type[M], topic: str, qos: QoSProfile) -> None:
        self._newest: M | None = None
        self._subscription: Any = node.create_subscription(
            kind,
            topic,
            self._keep,
            qos,
            callback_group=Unawaited(),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )

    def __call__(self) -> M | None:
        """Return the newest message so far; None while none has come. For one thread."""
        subscription = self._subscription
        with subscription.handle:
            while taken := subscription.handle.take_message(subscription.msg_type, False):
                self._keep(taken[0])
        return self._newest

    def _keep(self, message: M) -> None:
        self._newest = message
