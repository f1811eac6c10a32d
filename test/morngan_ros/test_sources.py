"""Tests of sources: folders, videos and bags as people have them, and broken ones."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from morngan_ros.bags import BagWriter
from morngan_ros.bags import DamageError
from morngan_ros.bags import image_message
from morngan_ros.errors import FrameError
from morngan_ros.errors import SourceError
from morngan_ros.sources import open_source

START_NS = 1_700_000_000_000_000_000


def counts(index: int, dtype: str = 'u2') -> np.ndarray:
    """A frame that is unlike the others."""
    return np.full((16, 24), 1000 * index if dtype == 'u2' else 10 * index, np.dtype(dtype))


def fill(folder: Path, names: list[str], dtype: str = 'u2') -> Path:
    folder.mkdir(exist_ok=True)
    for index, name in enumerate(names):
        assert cv2.imwrite(str(folder / name), counts(index, dtype))
    return folder


def test_folder_in_natural_order_with_stamps_at_its_rate(tmp_path):
    folder = fill(tmp_path / 'night', ['f1.png', 'f2.tiff', 'f10.png'])
    (folder / 'notes.txt').write_text('no picture')
    source = open_source(folder, rate=20, start_ns=START_NS, frame_id='cam')
    assert (source.label, source.length, source.rate) == ('folder night', 3, 20)
    for _ in range(2):  # every iteration begins anew
        frames = list(source)
        assert [f.name for f in frames] == ['f1', 'f2', 'f10']
        assert [f.stamp_ns - START_NS for f in frames] == [0, 50_000_000, 100_000_000]
        assert {f.frame_id for f in frames} == {'cam'}
        for index, frame in enumerate(frames):
            np.testing.assert_array_equal(frame.counts, counts(index))


def test_folder_of_jpegs_without_a_rate_has_ten_frames_a_second(tmp_path):
    source = open_source(fill(tmp_path / 'a', ['a.JPG', 'b.jpeg'], 'u1'), start_ns=0)
    assert [f.stamp_ns for f in source] == [0, 100_000_000]
    assert {f.counts.dtype for f in source} == {np.dtype('u1')}


def test_as_many_frames_as_asked_for(tmp_path):
    folder = fill(tmp_path / 'a', ['0.png', '1.png', '2.png'])
    source = open_source(folder, frames=2)
    assert source.length == 2
    assert [f.name for f in source] == ['0', '1']
    with pytest.raises(SourceError, match='at least 1'):
        open_source(folder, frames=0)


def test_unreadable_picture_is_named_or_skipped_and_keeps_its_time(tmp_path):
    folder = fill(tmp_path / 'a', ['0.png', '1.png', '2.png'])
    (folder / '1.png').write_bytes((folder / '1.png').read_bytes()[:40])
    with pytest.raises(FrameError, match=r'1\.png: .*cannot be decoded'):
        list(open_source(folder))
    bad = []
    frames = list(open_source(folder, start_ns=0, on_bad=lambda name, error: bad.append(name)))
    assert bad == ['1.png']
    assert [f.stamp_ns for f in frames] == [0, 200_000_000]


def save_video(path: Path, frames: int = 5, rate: float = 25.0) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'MJPG'), rate, (24, 16))
    assert writer.isOpened()
    for index in range(frames):
        writer.write(cv2.cvtColor(counts(index, 'u1'), cv2.COLOR_GRAY2BGR))
    writer.release()
    return path


def test_video_at_its_own_rate(tmp_path):
    source = open_source(save_video(tmp_path / 'night.avi'), start_ns=START_NS)
    frames = list(source)
    assert (source.label, source.length, source.rate) == ('video night.avi', 5, 25)
    assert [f.stamp_ns - START_NS for f in frames] == [i * 40_000_000 for i in range(5)]
    for index, frame in enumerate(frames):
        assert frame.counts.dtype == np.uint8
        assert np.abs(frame.counts.astype(int) - 10 * index).max() <= 3
    assert len(list(open_source(tmp_path / 'night.avi', frames=2))) == 2


def test_broken_video_is_named(tmp_path):
    (tmp_path / 'broken.mp4').write_bytes(b'\0' * 1000)
    with pytest.raises(SourceError, match=r'broken\.mp4 cannot be opened'):
        open_source(tmp_path / 'broken.mp4')


def test_bag_keeps_stamps_and_frame_ids(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        for index in range(5):
            stamp = START_NS + index * 100_000_000
            bag.write('/image_raw', image_message(counts(index), stamp, f'cam{index}'), stamp + 7)
    source = open_source(tmp_path / 'bag', rate=99, start_ns=5, frames=4)
    assert (source.label, source.length) == ('bag bag /image_raw', 4)
    assert source.rate == pytest.approx(10)
    frames = list(source)
    assert [f.stamp_ns for f in frames] == [START_NS + i * 100_000_000 for i in range(4)]
    assert all(f.recorded_ns == f.stamp_ns + 7 for f in frames)
    assert [f.frame_id for f in frames] == ['cam0', 'cam1', 'cam2', 'cam3']
    np.testing.assert_array_equal(frames[3].counts, counts(3))


def test_bag_says_what_was_chosen_and_takes_what_is_named(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        for topic, dtype in (('/a/image_raw', 'u1'), ('/b/image_raw', 'u2')):
            bag.write(topic, image_message(counts(1, dtype), START_NS, 'cam'), START_NS)
    source = open_source(tmp_path / 'bag')
    assert source.label == 'bag bag /b/image_raw'
    (note,) = source.notes
    assert '/b/image_raw (mono16) is taken' in note
    assert '--topic takes another: /a/image_raw (mono8)' in note
    named = open_source(tmp_path / 'bag', topic='a/image_raw')
    assert (named.label, named.notes) == ('bag bag /a/image_raw', [])


def test_bag_that_was_cut_off_is_read_as_far_as_it_goes_each_time(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        for index in range(40):
            message = image_message(np.full((200, 300), index, 'u2'), START_NS + index, 'cam')
            bag.write('/image_raw', message, START_NS + index)
    path = tmp_path / 'bag/bag.mcap'
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    told = []
    source = open_source(tmp_path / 'bag', on_bad=lambda name, error: told.append(error))
    for _ in range(2):
        told.clear()
        values = [int(frame.counts[0, 0]) for frame in source]
        assert values == list(range(source.length))
        assert [error.cause for error in told] == ['cut off', 'missing messages']
        assert all(isinstance(error, DamageError) for error in told)
    assert 9 <= source.length < 40
    with pytest.raises(SourceError, match='the recorder was killed or the file was cut off'):
        list(open_source(tmp_path / 'bag'))


def test_topic_of_what_is_no_bag_is_refused(tmp_path):
    folder = fill(tmp_path / 'a', ['0.png'])
    for where in (folder, save_video(tmp_path / 'a.avi'), 'sim'):
        with pytest.raises(SourceError, match='is no bag, so it has no topic /image_raw'):
            open_source(where, topic='/image_raw')


def test_hidden_files_are_no_pictures(tmp_path):
    folder = fill(tmp_path / 'a', ['0.png', '1.png'])
    (folder / '._0.png').write_bytes(b'\0\5\x16\7')
    assert [frame.name for frame in open_source(folder)] == ['0', '1']


def test_bags_in_a_folder_of_others_are_named(tmp_path):
    for name in ('monday', 'tuesday'):
        with BagWriter(tmp_path / 'week' / name) as bag:
            bag.write('/image_raw', image_message(counts(1), START_NS, 'cam'), START_NS)
    with pytest.raises(SourceError, match='name one of the bags in it: monday, tuesday'):
        open_source(tmp_path / 'week')
    fill(tmp_path / 'week', ['0.png'])
    source = open_source(tmp_path / 'week')
    assert source.length == 1
    assert 'holds bags too; to read one, name it: monday, tuesday' in source.notes[0]


def test_simulation_is_the_same_each_time():
    source = open_source('sim:80x64', start_ns=START_NS, rate=20, frames=3)
    first, second = list(source), list(source)
    assert (source.label, source.length) == ('simulated camera 80x64', 3)
    assert [f.stamp_ns - START_NS for f in first] == [0, 50_000_000, 100_000_000]
    for one, other in zip(first, second, strict=True):
        assert one.counts.shape == (64, 80)
        assert one.counts.dtype == np.uint16
        assert one.counts.max() < 2**14
        np.testing.assert_array_equal(one.counts, other.counts)
    assert not np.array_equal(first[0].counts, first[1].counts)


@pytest.mark.parametrize(
    ('make', 'words'),
    [
        (lambda p: p / 'nowhere', 'nowhere does not exist'),
        (lambda p: p, 'holds no pictures'),
        (lambda p: 'sim:8x8', 'simulated camera: .* at least 64x64'),
        (lambda p: _touch(p / 'notes.txt'), 'no folder, bag or known video'),
        (lambda p: _touch(p / 'empty.mcap'), 'cannot be read'),
    ],
)
def test_what_holds_no_frames_is_named(tmp_path, make, words):
    with pytest.raises(SourceError, match=words):
        open_source(make(tmp_path))


def _touch(path: Path) -> Path:
    path.touch()
    return path


@pytest.mark.parametrize('rate', [0, -1, float('nan')])
def test_rate_must_be_positive(tmp_path, rate):
    with pytest.raises(SourceError, match='rate must be above zero'):
        open_source(fill(tmp_path / 'a', ['0.png']), rate=rate)
