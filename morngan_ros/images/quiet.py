"""Keep the libraries below OpenCV from writing to stderr about each broken picture."""

from collections.abc import Iterator
from contextlib import contextmanager
import os


@contextmanager
def quiet_decoders() -> Iterator[None]:
    """Send what is written to the file descriptor of stderr nowhere while the block lasts.

    For tools that read files one after another: a FrameError says what is wrong, once, and libpng
    and libjpeg would say it of thousands. Not for the node, whose other threads log meanwhile.
    """
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
