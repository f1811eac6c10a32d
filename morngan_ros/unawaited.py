"""Subscriptions that the executor does not wait for."""

from typing import Any

from rclpy.callback_groups import CallbackGroup


class Unawaited(CallbackGroup):
    """Hides a subscription from the executor.

    Its events too: to wait for them is to wait for its messages, as Fast DDS sees it.
    """

    def can_execute(self, entity: Any) -> bool:
        """Never."""
        return False
