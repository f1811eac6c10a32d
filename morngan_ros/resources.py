"""What this process takes of the machine, from /proc."""

import os
from pathlib import Path

_PAGE = os.sysconf('SC_PAGE_SIZE')


def resident_bytes() -> int:
    """Return the memory that this process holds in RAM."""
    return int(Path('/proc/self/statm').read_text().split()[1]) * _PAGE


def thread_count() -> int:
    """Return the number of threads of this process, those of libraries included."""
    return sum(1 for _ in Path('/proc/self/task').iterdir())


def descriptor_count() -> int:
    """Return the number of open files, sockets and pipes."""
    return sum(1 for _ in Path('/proc/self/fd').iterdir())
