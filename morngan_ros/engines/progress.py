"""Say that something slow is still under way, from a thread of its own."""

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
import logging
import threading
from time import monotonic

LOGGER = logging.getLogger(__name__)


@contextmanager
def log_progress(
    what: str, every: float = 10.0, say: Callable[[str], None] = LOGGER.info
) -> Iterator[None]:
    """Report again and again while the body runs, which may hold no lock of `say`.

    Args:
        what: is under way: 'building the engine'.
        every: seconds between two reports.
        say: takes 'still building the engine, 20 s'; called in another thread.
    """
    start, done = monotonic(), threading.Event()

    def report() -> None:
        while not done.wait(every):
            say(f'still {what}, {monotonic() - start:.0f} s')

    thread = threading.Thread(target=report, name='progress', daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
