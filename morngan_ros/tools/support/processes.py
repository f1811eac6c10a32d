"""Child processes that always come to an end, with all that they started."""

from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
import os
from pathlib import Path
import signal
import subprocess
import sys

# How to ask a process to end, and how many seconds it gets to do so.
_REQUESTS = ((signal.SIGINT, 10.0), (signal.SIGTERM, 3.0), (signal.SIGKILL, 3.0))


class Child:
    """A Python module that runs in a process group of its own; use it as a context manager.

    Args:
        name: For people and the log file.
        module: What `python -m` gets, with its arguments.
        log: Gets stdout and stderr.
        environment: All variables of the process.
    """

    def __init__(
        self, name: str, module: Sequence[str], log: Path, environment: Mapping[str, str]
    ) -> None:
        self.name = name
        self.log = log
        with log.open('wb') as file:
            self._process = subprocess.Popen(
                [sys.executable, '-m', *module],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                start_new_session=True,
            )

    def __enter__(self) -> 'Child':
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    @property
    def pid(self) -> int:
        """Its number, under which the kernel knows it."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._process.poll()

    def end(self) -> int:
        """Ask it to end, more and more firmly, and return its exit code."""
        for request, patience in _REQUESTS:
            if self._process.poll() is not None:
                break
            self._signal(request)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(patience)
        # Whatever it left behind in its group.
        self._signal(signal.SIGKILL)
        return self._process.wait()

    def last_words(self) -> str:
        """Return the last line of the log that says something."""
        lines = [line.strip() for line in self.log.read_text(errors='replace').splitlines()]
        return next((line for line in reversed(lines) if line), 'it printed nothing')

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
