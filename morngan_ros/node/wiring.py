"""Say why no frame comes, as far as the graph of nodes knows it, and what to set."""

from time import monotonic

from rclpy.node import Node
from rclpy.topic_endpoint_info import TopicEndpointInfo
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image

_RAW = 'sensor_msgs/msg/Image'
_COMPRESSED = 'sensor_msgs/msg/CompressedImage'
# At most so many other topics are named.
_MOST = 3
# Seconds from the start until the log says what is wrong.
_SETTLING = 5.0


class Wiring:
    """Looks around the topic on which a node waits for images.

    Args:
        node: Waits.
        kind: Of message that it takes.
        topic: Full name of the topic.
    """

    def __init__(self, node: Node, kind: type[Image | CompressedImage], topic: str) -> None:
        self._node = node
        self._compressed = kind is CompressedImage
        self._wanted = _COMPRESSED if self._compressed else _RAW
        self._topic = topic
        self._warned = False
        self._started = monotonic()

    def look(self, *, silent: bool, active: bool) -> str:
        """Say what is wrong with the topic; empty if nothing is.

        The first trouble goes to the log, unless it passes while the drivers start.

        Args:
            silent: Whether no frame comes.
            active: Whether frames are wanted.
        """
        trouble = self.silence() if silent else self.crowd()
        if trouble and active and not self._warned and monotonic() - self._started > _SETTLING:
            self._warned = True
            self._node.get_logger().warning(f'no frame comes: {trouble}' if silent else trouble)
        return trouble

    def silence(self) -> str:
        """Say who publishes the topic, or what is published in its place, and the cure."""
        publishers = self._publishers(self._topic)
        fitting = sum(p.topic_type == self._wanted for p in publishers)
        if fitting:
            return f'{self._topic} has {_count(fitting)}, but no frame has arrived'
        if publishers:
            return self._other_type(publishers[0].topic_type)
        base = self._topic.removesuffix('/compressed')
        if self._compressed and self._is_published(base, _RAW):
            return f'{self._topic} has no publisher, but {base} has: set image_transport to raw'
        packed = f'{self._topic}/compressed'
        if not self._compressed and self._is_published(packed, _COMPRESSED):
            return (
                f'{self._topic} has no publisher, but {packed} has: '
                'set image_transport to compressed'
            )
        return f'{self._topic} has no publisher{self._elsewhere()}'

    def crowd(self) -> str:
        """Say that several cameras share the topic; empty if they do not."""
        if self._node.count_publishers(self._topic) < 2:
            return ''
        fitting = [p for p in self._publishers(self._topic) if p.topic_type == self._wanted]
        if len(fitting) < 2:
            return ''
        names = sorted({f'{p.node_namespace.rstrip("/")}/{p.node_name}' for p in fitting})
        return (
            f'{self._topic} has {_count(len(fitting))} ({", ".join(names)}), their frames mix: '
            'give each camera a topic and a node of its own'
        )

    def _other_type(self, kind: str) -> str:
        hint = 'name another topic with image:= (a remap of image_raw)'
        if kind == _COMPRESSED and self._topic.endswith('/compressed'):
            base = self._topic.removesuffix('/compressed')
            hint = f'set image_transport to compressed and image to {base}'
        elif kind == _COMPRESSED:
            hint = f'set image_transport to compressed and remap {self._topic}/compressed to it'
        elif kind == _RAW:
            hint = f'set image_transport to raw and image to {self._topic}'
        return f'{self._topic} carries {kind}, but this node takes {self._wanted}: {hint}'

    def _elsewhere(self) -> str:
        """Name the images that are published on other topics."""
        others = [
            topic
            for topic, kinds in sorted(self._node.get_topic_names_and_types())
            if {_RAW, _COMPRESSED} & set(kinds) and self._publishers(topic)
        ]
        if not others:
            return ', and nobody publishes images: start the driver, in the same ROS_DOMAIN_ID'
        more = f' and {len(others) - _MOST} more' if len(others) > _MOST else ''
        return (
            f'; images are on {", ".join(others[:_MOST])}{more}: '
            'name one with image:= (a remap of image_raw)'
        )

    def _is_published(self, topic: str, kind: str) -> bool:
        return any(p.topic_type == kind for p in self._publishers(topic))

    def _publishers(self, topic: str) -> list[TopicEndpointInfo]:
        """List the publishers of a topic, but for this node's own."""
        own = (self._node.get_name(), self._node.get_namespace())
        return [
            p
            for p in self._node.get_publishers_info_by_topic(topic)
            if (p.node_name, p.node_namespace) != own
        ]


def _count(publishers: int) -> str:
    return '1 publisher' if publishers == 1 else f'{publishers} publishers'
