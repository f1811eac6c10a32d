"""Say when the C library gives memory back to the kernel: that of frames not, that of models yes.

glibc returns a buffer of a megabyte to the kernel when it is freed, and the next frame faults every
page in again. That takes longer than all copies of a frame together. But what a model leaves when
another takes its place, and what building that one took, would stay scattered over the process.
"""

import ctypes

# Names of mallopt(3).
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
# The most that glibc takes: larger buffers are mapped one by one.
_LARGEST = 32 * 1024 * 1024
# Free memory that stays with the process.
_KEPT = 64 * 1024 * 1024


def keep_large_buffers() -> bool:
    """Set this for the process; False where the C library has no such setting."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGEST) and mallopt(_TRIM_THRESHOLD, _KEPT))


def give_back() -> bool:
    """Give all free memory back to the kernel; False where the C library cannot.

    The buffers of frames are among it: the next frame faults them in again, once.
    """
    try:
        return bool(ctypes.CDLL(None).malloc_trim(0))
    except (AttributeError, OSError):
        return False
