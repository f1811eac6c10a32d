"""Messages of an SQLite file, also of one with broken or missing pages."""

from collections.abc import Collection
from collections.abc import Iterator
from contextlib import closing
from contextlib import ExitStack
from pathlib import Path
import shutil
import sqlite3
from tempfile import TemporaryDirectory
from urllib.parse import quote

import numpy as np

from morngan_ros.bags.part import DamageError
from morngan_ros.bags.part import OnBadFrame
from morngan_ros.bags.part import Part
from morngan_ros.bags.part import RawMessage
from morngan_ros.bags.part import Stream

# SQLite counts rows from 1 to this.
_LAST_ROW = 2**63 - 1

_ROW = np.dtype([('row', np.int64), ('topic', np.int64), ('time_ns', np.int64)])


class SqlitePart(Part):
    """An SQLite file of rosbag2.

    Args:
        path: The file.
        on_bad: Called for what is missing or broken, which is then left out.

    Raises:
        sqlite3.Error: It is no such file.
    """

    def __init__(self, path: Path, on_bad: OnBadFrame) -> None:
        super().__init__(path)
        self._on_bad = on_bad
        self._stack = ExitStack()
        with self._stack:
            self._database = self._stack.enter_context(closing(self._open()))
            self._streams = {
                number: Stream(*stream)
                for number, *stream in self._database.execute(
                    'SELECT id, name, type, serialization_format FROM topics'
                )
            }
            self._errors: list[sqlite3.Error] = []
            rows = np.fromiter(self._walk(), _ROW)
            self._stack = self._stack.pop_all()
        self._rows = rows[np.argsort(rows['time_ns'], kind='stable')]
        for number, stream in self._streams.items():
            self.counts[stream] += int(np.count_nonzero(rows['topic'] == number))
        if len(rows):
            self.start_ns, self.end_ns = (int(self._rows['time_ns'][i]) for i in (0, -1))
        if self._errors:
            self._report_pages(self._errors[0])

    def close(self) -> None:
        """Close the file."""
        self._stack.close()

    def messages(self, topics: Collection[str]) -> Iterator[RawMessage]:
        """Iterate over the readable messages of some topics in the order of recording."""
        wanted = {
            number: stream
            for number, stream in self._streams.items()
            if stream.readable and stream.topic in topics
        }
        for row, number, time_ns in self._rows[np.isin(self._rows['topic'], list(wanted))]:
            data = self._data(int(row))
            if data is not None:
                stream = wanted[int(number)]
                yield RawMessage(stream.topic, stream.msgtype, int(time_ns), data)

    def _data(self, row: int) -> bytes | None:
        """Read a message; None, and a word of it, if it is lost."""
        query = 'SELECT data FROM messages WHERE rowid = ?'
        try:
            for (data,) in self._database.execute(query, (row,)):
                if isinstance(data, bytes):
                    return data
            reason = 'it holds no message'
        except sqlite3.Error as error:
            reason = str(error)
        self._on_bad(f'row {row} of {self.path.name}', DamageError(reason, 'lost row'))
        return None

    def _walk(self) -> Iterator[tuple[int, int, int]]:
        """Go through row, topic and time of all messages, over what is broken, without an index."""
        last, step = 0, 1
        while last < _LAST_ROW:
            try:
                for message in self._database.execute(
                    'SELECT rowid, topic_id, timestamp FROM messages WHERE rowid > ? '
                    'ORDER BY rowid',
                    (last,),
                ):
                    row, *rest = message
                    # A broken page may give any row, and rows of nothing.
                    if row > last and all(isinstance(value, int) for value in rest):
                        last, step = row, 1
                        yield message
                    else:
                        self._errors.append(sqlite3.DatabaseError('rows are broken'))
                return
            except sqlite3.DatabaseError as error:
                self._errors.append(error)
                # Each step doubles, so that a lost end costs few tries.
                last, step = min(last + step, _LAST_ROW), 2 * step

    def _report_pages(self, error: sqlite3.Error) -> None:
        seconds = (self.end_ns - self.start_ns) / 1e9
        # rosbag2 numbers rows from 1 and deletes none.
        lost = int(self._rows['row'].max(initial=0)) - len(self._rows)
        self._on_bad(
            f'pages of {self.path.name}',
            DamageError(
                f'{error}; {len(self._rows)} messages of {seconds:.1f} s were read; {lost} between '
                'them and all later ones are lost',
                'broken pages',
            ),
        )

    def _open(self) -> sqlite3.Connection:
        """Open the database for reading alone.

        A recorder that was killed leaves its last messages in a file beside it (-wal), which SQLite
        reads only where it may write; where it may not, a copy is read.
        """
        left = Path(f'{self.path}-wal')
        if not left.exists():
            return _connect(self.path, 'immutable=1')
        try:
            return _connect(self.path, 'mode=ro')
        except sqlite3.OperationalError:
            scratch = Path(self._stack.enter_context(TemporaryDirectory(prefix='bag_')))
            shutil.copy(left, scratch)
            return _connect(Path(shutil.copy(self.path, scratch)), 'mode=ro')


def _connect(path: Path, how: str) -> sqlite3.Connection:
    database = sqlite3.connect(f'file:{quote(str(path))}?{how}', uri=True)
    try:
        # Lets SQLite read a file that is shorter than its first page says.
        database.execute('PRAGMA writable_schema = ON')
        database.execute('SELECT COUNT(*) FROM topics').fetchone()
    except BaseException:
        database.close()
        raise
    return database
