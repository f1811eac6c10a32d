"""The same work on many files: in processes, with a progress bar, skipping what is done."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple
from typing import TypeVar

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track

from morngan_train.data.reading import DataError
from morngan_train.files import written_whole
from morngan_train.prepare.selection import few

_CHUNK = 8

Task = TypeVar('Task')
Outcome = TypeVar('Outcome')


class Done(NamedTuple):
    """What became of one file.

    Attributes:
        size: Width and height of the picture; None if it failed.
        fresh: It was there already and was kept.
        error: Why it failed; empty if it did not.
    """

    size: tuple[int, int] | None
    fresh: bool = False
    error: str = ''


def collect(
    function: Callable[[Task], Outcome], tasks: Sequence[Task], label: str, jobs: int
) -> list[Outcome]:
    """Do all tasks, in this process or in several.

    Args:
        function: Does one task; must be importable by name.
        tasks: What to do.
        label: Of the progress bar, which goes to standard error.
        jobs: Processes, each with a single OpenCV thread; 1 starts none.

    Returns:
        The outcomes, in the order of the tasks.
    """
    console = Console(stderr=True)
    return list(track(_outcomes(function, tasks, jobs), label, len(tasks), console=console))


def work(
    function: Callable[[Task], Done], tasks: Sequence[Task], label: str, jobs: int
) -> list[Done]:
    """Do all tasks as `collect` does, and insist on them.

    Raises:
        DataError: Some tasks failed; all others are done, and a second run does only the rest.
    """
    done = collect(function, tasks, label, jobs)
    errors = [outcome.error for outcome in done if outcome.error]
    if errors:
        raise DataError(
            f'{label}: {len(errors)} of {len(tasks)} files failed, all others are done; repair '
            f'these files and run the same command again: {few(errors)}'
        )
    return done


def _outcomes(
    function: Callable[[Task], Outcome], tasks: Sequence[Task], jobs: int
) -> Iterator[Outcome]:
    if jobs == 1:
        yield from map(function, tasks)
        return
    # Forking would copy the locks of the progress bar's thread.
    with ProcessPoolExecutor(jobs, get_context('spawn'), cv2.setNumThreads, (1,)) as pool:
        yield from pool.map(function, tasks, chunksize=_CHUNK)


def kept(target: Path, source: Path) -> Done | None:
    """Tell what is there already: a file that is not older than its source and can be decoded."""
    if not target.is_file() or target.stat().st_mtime < source.stat().st_mtime:
        return None
    image = cv2.imread(str(target), cv2.IMREAD_UNCHANGED)
    return None if image is None else Done(size_of(image), fresh=True)


def remove(targets: Iterable[Path]) -> None:
    """Remove files that are to be made anew, before any is: a run cut short leaves none behind."""
    for target in targets:
        target.unlink(missing_ok=True)


def write_png(path: Path, image: np.ndarray) -> None:
    """Write uint8 or uint16 [H, W], or uint8 [H, W, 3] RGB, so that no half file is ever seen.

    Raises:
        DataError: The file cannot be written.
    """
    pixels = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image
    write_bytes(path, cv2.imencode('.png', pixels)[1].tobytes())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file under another name and rename it; raise DataError if that is not possible."""
    try:
        with written_whole(path) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise DataError(f'{path} cannot be written: {error}') from error


def size_of(image: np.ndarray) -> tuple[int, int]:
    """Width and height of an array [H, W, ...]."""
    return image.shape[1], image.shape[0]
