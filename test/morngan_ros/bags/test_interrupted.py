"""Tests of recordings that were interrupted or are broken in places: what is there is read."""

from pathlib import Path
import shutil

from mcap.reader import make_reader
from mcap.writer import CompressionType
import numpy as np
import pytest
from recordings import counts
from recordings import frame
from recordings import frames
from recordings import stamp
from recordings import THERMAL
from recordings import Told
from recordings import write_db3
from recordings import write_mcap
import zstandard

from morngan_ros.bags import BagReader
from morngan_ros.bags import BagWriter
from morngan_ros.bags import image_message
from morngan_ros.errors import SourceError

COMPRESSIONS = {kind.value or 'none': kind for kind in CompressionType}


def read(path: Path) -> tuple[list[int], Told, BagReader]:
    """Read the frames, see that their pixels are whole, and give their numbers."""
    told = Told()
    with BagReader(path, told) as bag:
        found = []
        for one in bag.frames(THERMAL, told):
            index = (one.stamp_ns - stamp(0)) // (stamp(1) - stamp(0))
            np.testing.assert_array_equal(one.counts, counts(index))
            assert one.recorded_ns == one.stamp_ns
            found.append(index)
    return found, told, bag


def cut(path: Path, size: int) -> Path:
    path.write_bytes(path.read_bytes()[:size])
    return path


@pytest.mark.parametrize('compression', COMPRESSIONS.values(), ids=COMPRESSIONS)
@pytest.mark.parametrize('chunk_size', [1, 4000, 10**6], ids=['chunks', 'big', 'one'])
def test_a_cut_mcap_gives_all_whole_chunks(tmp_path, compression, chunk_size):
    path = write_mcap(
        tmp_path / 'a.mcap', frames(range(8)), compression=compression, chunk_size=chunk_size
    )
    whole = path.read_bytes()
    counted = []
    for size in np.linspace(len(whole), 300, 25).astype(int):
        path.write_bytes(whole[:size])
        with BagReader(path, Told()) as bag:
            # Nothing is left of the first chunk, so not even the topic is known.
            topics = list(bag.topics)
        found, told, _ = read(path) if topics else ([], None, None)
        assert found == list(range(len(found)))
        assert told is None or len(found) == 8 or 'cut off' in told.causes
        counted.append(len(found))
    assert counted == sorted(counted, reverse=True)
    assert counted[0] == 8
    assert chunk_size > 1 or set(counted) >= {1, 3, 6}


def test_messages_outside_of_chunks_are_read_up_to_the_cut(tmp_path):
    path = write_mcap(tmp_path / 'a.mcap', frames(range(8)), use_chunking=False)
    assert read(path)[0] == list(range(8))
    at = path.read_bytes().index(frame(5).data)
    found, told, _ = read(cut(path, at + 1000))
    assert found == [0, 1, 2, 3, 4]
    assert '5 messages of 0.4 s are complete' in str(told)
    assert f'{1000 + 31} bytes after them cannot be read' in str(told)


def test_a_file_without_its_index_lacks_nothing_and_says_so(tmp_path):
    path = write_mcap(tmp_path / 'a.mcap', frames(range(3)))
    found, told, bag = read(cut(path, path.stat().st_size - 40))
    assert (found, told.lines) == ([0, 1, 2], [])
    assert bag.notes == ['a.mcap has no index at its end, so all of it was read once; '
                         'no message is missing']  # fmt: skip


@pytest.mark.parametrize(
    'options',
    [
        {'use_statistics': False},
        {'repeat_channels': False},
        {'repeat_schemas': False},
        {'use_summary_offsets': False},
        {'use_statistics': False, 'repeat_channels': False, 'repeat_schemas': False},
    ],
    ids=str,
)
def test_whatever_a_writer_leaves_out_of_the_index(tmp_path, options):
    path = write_mcap(tmp_path / 'a.mcap', frames(range(3)), **options)
    found, told, bag = read(path)
    assert (found, told.lines) == ([0, 1, 2], [])
    assert bag.count(THERMAL) == 3


def test_zeros_after_a_power_cut_are_no_records(tmp_path):
    path = write_mcap(tmp_path / 'a.mcap', frames(range(4)))
    with path.open('rb') as file:
        last = make_reader(file).get_summary().chunk_indexes[3]
    path.write_bytes(path.read_bytes()[: last.chunk_start_offset] + bytes(5000))
    found, told, _ = read(path)
    assert found == [0, 1, 2]
    assert told.causes == ['cut off']
    assert '5000 bytes after them cannot be read' in str(told)


@pytest.mark.parametrize('compression', COMPRESSIONS.values(), ids=COMPRESSIONS)
def test_a_broken_chunk_costs_its_own_messages(tmp_path, compression):
    path = write_mcap(tmp_path / 'a.mcap', frames(range(6)), compression=compression)
    content = bytearray(path.read_bytes())
    for part in (2, 4):
        content[len(content) * part // 6] ^= 0xFF
    path.write_bytes(content)
    found, told, _ = read(path)
    assert len(found) == 4
    assert told.causes == ['broken chunk'] * 2
    assert 'bytes of messages cannot be read' in str(told)
    # The same without an index.
    assert read(cut(path, len(content) - 40))[0] == found


def test_damage_is_an_error_for_those_who_do_not_listen(tmp_path):
    path = write_mcap(tmp_path / 'a.mcap', frames(range(6)))
    cut(path, path.stat().st_size // 2)
    with pytest.raises(SourceError, match=r'a\.mcap cannot be read: the end of a\.mcap'):
        BagReader(path).__enter__()


def test_a_lost_part_is_counted_by_the_metadata(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        for index in range(8):
            bag.write(THERMAL, image_message(counts(index), stamp(index), 'cam'), stamp(index))
    write_mcap(tmp_path / 'bag/bag.mcap', frames(range(5)))
    found, told, _ = read(tmp_path / 'bag')
    assert len(found) == 5
    assert told.lines == ['3 messages: metadata.yaml promises 8 messages, but 5 were found']


def big_db3(path: Path) -> Path:
    """As many pages as a table needs to have a tree."""
    return write_db3(path, frames(range(200)))


@pytest.mark.parametrize('share', [0.9, 0.5, 0.1])
def test_a_cut_db3_gives_the_messages_before(tmp_path, share):
    path = big_db3(tmp_path / 'a.db3')
    found, told, _ = read(cut(path, int(path.stat().st_size * share)))
    assert found == sorted(found)
    assert 200 * share / 2 - 1 < len(found) < 200 * share
    assert set(told.causes) <= {'broken pages', 'lost row'}
    assert told.causes


@pytest.mark.parametrize('how', [b'\0', b'\xa5'], ids=['zeros', 'noise'])
@pytest.mark.parametrize('place', [0.3, 0.6, 0.95])
def test_broken_pages_cost_their_own_messages(tmp_path, how, place):
    path = big_db3(tmp_path / 'a.db3')
    content = bytearray(path.read_bytes())
    at = int(len(content) * place) // 4096 * 4096
    content[at : at + 4 * 4096] = how * 4 * 4096
    path.write_bytes(content)
    told = Told()
    with BagReader(path, told) as bag:
        found = [one.stamp_ns for one in bag.frames(THERMAL, told)]
    assert found == sorted(found)
    # Whole pages of pixels may be wrong without anybody's knowing: SQLite has no checksums.
    assert len(found) > 150


@pytest.mark.parametrize('writable', [True, False])
def test_what_a_killed_recorder_left_beside_a_db3_is_read(tmp_path, writable):
    database = write_db3(tmp_path / 'a.db3', frames(range(5)), close=False)
    (tmp_path / 'copy').mkdir()
    for name in ('a.db3', 'a.db3-wal'):
        shutil.copy(tmp_path / name, tmp_path / 'copy')
    database.close()
    assert (tmp_path / 'copy/a.db3-wal').stat().st_size > 0
    if not writable:  # SQLite cannot make the file that it needs there
        (tmp_path / 'copy/a.db3-shm').symlink_to(tmp_path / 'nowhere/a')
    found, told, _ = read(tmp_path / 'copy/a.db3')
    assert (found, told.lines) == ([0, 1, 2, 3, 4], [])


def test_reading_leaves_no_files_beside_a_db3(tmp_path):
    database = write_db3(tmp_path / 'a.db3', frames(range(5)), close=False)
    database.close()
    assert read(tmp_path / 'a.db3')[0] == [0, 1, 2, 3, 4]
    assert [path.name for path in tmp_path.iterdir()] == ['a.db3']


@pytest.mark.parametrize('keep', [8, 100, 600])
def test_a_recording_that_ends_before_its_first_message_says_so(tmp_path, keep):
    path = write_mcap(tmp_path / 'a.mcap', frames(range(4)))
    path.write_bytes(path.read_bytes()[:keep])
    with (
        BagReader(path, Told()) as bag,
        pytest.raises(SourceError, match=r'topics are: none; the end of a\.mcap: the recorder was'),
    ):
        bag.choose_images()


def test_a_compressed_file_that_is_cut_before_its_first_block_says_so(tmp_path):
    path = write_mcap(tmp_path / 'a.mcap', frames(range(2)))
    packed = tmp_path / 'b.mcap.zstd'
    packed.write_bytes(zstandard.compress(path.read_bytes())[:200])
    with pytest.raises(SourceError, match='nothing in it can be decompressed: it is cut off'):
        BagReader(packed, Told()).__enter__()


@pytest.mark.parametrize('suffix', ['mcap', 'db3', 'mcap.zstd', 'db3.zst'])
@pytest.mark.parametrize('content', [b'', b'no recording at all', bytes(9000)])
def test_what_is_no_recording_is_named(tmp_path, suffix, content):
    path = tmp_path / f'a.{suffix}'
    path.write_bytes(content)
    with pytest.raises(SourceError, match=rf'a\.{suffix} cannot be read: '):
        BagReader(path, Told()).__enter__()


def test_a_broken_first_message_costs_one_frame(tmp_path):
    broken = frame(0)._replace(data=frame(0).data[:40])
    path = write_mcap(tmp_path / 'a.mcap', [broken, *frames(range(1, 4))])
    found, told, _ = read(path)
    assert found == [1, 2, 3]
    assert len(told.lines) == 1
    assert 'message 0: its bytes are not a complete sensor_msgs/msg/Image' in str(told)
