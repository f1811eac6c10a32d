"""What the kernel says of a process, from /proc."""

import os
from pathlib import Path
import re
from typing import NamedTuple

_PAGE = os.sysconf('SC_PAGE_SIZE')
_TICK = os.sysconf('SC_CLK_TCK')


class Figures(NamedTuple):
    """A process at one moment.

    Attributes:
        resident: Bytes that it holds in RAM.
        shared: Those of them that lie in shared memory, its own and that of others it has read.
        threads: Those of libraries included.
        descriptors: Open files, sockets and pipes.
        cpu: Seconds of processor time since its start, of all its threads.
    """

    resident: int
    shared: int
    threads: int
    descriptors: int
    cpu: float


def read(pid: int) -> Figures:
    """Look at a process.

    Raises:
        OSError: There is no such process, or it has ended.
    """
    folder = Path(f'/proc/{pid}')
    # The name, in brackets, may hold spaces. The field after it is number 3 in proc(5).
    fields = (folder / 'stat').read_text().rpartition(')')[2].split()
    return Figures(
        resident=int(fields[24 - 3]) * _PAGE,
        shared=_shared((folder / 'status').read_text()),
        threads=int(fields[20 - 3]),
        descriptors=sum(1 for _ in (folder / 'fd').iterdir()),
        cpu=(int(fields[14 - 3]) + int(fields[15 - 3])) / _TICK,
    )


def _shared(status: str) -> int:
    """Find the bytes of shared memory; 0 where the kernel does not tell (a process that ends)."""
    found = re.search(r'^RssShmem:\s*(\d+) kB$', status, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0
