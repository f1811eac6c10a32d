"""Take messages when they are wanted, instead of waking for each of them."""

from typing import Generic
from typing import TypeVar

from rclpy.node import Node
from rclpy.qos import QoSProfile

from morngan_ros.node.unawaited import subscribe
from morngan_ros.node.unawaited import take

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
        self._subscription = subscribe(node, kind, topic, qos)

    def __call__(self) -> M | None:
        """Return the newest message so far; None while none has come. For one thread."""
        while (message := take(self._subscription)) is not None:
            self._newest = message
        return self._newest
