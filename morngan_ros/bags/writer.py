"""Writing rosbag2 recordings through the library rosbags."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
import sqlite3
from typing import Any
from typing import Literal

from rosbags.interfaces import Connection
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer
from rosbags.rosbag2 import WriterError

from morngan_ros.bags.definitions import typestore
from morngan_ros.errors import SourceError

STORAGES = ('mcap', 'sqlite3')

# rosbag2 of every distribution since Humble reads version 8; 9 is refused by the older ones.
_BAG_VERSION: Literal[8] = 8


class BagWriter:
    """A new rosbag2 directory; use it as a context manager.

    Args:
        path: The directory; it must not exist.
        storage: 'mcap' or 'sqlite3'.

    Raises:
        SourceError: The directory exists already or cannot be made.
    """

    def __init__(self, path: str | Path, storage: str = 'mcap') -> None:
        self.path = Path(path)
        with self._errors_in_words():
            self._writer = Writer(
                self.path, version=_BAG_VERSION, storage_plugin=StoragePlugin[storage.upper()]
            )
            self._writer.open()
        self._connections: dict[str, Connection] = {}

    def __enter__(self) -> 'BagWriter':
        return self

    def __exit__(self, *_: object) -> None:
        self.close()  # also after an error: what was written so far stays readable

    def close(self) -> None:
        """Write index and metadata; nothing can be appended any more.

        Raises:
            SourceError: They cannot be written.
        """
        with self._errors_in_words():
            self._writer.close()

    def write(self, topic: str, message: Any, recorded_ns: int) -> None:
        """Append a message that this package made or read.

        Raises:
            SourceError: It cannot be written, as on a full disk.
        """
        kind = message.__msgtype__
        if topic not in self._connections:
            self._connections[topic] = self._writer.add_connection(
                topic, kind, typestore=typestore()
            )
        data = typestore().serialize_cdr(message, kind)
        with self._errors_in_words():
            self._writer.write(self._connections[topic], recorded_ns, data)

    @contextmanager
    def _errors_in_words(self) -> Iterator[None]:
        try:
            yield
        except (WriterError, OSError, sqlite3.Error) as error:
            raise SourceError(f'bag {self.path} cannot be written: {error}') from None
