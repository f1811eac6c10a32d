"""Hand the newest frame from the thread that receives to the thread that computes."""

from threading import Condition
from typing import Generic
from typing import TypeVar

T = TypeVar('T')


class Mailbox(Generic[T]):
    """One slot between two threads in which a newer item replaces an unread older one.

    So a slow reader drops frames and never falls behind.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._item: T | None = None
        self._closed = False

    def put(self, item: T) -> bool:
        """Leave an item, not None.

        Returns:
            True if it replaced an unread one. After `close` the item is ignored.
        """
        with self._changed:
            if self._closed:
                return False
            replaced = self._item is not None
            self._item = item
            self._changed.notify()
            return replaced

    def get(self, timeout: float | None = None) -> T | None:
        """Take the item, waiting for one at most `timeout` seconds (None: without end).

        Returns:
            The newest item, or None after the time has passed or the mailbox was closed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._item is not None, timeout)
            item, self._item = self._item, None
            return item

    def close(self) -> None:
        """Wake the reader, forget an unread item and take no more."""
        with self._changed:
            self._closed = True
            self._item = None
            self._changed.notify_all()
