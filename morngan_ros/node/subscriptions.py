"""Subscriptions whose messages rclpy's executor does not handle: it wakes too slowly for frames.

A `Receiver` waits for one topic in a thread of its own; `Latest` is looked at when it is wanted.
"""

from collections.abc import Callable
from threading import Thread
from time import monotonic
from time import sleep
from typing import Any
from typing import Generic
from typing import TypeVar

from rclpy.callback_groups import CallbackGroup
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions

from morngan_ros.node.topic_errors import named_topic

# Nanoseconds after which a wait looks whether it shall end.
_LOOK_UP_NS = 100_000_000
# Seconds between two looks for events.
_EVENTS_EVERY = 1.0
# Seconds until the next try, after the middleware failed.
_RESPITE = 1.0

M = TypeVar('M')


class Receiver:
    """One thread that takes the messages of one topic in.

    An executor of rclpy looks at all services, timers and events of a node whenever it wakes, some
    forty of them, which takes longer than to receive a frame.

    Args:
        node: Subscribes.
        kind: Of message.
        topic: Its name.
        callback: Gets each message, in that thread.
        qos: How messages are received.
        event_callbacks: For events of quality of service; called in that thread too.
    """

    def __init__(
        self,
        node: Node,
        kind: type,
        topic: str,
        callback: Callable[[Any], None],
        qos: QoSProfile,
        event_callbacks: Any = None,
    ) -> None:
        self._context = node.context
        self._logger = node.get_logger()
        self._callback = callback
        self._open = True
        self._subscription = subscribe(node, kind, topic, qos, event_callbacks)
        events = len(self._subscription.event_handlers)
        wait_set: Any = rclpy_implementation.WaitSet
        self._messages = wait_set(1, 0, 0, 0, 0, 0, self._context.handle)
        self._events = wait_set(0, 0, 0, 0, 0, events, self._context.handle)
        self._thread = Thread(target=self._run, name='receiver', daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._open = False
        self._thread.join()

    def _run(self) -> None:
        look_due = monotonic()
        while self._open and self._context.ok():
            try:
                self._take()
                if monotonic() >= look_due:
                    look_due = monotonic() + _EVENTS_EVERY
                    self._look_for_events()
            except Exception as error:
                # A context that a signal has ended under the wait is no trouble.
                if self._open and self._context.ok():
                    self._logger.error(f'a message could not be received: {error!r}')
                    sleep(_RESPITE)

    def _take(self) -> None:
        """Wait for a message, but not for long, and hand it on."""
        subscription = self._subscription
        with subscription.handle:
            self._messages.clear_entities()
            self._messages.add_subscription(subscription.handle)
            self._messages.wait(_LOOK_UP_NS)
        message = take(subscription)
        if message is not None:
            self._callback(message)

    def _look_for_events(self) -> None:
        handlers = self._subscription.event_handlers
        if not handlers:
            return
        self._events.clear_entities()
        for handler in handlers:
            handler.add_to_wait_set(self._events)
        self._events.wait(0)
        for handler in handlers:
            if handler.is_ready(self._events) and (event := handler.take_data()):
                handler.callback(event)


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
