"""Say which topic the middleware refuses, and what may be the cause."""

from collections.abc import Iterator
from contextlib import contextmanager
import os

from rclpy.impl.implementation_singleton import rclpy_implementation

from morngan_ros.errors import TopicError


@contextmanager
def named_topic(topic: str) -> Iterator[None]:
    """Turn an error of the middleware into one that names the topic.

    Args:
        topic: Its full name, after remapping.

    Raises:
        TopicError: The middleware does not let this node use the topic.
    """
    try:
        yield
    except rclpy_implementation.RCLError as error:
        hint = ''
        if os.environ.get('ROS_SECURITY_ENABLE', '').lower() == 'true':
            hint = (
                '; SROS2 is enforced: the policy of this enclave must allow the topic by this '
                'name, remapped topics too (docs/security.md)'
            )
        raise TopicError(f'topic {topic} cannot be used: {error}{hint}') from error
