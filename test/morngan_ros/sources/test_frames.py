"""Tests of sources: folders, videos and bags as people have them, and broken ones."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler
from http.server import ThreadingHTTPServer
from pathlib import Path
import struct
from threading import Thread

import cv2
import numpy as np
import pytest

from morngan_ros.bags import BagWriter
from morngan_ros.bags import DamageError
from morngan_ros.bags import image_message
from morngan_ros.errors import FrameError
from morngan_ros.errors import SourceError
from morngan_ros.images.codec import READS_BIG_TIFF
from morngan_ros.sources import Frame
from morngan_ros.sources import open_source
from morngan_ros.sources.video import bits_of

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
        with pytest.raises(SourceError, match='is not a bag, so it has no topic /image_raw'):
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
        (lambda p: _touch(p / 'notes.txt'), 'no folder, bag, known picture or video'),
        (lambda p: 'http://127.0.0.1:9/thermal', r'http://127\.0\.0\.1:9/thermal cannot be opened'),
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


def save_tiff(
    path: Path,
    pages: list[np.ndarray],
    kinds: list[int] | None = None,
    order: str = '<',
    start: int = 16,
    more: dict[int, int] | None = None,
) -> Path:
    """Write a BigTIFF, uncompressed: the form that OpenCV reads but does not write.

    Args:
        path: The file.
        pages: uint16, float32 or float64 [H, W].
        kinds: NewSubfileType of each: 0 a picture, 1 a thumbnail, 4 a mask.
        order: Of the bytes, '<' or '>'.
        start: Where the first page begins.
        more: Other tags of each page.
    """
    with path.open('wb') as file:

        def write(at: int, form: str, *values: int) -> int:
            file.seek(at)
            return at + file.write(struct.pack(order + form, *values))

        write(write(0, '2sHHH', b'II' if order == '<' else b'MM', 43, 8, 0), 'Q', 0)
        link, at = 8, start
        for pixels, kind in zip(pages, kinds or [0] * len(pages), strict=True):
            file.seek(at)
            file.write(pixels.astype(pixels.dtype.newbyteorder(order)).tobytes())
            directory = at + pixels.nbytes
            height, width = pixels.shape
            tags = {254: kind, 256: width, 257: height, 258: 8 * pixels.itemsize, 259: 1, 262: 1}
            tags |= {273: at, 277: 1, 278: height, 279: pixels.nbytes}
            tags |= more or {}
            tags[339] = 3 if pixels.dtype.kind == 'f' else 1
            at = write(directory, 'Q', len(tags))
            for tag, value in tags.items():
                at = write(at, 'HHQQ', tag, 16, 1, value)
            write(link, 'Q', directory)
            link, at = at, write(at, 'Q', 0)
    return path


needs_big_tiff = pytest.mark.skipif(
    not READS_BIG_TIFF, reason='this OpenCV reads no BigTIFF, which the message says'
)

KELVIN = (290 + np.arange(16 * 24).reshape(16, 24) / 7).astype(np.float32)


def test_a_float_tiff_gives_what_the_topic_gives(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.tiff'), KELVIN)
    with BagWriter(tmp_path / 'bag') as bag:
        bag.write('/image_raw', image_message(KELVIN, START_NS, 'cam'), START_NS)
    for where in (tmp_path / 'a.tiff', tmp_path, tmp_path / 'bag'):
        (frame,) = open_source(where)
        assert frame.counts.dtype == np.float32
        np.testing.assert_array_equal(frame.counts, KELVIN)


@needs_big_tiff
@pytest.mark.parametrize('order', ['<', '>'])
@pytest.mark.parametrize('dtype', ['u2', 'f4', 'f8'])
def test_big_tiff(tmp_path, order, dtype):
    (frame,) = open_source(save_tiff(tmp_path / 'big.tif', [KELVIN.astype(dtype)], order=order))
    assert frame.counts.dtype == (np.uint16 if dtype == 'u2' else np.float32)
    np.testing.assert_array_equal(frame.counts, KELVIN.astype(dtype).astype(frame.counts.dtype))


@pytest.mark.skipif(READS_BIG_TIFF, reason='this OpenCV reads BigTIFF')
def test_an_opencv_that_reads_no_big_tiff_is_named_with_the_cure(tmp_path):
    path = save_tiff(tmp_path / 'big.tif', [KELVIN])
    with pytest.raises(FrameError, match=r'reads no BigTIFF: `tiffcp BIG\.tif SMALL\.tif` makes'):
        list(open_source(path))


@pytest.mark.parametrize(
    'form',
    [
        'classic',
        pytest.param('big', marks=needs_big_tiff),
        pytest.param('big, high byte first', marks=needs_big_tiff),
    ],
)
def test_each_page_of_a_file_is_a_frame(tmp_path, form):
    pages = [counts(k) for k in range(1, 4)]
    path = tmp_path / 'drive.tif'
    if form == 'classic':
        assert cv2.imwritemulti(str(path), pages)
    else:
        save_tiff(path, pages, order='<' if form == 'big' else '>')
    before = path.read_bytes()
    source = open_source(path, rate=20, start_ns=0)
    assert (source.label, source.length) == ('picture drive.tif', 3)
    for _ in range(2):
        frames = list(source)
        assert [f.name for f in frames] == ['drive_000000', 'drive_000001', 'drive_000002']
        assert [f.stamp_ns for f in frames] == [0, 50_000_000, 100_000_000]
        for frame, page in zip(frames, pages, strict=True):
            np.testing.assert_array_equal(frame.counts, page)
    assert path.read_bytes() == before
    assert len(list(open_source(path, frames=2))) == 2


def test_pages_stand_between_the_other_files_of_a_folder(tmp_path):
    fill(tmp_path, ['a.png', 'c.png'])
    assert cv2.imwritemulti(str(tmp_path / 'b.tif'), [counts(5), counts(6)])
    assert [f.name for f in open_source(tmp_path)] == ['a', 'b_000000', 'b_000001', 'c']


@needs_big_tiff
def test_thumbnails_and_masks_are_no_frames(tmp_path):
    pages = [counts(1), counts(2)[:4, :6].copy(), counts(3), counts(4)]
    path = save_tiff(tmp_path / 'a.tif', pages, [0, 1, 4, 0])
    frames = list(open_source(path))
    assert [f.counts[0, 0] for f in frames] == [1000, 4000]


@needs_big_tiff
def test_a_file_cut_behind_its_first_pages_gives_them(tmp_path, caplog):
    path = save_tiff(tmp_path / 'a.tif', [counts(k) for k in range(1, 4)])
    path.write_bytes(path.read_bytes()[:-100])  # within the last directory
    assert [f.counts[0, 0] for f in open_source(path)] == [1000, 2000]
    assert 'a.tif is cut short or broken after page 2' in caplog.text


@needs_big_tiff
def test_a_file_whose_pages_are_in_a_loop_ends(tmp_path, caplog):
    data = bytearray(save_tiff(tmp_path / 'a.tif', [counts(1)]).read_bytes())
    data[-8:] = data[8:16]  # the next page is the first one
    (tmp_path / 'a.tif').write_bytes(data)
    assert [f.counts[0, 0] for f in open_source(tmp_path / 'a.tif')] == [1000]
    assert 'broken after page 1' in caplog.text


@needs_big_tiff
def test_a_file_beyond_4_gigabytes(tmp_path):
    """What BigTIFF is for; the file is sparse, so it takes next to no space."""
    path = save_tiff(tmp_path / 'a.tif', [counts(1), counts(2)], start=2**32 + 16)
    assert path.stat().st_size > 2**32
    assert path.stat().st_blocks < 1000
    assert [f.counts[0, 0] for f in open_source(path)] == [1000, 2000]
    single = save_tiff(tmp_path / 'b.tif', [counts(3)], start=2**32 + 16)
    assert [(f.name, f.counts[0, 0]) for f in open_source(single)] == [('b', 3000)]


@pytest.mark.parametrize(
    'more', [{277: 2}, {277: 3, 284: 2, 262: 2}], ids=['with alpha', 'colours apart']
)
def test_what_opencv_would_misread_is_refused(tmp_path, more):
    path = save_tiff(tmp_path / 'a.tif', [np.concatenate([counts(1)] * 3)], more=more)
    with pytest.raises(FrameError, match=r'a\.tif: .*save it with one channel') as caught:
        list(open_source(path))
    assert caught.value.cause == 'depth'


@needs_big_tiff
def test_one_bad_page_is_named_and_skipped(tmp_path):
    pages = [counts(1), counts(2), counts(3)]
    path = save_tiff(tmp_path / 'a.tif', pages)
    data = path.read_bytes()
    # The strip of the second page lies behind the end of the file.
    place = struct.pack('<HHQQ', 273, 16, 1, 16 + pages[0].nbytes + 8 + 11 * 20 + 8)
    assert place in data
    path.write_bytes(data.replace(place, struct.pack('<HHQQ', 273, 16, 1, 2**40)))
    bad = []
    frames = list(open_source(path, on_bad=lambda name, error: bad.append((name, error.cause))))
    assert [f.counts[0, 0] for f in frames] == [1000, 3000]
    assert bad == [('a_000001', 'undecodable')]


@pytest.mark.parametrize('name', ['a.png', 'A.JPG', 'a.tif', 'a.bmp', 'a.pgm', 'a.pfm'])
def test_a_single_picture_is_an_input(tmp_path, name):
    scene = KELVIN if name == 'a.pfm' else counts(3, 'u1')
    fill(tmp_path, ['other.png'])
    assert cv2.imwrite(str(tmp_path / name), scene)
    source = open_source(tmp_path / name)
    (frame,) = source
    assert (source.label, source.length, frame.name) == (f'picture {name}', 1, name[0])
    assert np.abs(frame.counts - scene.astype(float)).max() <= 2


def test_hidden_files_and_folders_are_no_pictures(tmp_path):
    fill(tmp_path / 'a', ['0.png'])
    (tmp_path / 'a/._0.png').write_bytes(b'\x00\x05\x16\x07Mac OS X')
    (tmp_path / 'a/folder.png').mkdir()
    assert [f.name for f in open_source(tmp_path / 'a')] == ['0']


def save_deep_video(path: Path, frames: list[np.ndarray]) -> Path:
    """Write uint16 frames without loss, or skip where this OpenCV cannot."""
    height, width = frames[0].shape
    writer = cv2.VideoWriter(
        str(path),
        cv2.CAP_FFMPEG,
        cv2.VideoWriter.fourcc(*'FFV1'),
        10,
        (width, height),
        [cv2.VIDEOWRITER_PROP_DEPTH, cv2.CV_16U, cv2.VIDEOWRITER_PROP_IS_COLOR, 0],
    )
    if not writer.isOpened():
        pytest.skip('this OpenCV writes no 16-bit video')
    for frame in frames:
        writer.write(frame)
    writer.release()
    return path


@pytest.mark.parametrize('suffix', ['.mkv', '.avi'])
def test_16_bit_video_keeps_its_counts(tmp_path, suffix):
    frames = [(7000 + 1000 * k + np.arange(48 * 64).reshape(48, 64)) for k in range(3)]
    frames = [frame.astype(np.uint16) for frame in frames]
    path = save_deep_video(tmp_path / f'counts{suffix}', frames)
    read = list(open_source(path))
    assert len(read) == 3
    for frame, expected in zip(read, frames, strict=True):
        assert frame.counts.dtype == np.uint16
        np.testing.assert_array_equal(frame.counts, expected)


def save_raw_avi(path: Path, frames: list[np.ndarray], fourcc: bytes) -> Path:
    """Write uint8 or uint16 [H, W] frames as they are, as recorders of thermal cameras do."""
    height, width = frames[0].shape
    bits, size = 8 * frames[0].itemsize, frames[0].nbytes

    def chunk(tag: bytes, body: bytes) -> bytes:
        return tag + struct.pack('<I', len(body)) + body

    main = struct.pack('<14I', 100_000, 0, 0, 0, len(frames), 0, 1, size, width, height, *[0] * 4)
    stream = b'vids' + fourcc + struct.pack('<IIIIIIIIIIQ', *[0] * 3, 1, 10, 0, 3, size, 0, 0, 0)
    form = struct.pack('<IIiHH4sIIIII', 40, width, height, 1, bits, fourcc, size, *[0] * 4)
    described = chunk(b'strh', stream) + chunk(b'strf', form)
    header = chunk(b'avih', main) + chunk(b'LIST', b'strl' + described)
    pixels = b''.join(chunk(b'00db', frame.tobytes()) for frame in frames)
    body = chunk(b'LIST', b'hdrl' + header) + chunk(b'LIST', b'movi' + pixels)
    path.write_bytes(chunk(b'RIFF', b'AVI ' + body))
    return path


def test_raw_counts_in_an_avi_are_not_taken_for_colours(tmp_path):
    deep = [np.full((48, 64), 7000 + k, np.uint16) for k in range(3)]
    path = save_raw_avi(tmp_path / 'raw.avi', deep, bytes(4))
    with pytest.raises(SourceError, match=r'raw counts of 16 bits; write the counts as FFV1'):
        open_source(path)


@pytest.mark.parametrize('fourcc', [b'Y800', b'GREY'])
def test_raw_grey_in_an_avi_is_read(tmp_path, fourcc):
    grey = [np.full((48, 64), 70 + k, np.uint8) for k in range(3)]
    read = list(open_source(save_raw_avi(tmp_path / 'raw.avi', grey, fourcc)))
    assert [frame.counts[0, 0] for frame in read] == [70, 71, 72]


def test_a_video_that_ends_early_is_told(tmp_path, caplog):
    path = tmp_path / 'night.avi'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'MJPG'), 10, (64, 48))
    for _ in range(25):
        writer.write(np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8))
    writer.release()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    read = list(open_source(path))
    assert 0 < len(read) < 25
    assert f'night.avi ends after {len(read)} of the' in caplog.text


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve the files of a folder over HTTP while the block lasts; gives the address."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f'127.0.0.1:{server.server_port}'
        finally:
            server.shutdown()
            thread.join()


def test_a_stream_is_read_by_its_address_and_stamped_on_arrival(tmp_path):
    save_video(tmp_path / 'night.avi')
    with served(tmp_path) as address:
        source = open_source(f'http://me:secret@{address}/night.avi', start_ns=START_NS)
        assert (source.label, source.length) == (f'stream http://{address}/night.avi', 0)
        assert source.is_live
        frames = list(source)
    assert len(frames) == 5
    stamps = [frame.stamp_ns for frame in frames]
    assert stamps == sorted(stamps)
    assert START_NS < stamps[0] < stamps[-1] < START_NS + 60 * 10**9
    for index, frame in enumerate(frames):
        assert isinstance(frame, Frame)
        assert np.abs(frame.counts.astype(int) - 10 * index).max() <= 3


def test_of_a_stream_as_many_frames_as_asked_for(tmp_path):
    save_video(tmp_path / 'night.avi')
    with served(tmp_path) as address:
        source = open_source(f'http://{address}/night.avi', frames=2)
        assert source.length == 2
        assert len(list(source)) == 2


def test_a_password_is_not_told(tmp_path):
    with pytest.raises(SourceError, match=r'rtsp://127\.0\.0\.1:9/a cannot be opened') as caught:
        open_source('rtsp://user:hunter2@127.0.0.1:9/a')
    assert 'hunter2' not in str(caught.value)


@pytest.mark.parametrize(
    ('pixel_format', 'bits'),
    [
        (b'Y1\x00\x10', 16),
        (b'Y1\x00\x0e', 14),
        (b'\x10\x001Y', 16),
        (b'Y3\x0b\x0a', 10),
        (b'Y800', 0),
        (b'I420', 0),
        (b'RGB\x0f', 0),
        (bytes(4), 0),
    ],
)
def test_the_bits_of_a_pixel_format(pixel_format, bits):
    assert bits_of(pixel_format) == bits
