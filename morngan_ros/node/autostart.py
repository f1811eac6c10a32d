"""Bring a node into work by itself, and try again where that is asked for."""

from collections.abc import Callable

from rclpy.clock import Clock
from rclpy.clock import ClockType
from rclpy.lifecycle import LifecycleNode
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.timer import Timer


class Autostart:
    """Configures and activates a node.

    Args:
        node: Is brought into work.
        untouched: Tells whether the node is still to be configured.
        again: Seconds from a try that failed to the next one; 0: there is only one.
    """

    def __init__(self, node: LifecycleNode, untouched: Callable[[], bool], again: float) -> None:
        self._node = node
        self._untouched = untouched
        self._again = again
        self._timer: Timer | None = None

    def __call__(self) -> None:
        """Try; a later try does nothing if somebody else has changed the state meanwhile."""
        if self._timer is not None:
            self._timer.cancel()
        if not self._untouched():
            return
        if self._node.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self._node.trigger_activate()
        elif self._again > 0 and self._node.context.ok():
            self._node.get_logger().info(f'trying again in {self._again:g} s (autostart_retry)')
            if self._timer is None:
                # Not the clock of the node, which may be simulated and stand still.
                steady = Clock(clock_type=ClockType.STEADY_TIME)
                self._timer = self._node.create_timer(self._again, self, clock=steady)
            self._timer.reset()
