"""Tests of bags: what is written comes back, with other readers too, and broken bags are named."""

from pathlib import Path

import cv2
from mcap.reader import make_reader
import numpy as np
import pytest

from morngan_ros.bags import BagReader
from morngan_ros.bags import BagWriter
from morngan_ros.bags import camera_info_message
from morngan_ros.bags import COMPRESSED_IMAGE
from morngan_ros.bags import detections_message
from morngan_ros.bags import header_message
from morngan_ros.bags import image_message
from morngan_ros.bags import is_bag
from morngan_ros.bags import sibling
from morngan_ros.bags import STORAGES
from morngan_ros.bags import typestore
from morngan_ros.errors import FrameError
from morngan_ros.errors import SourceError
from morngan_ros.object_finder import Detection

START_NS = 1_700_000_000_123_456_789
PERIOD_NS = 50_000_000


def frame(index: int, dtype: str = 'u2') -> np.ndarray:
    """Counts that differ from pixel to pixel and from frame to frame."""
    rng = np.random.default_rng(index)
    return rng.integers(0, np.iinfo(dtype).max, (6, 9), dtype=np.dtype(dtype))


def write_bag(path: Path, storage: str = 'mcap', dtype: str = 'u2', frames: int = 3) -> Path:
    """Write a bag whose recording lags 1 ms behind the stamps."""
    with BagWriter(path, storage) as bag:
        for index in range(frames):
            stamp = START_NS + index * PERIOD_NS
            message = image_message(frame(index, dtype), stamp, 'cam')
            bag.write('/thermal/image_raw', message, stamp + 1_000_000)
            info = camera_info_message(6, 9, stamp, 'cam')
            bag.write('/thermal/camera_info', info, stamp + 1_000_000)
    return path


@pytest.mark.parametrize('storage', STORAGES)
@pytest.mark.parametrize('dtype', ['u1', 'u2'])
def test_round_trip(tmp_path, storage, dtype):
    path = write_bag(tmp_path / 'bag', storage, dtype)
    assert is_bag(path)
    with BagReader(path) as bag:
        frames = list(bag.frames())
        assert bag.count('/thermal/image_raw') == 3
        assert bag.duration_ns >= 2 * PERIOD_NS
    assert [f.stamp_ns for f in frames] == [START_NS + i * PERIOD_NS for i in range(3)]
    assert all(f.recorded_ns == f.stamp_ns + 1_000_000 for f in frames)
    assert {f.frame_id for f in frames} == {'cam'}
    for index, read in enumerate(frames):
        assert read.counts.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(read.counts, frame(index, dtype))


@pytest.mark.parametrize('storage', STORAGES)
def test_the_bare_file_reads_like_the_directory(tmp_path, storage):
    path = write_bag(tmp_path / 'bag', storage)
    (file,) = [p for p in path.iterdir() if p.suffix in ('.mcap', '.db3')]
    with BagReader(file) as bag:
        assert [f.stamp_ns for f in bag.frames()] == [START_NS + i * PERIOD_NS for i in range(3)]


def test_the_mcap_package_opens_it(tmp_path):
    path = write_bag(tmp_path / 'bag')
    with (path / 'bag.mcap').open('rb') as file:
        reader = make_reader(file)
        assert reader.get_header().profile == 'ros2'
        messages = list(reader.iter_messages(topics=['/thermal/image_raw']))
    assert len(messages) == 3
    schema, channel, message = messages[0]
    assert (schema.name, schema.encoding) == ('sensor_msgs/msg/Image', 'ros2msg')
    assert b'std_msgs/Header header' in schema.data
    assert channel.message_encoding == 'cdr'
    assert message.log_time == START_NS + 1_000_000


def test_colour_images_and_detections(tmp_path):
    color = np.random.default_rng(0).integers(0, 255, (4, 5, 3), dtype=np.uint8)
    found = Detection(label='person', class_index=0, score=0.75, box=(10.0, 20.0, 30.0, 60.0))
    with BagWriter(tmp_path / 'bag') as bag:
        bag.write('/image_color', image_message(color, START_NS, 'cam'), START_NS)
        bag.write('/detections', detections_message([found], START_NS, 'cam'), START_NS)
    with BagReader(tmp_path / 'bag') as bag:
        messages = {topic: message for topic, _, message in bag.messages()}
    image = messages['/image_color']
    assert (image.encoding, image.height, image.width, image.step) == ('rgb8', 4, 5, 15)
    np.testing.assert_array_equal(image.data.reshape(4, 5, 3), color)
    (detection,) = messages['/detections'].detections
    assert detection.results[0].hypothesis.class_id == 'person'
    assert detection.results[0].hypothesis.score == 0.75
    box = detection.bbox
    assert (box.center.position.x, box.center.position.y) == (20.0, 40.0)
    assert (box.size_x, box.size_y) == (20.0, 40.0)


def test_vision_msgs_has_the_type_hash_of_upstream():
    assert typestore().hash_rihs01('vision_msgs/msg/Detection2DArray') == (
        'RIHS01_214274120007f4a683866481336b70310268cfa107aebe9d594a6acf75bda968'
    )


def compressed_message(data: bytes) -> object:
    header = header_message(START_NS, 'cam')
    buffer = np.frombuffer(data, np.uint8)
    return typestore().types[COMPRESSED_IMAGE](header, 'mono16; png compressed', buffer)


def test_compressed_images_are_read(tmp_path):
    data = cv2.imencode('.png', frame(0))[1].tobytes()
    with BagWriter(tmp_path / 'bag') as bag:
        bag.write('/image_raw/compressed', compressed_message(data), START_NS)
    with BagReader(tmp_path / 'bag') as bag:
        (read,) = bag.frames()
    np.testing.assert_array_equal(read.counts, frame(0))


def test_a_bad_frame_is_named_or_skipped(tmp_path):
    good = image_message(frame(0), START_NS, 'cam')
    bad = image_message(frame(1), START_NS + 1, 'cam')
    bad.height += 1
    with BagWriter(tmp_path / 'bag') as bag:
        for index, message in enumerate((good, bad, good)):
            bag.write('/image_raw', message, START_NS + index)
    with BagReader(tmp_path / 'bag') as bag:
        with pytest.raises(FrameError, match=r'/image_raw message 1: 9x7 mono16 .* cut short'):
            list(bag.frames())
        named = []
        assert len(list(bag.frames(on_bad=lambda name, error: named.append(name)))) == 2
    assert named == ['/image_raw message 1']


def test_the_raw_camera_is_chosen_among_image_topics(tmp_path):
    image = image_message(frame(0), START_NS, 'cam')
    with BagWriter(tmp_path / 'bag') as bag:
        for topic in ('/a/image_color', '/b/rgb/image_raw', '/thermal/image_raw'):
            bag.write(topic, image, START_NS)
    with BagReader(tmp_path / 'bag') as bag:
        assert bag.image_topic() == '/thermal/image_raw'
        assert bag.image_topic('/b/rgb/image_raw') == '/b/rgb/image_raw'
        with pytest.raises(SourceError, match=r"no image topic '/nope'; it has: .*image_color"):
            bag.image_topic('/nope')


def test_a_bag_without_images_says_what_it_has(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        bag.write('/camera_info', camera_info_message(6, 9, START_NS, 'cam'), START_NS)
    with (
        BagReader(tmp_path / 'bag') as bag,
        pytest.raises(SourceError, match='no image topic; topics are: /camera_info'),
    ):
        bag.image_topic()


@pytest.mark.parametrize('storage', STORAGES)
def test_an_empty_bag_can_be_read(tmp_path, storage):
    with BagWriter(tmp_path / 'bag', storage):
        pass
    with BagReader(tmp_path / 'bag') as bag:
        assert bag.topics == {}
        assert list(bag.raw()) == []
        assert bag.duration_ns == 0


@pytest.mark.parametrize('storage', STORAGES)
@pytest.mark.parametrize('keep', [0, 7, 500])
def test_a_truncated_bag_is_named(tmp_path, storage, keep):
    path = write_bag(tmp_path / 'bag', storage)
    (file,) = [p for p in path.iterdir() if p.suffix in ('.mcap', '.db3')]
    file.write_bytes(file.read_bytes()[:keep])

    def read() -> None:
        with BagReader(path) as bag:
            list(bag.frames())

    with pytest.raises(SourceError, match=f'bag {path} cannot be read'):
        read()


def test_missing_bags_are_named(tmp_path):
    with pytest.raises(SourceError, match='nowhere does not exist'):
        BagReader(tmp_path / 'nowhere')


def test_ros_1_bags_are_refused_with_the_cure(tmp_path):
    (tmp_path / 'old.bag').write_bytes(b'#ROSBAG V2.0\n')
    with pytest.raises(SourceError, match='rosbags-convert'):
        BagReader(tmp_path / 'old.bag')


def test_an_existing_bag_is_never_overwritten(tmp_path):
    path = write_bag(tmp_path / 'bag')
    with pytest.raises(SourceError, match='exists already'):
        BagWriter(path)
    with BagReader(path) as bag:
        assert len(list(bag.frames())) == 3


def test_sibling():
    assert sibling('/thermal/image_raw', 'camera_info') == '/thermal/camera_info'
    assert sibling('/image_raw', 'camera_info') == '/camera_info'
    assert sibling('image_raw', 'camera_info') == 'camera_info'
