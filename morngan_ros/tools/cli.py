"""What all commands share: one-line errors, exit codes, a progress bar."""

import argparse
from collections.abc import Callable
from collections.abc import Sequence
import functools
from pathlib import Path
import re
import shutil
import sys

from rich.console import Console
from rich.progress import BarColumn
from rich.progress import Progress
from rich.progress import TextColumn
from rich.progress import TimeRemainingColumn

from morngan_ros.bags import is_bag
from morngan_ros.errors import FrameError
from morngan_ros.errors import MornganError
from morngan_ros.errors import SourceError

#: Exit codes: work was done but something was left out; nothing could be done; Ctrl-C.
INCOMPLETE = 1
FAILED = 2
INTERRUPTED = 130

Main = Callable[[Sequence[str] | None], int]


def reports_errors(main: Main) -> Callable[..., int]:
    """Let `main` end in one line on stderr and an exit code instead of a traceback."""

    @functools.wraps(main)
    def wrapper(argv: Sequence[str] | None = None) -> int:
        try:
            return main(argv)
        except MornganError as error:
            print(f'error: {error}', file=sys.stderr)
            return FAILED
        except KeyboardInterrupt:
            print('interrupted', file=sys.stderr)
            return INTERRUPTED

    return wrapper


def parser(name: str, description: str, examples: str) -> argparse.ArgumentParser:
    """Make a parser whose help ends in examples and shows defaults."""
    command = f'  python -m morngan_ros.tools.{name}'
    lines = '\n'.join(f'{command} {example}'.rstrip() for example in examples.splitlines())
    return argparse.ArgumentParser(
        prog=f'python -m morngan_ros.tools.{name}',
        description=description,
        epilog=f'examples:\n{lines}',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def progress() -> Progress:
    """Make a progress bar on stderr: what, how many of how many, time left."""
    return Progress(
        TextColumn('{task.description}'),
        BarColumn(),
        # Not MofNCompleteColumn: the rich of Ubuntu 22.04 has none.
        TextColumn('{task.completed:.0f}/{task.total:.0f}'),
        TextColumn('time left'),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


class Skipped:
    """Remembers the frames that could not be read, and says so at once and at the end."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, name: str, error: FrameError) -> None:
        """Leave out a frame: for `on_bad` of a source."""
        self.names.append(name)
        print(f'skipped {name}: {error}', file=sys.stderr)

    def exit_code(self) -> int:
        """Sum up, and return INCOMPLETE if anything was left out."""
        if not self.names:
            return 0
        print(f'{len(self.names)} frames were skipped: {", ".join(self.names)}', file=sys.stderr)
        return INCOMPLETE


def size(text: str) -> tuple[int, int]:
    """Read '640x512' as (640, 512): a type for argparse."""
    sides = re.fullmatch(r'(\d+)x(\d+)', text)
    if sides is None:
        raise argparse.ArgumentTypeError(f'a size looks like 640x512, not {text}')
    return int(sides[1]), int(sides[2])


def claim_output(out: Path, source: str, overwrite: bool) -> None:
    """Make sure that writing to `out` destroys nothing by accident.

    An old bag or file is removed when overwriting is allowed; of a folder only files of the same
    name are replaced later.

    Raises:
        SourceError: `out` exists and may not be overwritten, or is the input itself.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if out.resolve() == Path(source).resolve():
        raise SourceError(f'{out} is input and output at once; name another output')
    if not overwrite:
        raise SourceError(f'{out} exists already; add --overwrite or name another output')
    if is_bag(out) and out.is_dir():
        shutil.rmtree(out)
    elif out.is_file():
        out.unlink()
