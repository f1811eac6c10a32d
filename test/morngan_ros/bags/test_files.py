"""Tests of which files a recording consists of: split, without metadata, incomplete, compressed."""

from collections.abc import Callable
from pathlib import Path

import pytest
from recordings import frame
from recordings import frames
from recordings import PERIOD_NS
from recordings import START_NS
from recordings import THERMAL
from recordings import Told
from recordings import write_db3
from recordings import write_mcap
import yaml
from zstandard import ZstdCompressor

from morngan_ros.bags import BagReader
from morngan_ros.bags import holds_only_a_bag
from morngan_ros.bags import is_bag
from morngan_ros.bags import RawMessage
from morngan_ros.bags.part import by_time
from morngan_ros.errors import SourceError

WRITERS: dict[str, Callable] = {'mcap': write_mcap, 'db3': write_db3}


def read(path: Path) -> tuple[list[int], Told, list[str]]:
    """Give the numbers of the frames, what is told of damage, and the notes."""
    told = Told()
    with BagReader(path, told) as bag:
        found = [(one.stamp_ns - START_NS) // PERIOD_NS for one in bag.frames(THERMAL, told)]
        return found, told, bag.notes


def save_metadata(folder: Path, names: list[str], count: int, **more: str) -> None:
    information = {'version': 5, 'relative_file_paths': names, 'message_count': count, **more}
    text = yaml.safe_dump({'rosbag2_bagfile_information': information})
    (folder / 'metadata.yaml').write_text(text)


def pack(path: Path, suffix: str = '.zstd') -> Path:
    """Compress a file as rosbag2 does in its mode FILE."""
    packed = path.with_name(path.name + suffix)
    packed.write_bytes(ZstdCompressor().compress(path.read_bytes()))
    path.unlink()
    return packed


@pytest.fixture
def folder(tmp_path) -> Path:
    path = tmp_path / 'drive'
    path.mkdir()
    return path


@pytest.mark.parametrize('suffix', WRITERS)
def test_parts_without_metadata_follow_each_other_in_time(folder, suffix):
    # In the order of letters, 10 would come before 9.
    for part in range(12):
        WRITERS[suffix](folder / f'drive_{part}.{suffix}', frames((2 * part, 2 * part + 1)))
    assert is_bag(folder)
    found, told, notes = read(folder)
    assert (found, told.lines) == (list(range(24)), [])
    (note,) = notes
    assert 'has no metadata.yaml; reading drive_0' in note
    assert '7 more by time; ros2 bag reindex' in note


def test_parts_that_overlap_are_merged(folder):
    write_mcap(folder / 'front.mcap', frames((0, 3, 4)))
    write_db3(folder / 'rear.db3', frames((1, 2, 5)))
    assert read(folder)[0] == [0, 1, 2, 3, 4, 5]


def test_what_lies_beside_the_parts_is_no_part(folder):
    write_mcap(folder / 'drive_0.mcap', frames(range(2)))
    (folder / '._drive_0.mcap').write_bytes(b'\0\5\x16\7')
    (folder / 'notes.txt').write_text('rain')
    write_mcap(folder / 'whole.mcap', frames(range(2)))
    pack(folder / 'whole.mcap')
    write_mcap(folder / 'whole.mcap', frames(range(2, 4)))  # decompressed by hand
    assert read(folder)[0] == [0, 1, 2, 3]


@pytest.mark.parametrize('text', ['', 'rosbag2_bagfile_information:', '\0\0', '{a: [', 'x: 1'])
def test_broken_metadata_is_told_and_done_without(folder, text):
    write_mcap(folder / 'drive_0.mcap', frames(range(2)))
    (folder / 'metadata.yaml').write_text(text)
    found, told, notes = read(folder)
    assert (found, told.lines) == ([0, 1], [])
    assert 'metadata.yaml of bag' in notes[0]
    assert 'ros2 bag reindex' in notes[0]


def test_a_missing_part_is_named_and_what_is_missing_counted(folder):
    for part in (0, 2):
        write_mcap(folder / f'drive_{part}.mcap', frames((2 * part, 2 * part + 1)))
    save_metadata(folder, [f'drive/drive_{part}.mcap' for part in range(3)], 6)
    found, told, notes = read(folder)
    assert (found, notes) == ([0, 1, 4, 5], [])
    assert told.lines == [
        'drive_1.mcap: metadata.yaml names it, but it is not there',
        '2 messages: metadata.yaml promises 6 messages, but 4 were found',
    ]


def test_parts_written_after_the_metadata_are_read(folder):
    """A recorder that writes metadata at each split was killed in the last part."""
    for part in range(3):
        write_mcap(folder / f'drive_{part}.mcap', frames((2 * part, 2 * part + 1)))
    write_mcap(folder / 'other_0.mcap', frames((9,)))
    save_metadata(folder, ['drive_0.mcap', 'drive_1.mcap'], 4)
    found, told, notes = read(folder)
    assert (found, told.lines) == ([0, 1, 2, 3, 4, 5], [])
    assert 'does not name drive_2.mcap' in notes[0]


def test_an_unreadable_part_costs_only_itself(folder):
    write_mcap(folder / 'drive_0.mcap', frames(range(2)))
    (folder / 'drive_1.mcap').write_bytes(b'')
    (folder / 'drive_2.db3').write_bytes(bytes(100))
    found, told, _ = read(folder)
    assert found == [0, 1]
    assert told.lines[0] == 'drive_1.mcap: the file is empty'
    assert told.lines[1].startswith('drive_2.db3: ')


@pytest.mark.parametrize('suffix', WRITERS)
def test_files_that_were_renamed_are_read(folder, suffix):
    for part in range(2):
        path = folder / f'night_{part}.{suffix}'
        WRITERS[suffix](path, frames((2 * part, 2 * part + 1)))
    save_metadata(folder, [f'drive_{part}.{suffix}' for part in range(2)], 4)
    found, told, notes = read(folder)
    assert (found, told.lines) == ([0, 1, 2, 3], [])
    (note,) = notes
    assert (
        f'names drive_0.{suffix}, drive_1.{suffix}, which does not exist; reading night_0' in note
    )
    assert 'ros2 bag reindex' in note


def test_nothing_but_metadata_is_an_error(folder):
    save_metadata(folder, ['drive_0.mcap'], 6)
    with pytest.raises(SourceError, match=r'all of its files are missing: drive_0\.mcap'):
        BagReader(folder, Told())


@pytest.mark.parametrize('suffix', WRITERS)
@pytest.mark.parametrize('metadata', [True, False])
def test_files_that_rosbag2_compressed_are_read(folder, suffix, metadata):
    for part in range(2):
        path = folder / f'drive_{part}.{suffix}'
        WRITERS[suffix](path, frames((2 * part, 2 * part + 1)))
        pack(path)
    if metadata:
        names = [f'drive_{part}.{suffix}.zstd' for part in range(2)]
        save_metadata(folder, names, 4, compression_mode='FILE', compression_format='zstd')
    found, told, notes = read(folder)
    assert (found, told.lines) == ([0, 1, 2, 3], [])
    assert len(notes) == (not metadata)
    assert read(folder / f'drive_1.{suffix}.zstd')[0] == [2, 3]


def test_a_compressed_file_that_is_cut_off_is_read_as_far_as_it_goes(tmp_path):
    path = pack(write_mcap(tmp_path / 'a.mcap', frames(range(300))), '.zst')
    assert is_bag(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    found, told, _ = read(path)
    assert found == list(range(len(found)))
    assert 150 < len(found) < 250
    assert told.causes == ['cut off']


@pytest.mark.parametrize('suffix', WRITERS)
def test_messages_that_rosbag2_compressed_are_read(tmp_path, suffix):
    packed = [one._replace(data=ZstdCompressor().compress(one.data)) for one in frames(range(3))]
    packed[1] = packed[1]._replace(data=packed[1].data[:50])
    WRITERS[suffix](tmp_path / f'a.{suffix}', packed)
    found, told, _ = read(tmp_path / f'a.{suffix}')
    assert found == [0, 2]
    assert len(told.lines) == 1


@pytest.mark.parametrize('suffix', WRITERS)
def test_a_recording_without_messages_is_empty_not_broken(tmp_path, suffix):
    WRITERS[suffix](tmp_path / f'a.{suffix}', [])
    with BagReader(tmp_path / f'a.{suffix}') as bag:
        assert (bag.topics, list(bag.raw()), bag.duration_ns) == ({}, [], 0)


def test_a_folder_of_pictures_with_a_recording_in_it_is_no_bag(folder):
    write_mcap(folder / 'drive.mcap', frames(range(2)))
    (folder / 'a.png').touch()
    assert not is_bag(folder)


def test_only_a_bag_may_be_replaced(folder):
    assert not holds_only_a_bag(folder)
    write_mcap(folder / 'drive_0.mcap', frames(range(2)))
    assert holds_only_a_bag(folder)
    write_mcap(folder / 'holiday.mcap', frames(range(2)))
    assert not holds_only_a_bag(folder)
    save_metadata(folder, ['drive_0.mcap', 'holiday.mcap'], 4)
    assert holds_only_a_bag(folder)
    (folder / 'thesis.tex').touch()
    assert not holds_only_a_bag(folder)


def test_sources_are_merged_by_time_and_opened_when_it_comes():
    opened = []

    def source(name: str, *times: int):
        opened.append(name)
        for time_ns in times:
            yield RawMessage(name, '', time_ns, b'')

    merged = by_time([(5, source('b', 5, 6, 9)), (1, source('a', 1, 5, 7)), (8, source('c', 8))])
    assert opened == []
    assert next(merged).topic == 'a'
    assert opened == ['a']
    times = [(one.recorded_ns, one.topic) for one in merged]
    assert times == [(5, 'a'), (5, 'b'), (6, 'b'), (7, 'a'), (8, 'c'), (9, 'b')]


def test_frames_of_one_time_keep_their_order(tmp_path):
    same = [frame(index)._replace(time_ns=START_NS) for index in range(5)]
    for suffix, write in WRITERS.items():
        write(tmp_path / f'a.{suffix}', same)
        assert read(tmp_path / f'a.{suffix}')[0] == [0, 1, 2, 3, 4]
