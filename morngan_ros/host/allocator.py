"""Set the C library's allocator up for a process that lives for weeks and handles large buffers.

glibc returns a buffer of a megabyte to the kernel when it is freed, and the next frame faults every
page in again. That takes longer than all copies of a frame together. And it gives threads arenas of
their own: a model that is loaded in one thread and freed in another leaves holes in several, and
memory grows by a model at every other reload.
"""

import ctypes

# Names of mallopt(3).
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
# A colour picture of 1920x1080 has 6 MiB. What is larger, models have: it is mapped piece by piece
# and returned when it is freed, where it would leave holes of its size behind.
_LARGEST = 8 * 1024 * 1024
# Free memory that stays with the process.
_KEPT = 64 * 1024 * 1024


def set_up_allocator() -> bool:
    """Set this for the process, before it starts threads.

    Returns:
        False where the C library has no such setting.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    settings = ((_MMAP_THRESHOLD, _LARGEST), (_TRIM_THRESHOLD, _KEPT), (_ARENA_MAX, 1))
    return all(mallopt(name, value) for name, value in settings)
