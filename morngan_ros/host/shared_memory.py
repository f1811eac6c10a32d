"""Give back the shared memory of nodes that were killed: Fast DDS leaves it behind for ever.

A participant holds a segment of the size in config/fastdds.xml in /dev/shm, that is, in RAM. A
process that is killed cannot remove it; a node that dies again and again under respawn would fill
the machine.
"""

from contextlib import suppress
import fcntl
import os
from pathlib import Path
import re
import time

# fastrtps_0123456789abcdef up to Fast DDS 2, fastdds_... since; each has a lock beside it that its
# owner holds as long as it lives.
_LOCK = re.compile(r'fast(rtps|dds)_[0-9a-f]{16}_el')
# A lock file younger than this may not be held yet by the owner that has just made it.
_SETTLED = 10.0


def remove_leftovers(folder: Path = Path('/dev/shm')) -> int:
    """Remove segments whose owners are dead; what belongs to others or cannot be removed stays.

    Args:
        folder: Where Fast DDS has its segments.

    Returns:
        Bytes that were given back.
    """
    if not folder.is_dir():
        return 0
    locks = [path for path in folder.iterdir() if _LOCK.fullmatch(path.name)]
    return sum(_remove_if_dead(lock) for lock in locks)


def _remove_if_dead(lock: Path) -> int:
    segment = lock.with_name(lock.name.removesuffix('_el'))
    with suppress(OSError):  # it is gone, not ours, or its owner lives
        if time.time() - lock.stat().st_mtime < _SETTLED:
            return 0
        opened = os.open(lock, os.O_RDWR | os.O_NOFOLLOW)
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            size = segment.lstat().st_size if segment.exists() else 0
            segment.unlink(missing_ok=True)
            lock.unlink()
            return size
        finally:
            os.close(opened)
    return 0
