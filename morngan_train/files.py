"""Files that are whole or not there, and digests that tell whether files are still the same."""

from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import contextmanager
import hashlib
from pathlib import Path


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give another name to write to; at the end the file takes its place, unless writing failed.

    An interruption leaves what was there before.
    """
    partial = path.with_name(f'{path.name}.partial')
    try:
        yield partial
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write a text in UTF-8, whole or not at all."""
    with written_whole(path) as partial:
        partial.write_text(text, encoding='utf-8')


def state_digest(files: Iterable[Path]) -> str:
    """Return a digest of the names, sizes and times of files: another one after any change."""
    total = hashlib.sha256()
    for path in files:
        state = path.stat()
        total.update(f'{path.resolve()}\0{state.st_size}\0{state.st_mtime_ns}\n'.encode())
    return total.hexdigest()


def content_digest(files: Iterable[Path]) -> str:
    """Return a digest of the names and contents of files: the same wherever they lie."""
    total = hashlib.sha256()
    for path in files:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f'{path.name}\0{content}\n'.encode())
    return total.hexdigest()
