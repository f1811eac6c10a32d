"""A DDS domain that no other test process has, so that tests may run beside each other."""

import fcntl
import os
from pathlib import Path
import tempfile

# Free ones by the rules of DDS, and not the 0 of the user.
_NUMBERS = range(20, 100)


def _take(number: int) -> bool:
    """Lock the file of a domain; the lock goes when this process ends."""
    path = Path(tempfile.gettempdir(), f'morngan_{os.getuid()}_domain_{number}.lock')
    lock = os.open(path, os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return False
    return True


#: The domain of this process.
DOMAIN = next(number for number in _NUMBERS if _take(number))
