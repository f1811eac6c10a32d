"""Split lists: text files that say which frames are for training by day, by night, and for test."""

from collections.abc import Sequence
from pathlib import Path

from morngan_train.data.reading import DataError
from morngan_train.data.reading import SUFFIXES
from morngan_train.prepare.selection import Folder

_LISTED: tuple[Folder, ...] = ('trainA', 'trainB', 'testB')


def read_lists(
    folder: Path, required: Sequence[Folder] = ('trainA', 'trainB')
) -> dict[Folder, list[str]]:
    """Read the lists of a folder, one name a line, in any order and with empty lines.

    A list is called `trainA.txt`, or has `trainA` in its name, as `FLIR_trainA_list.txt` has.

    Args:
        folder: Holds lists for trainA, trainB and, if there is a test set, testB.
        required: Lists that must be there.

    Returns:
        Lines by folder of the data folder, each once.

    Raises:
        DataError: A list is missing, there are several of one kind, or one cannot be read.
    """
    if not folder.is_dir():
        raise DataError(f'--lists {folder} does not exist or is not a folder')
    files = {name: _find(folder, name) for name in _LISTED}
    missing = [name for name in required if files[name] is None]
    if missing:
        raise DataError(f'{folder} has no {" and no ".join(f"{name}.txt" for name in missing)}')
    return {name: _read(file) for name, file in files.items() if file is not None}


def bare_name(line: str) -> str:
    """Take folder and suffix off a name: 'RGB/FLIR_00002.jpg' -> 'FLIR_00002'."""
    name = line.replace('\\', '/').rsplit('/', 1)[-1]
    stem, dot, suffix = name.rpartition('.')
    return stem if dot and f'.{suffix.lower()}' in SUFFIXES else name


def _find(folder: Path, name: str) -> Path | None:
    exact = folder / f'{name}.txt'
    if exact.is_file():
        return exact
    similar = sorted(folder.glob(f'*{name}*.txt'))
    if len(similar) > 1:
        names = ', '.join(file.name for file in similar)
        raise DataError(f'{folder} has several lists for {name}: {names}; keep one')
    return similar[0] if similar else None


def _read(file: Path) -> list[str]:
    try:
        lines = [line.strip() for line in file.read_text().splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f'{file} cannot be read as text: {error}') from error
    return list(dict.fromkeys(line for line in lines if line))
