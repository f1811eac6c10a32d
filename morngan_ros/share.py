"""Files that ship beside the code: in the source tree, or where colcon installed them."""

from collections.abc import Iterator
import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def shared_folders() -> Iterator[Path]:
    """Yield the folders in which `models/` and `config/` may lie, the source tree first."""
    yield _PACKAGE.parent
    for prefix in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep):
        if prefix:
            yield Path(prefix) / 'share' / _PACKAGE.name


def find_shared(name: str) -> Path | None:
    """Find a file by its path in the source tree, such as `config/fastdds.xml`."""
    return next((f / name for f in shared_folders() if (f / name).is_file()), None)
