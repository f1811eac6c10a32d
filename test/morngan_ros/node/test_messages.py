"""numpy <-> messages, without DDS."""

from array import array
import copy
import sys
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

from bad_frames import BAD_COMPRESSED
from bad_frames import BAD_IMAGES
from bad_frames import ODD_COMPRESSED
from bad_frames import ODD_IMAGES
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from sensor_msgs.msg import RegionOfInterest
from std_msgs.msg import Header
from vision_msgs.msg import Detection2DArray

from morngan_ros.errors import FRAME_CAUSES
from morngan_ros.errors import FrameError
from morngan_ros.exposure import Exposure
from morngan_ros.images.codec import ENCODINGS
from morngan_ros.images.crop import Crop
from morngan_ros.node.messages import compressed_to_thermal
from morngan_ros.node.messages import fit_camera_info
from morngan_ros.node.messages import to_color_image
from morngan_ros.node.messages import to_compressed
from morngan_ros.node.messages import to_detections
from morngan_ros.node.messages import to_image
from morngan_ros.node.messages import to_thermal
from morngan_ros.object_finder import Detection

# Pixels that a compressed picture may claim in these tests, and bytes that decoding may then take:
# four channels of doubles, floats made of them, and grey.
LIMIT = 2**18
MOST = 52 * LIMIT + 2**20


@pytest.fixture
def header() -> Header:
    result = Header(frame_id='thermal')
    result.stamp.sec, result.stamp.nanosec = 12, 34
    return result


def picture(*shape: int, dtype: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, shape, dtype)


@pytest.mark.parametrize(
    ('encoding', 'dtype'),
    [('mono8', np.uint8), ('8UC1', np.uint8), ('mono16', np.uint16), ('16UC1', np.uint16)],
)
def test_counts_survive_the_wire(header, encoding, dtype):
    counts = picture(6, 9, dtype=dtype)
    message = deserialize_message(serialize_message(to_image(counts, header, encoding)), Image)
    assert message.header == header
    assert (message.height, message.width, message.encoding) == (6, 9, encoding)
    assert message.step == 9 * counts.itemsize
    received = to_thermal(message)
    assert received.dtype == dtype
    np.testing.assert_array_equal(received, counts)


def test_thermal_is_a_view_of_the_message(header):
    message = to_image(picture(6, 8, dtype=np.uint16), header, 'mono16')
    counts = to_thermal(message)
    message.data[2:4] = array('B', (513).to_bytes(2, sys.byteorder))
    assert counts[0, 1] == 513


def test_image_is_a_copy_of_the_array(header):
    pixels = picture(4, 5)
    message = to_image(pixels, header, 'mono8')
    first = pixels[0, 0]
    pixels[0, 0] += 1
    assert message.data[0] == first


def test_image_of_a_view_with_strides(header):
    pixels = picture(8, 10)[::2, ::-1]
    message = to_image(pixels, header, 'mono8')
    assert message.step == 10
    np.testing.assert_array_equal(to_thermal(message), pixels)


def test_big_endian_and_padded_rows(header):
    counts = picture(3, 4, dtype=np.uint16)
    rows = np.zeros((3, 11), np.uint8)  # 8 bytes of pixels, 3 of padding
    rows[:, :8] = counts.astype('>u2').view(np.uint8)
    message = Image(
        header=header,
        height=3,
        width=4,
        encoding='16UC1',
        is_bigendian=1,
        step=11,
        data=array('B', rows.tobytes()),
    )
    received = to_thermal(message)
    assert received.dtype.isnative
    np.testing.assert_array_equal(received, counts)


def test_longer_data_than_needed_is_allowed(header):
    counts = picture(3, 4)
    message = to_image(counts, header, 'mono8')
    message.data.extend(b'behind')
    np.testing.assert_array_equal(to_thermal(message), counts)


def test_color_image_in_either_order(header):
    rgb = picture(4, 6, 3)
    for encoding, order in (('rgb8', [0, 1, 2]), ('bgr8', [2, 1, 0])):
        message = to_color_image(rgb, header, encoding)
        assert (message.encoding, message.step) == (encoding, 18)
        data = np.frombuffer(message.data, np.uint8).reshape(4, 6, 3)
        np.testing.assert_array_equal(data, rgb[..., order])


def test_jpeg_has_the_right_colors_and_quality_counts(header):
    rgb = np.zeros((32, 32, 3), np.uint8)
    rgb[:, :16] = (200, 30, 60)
    message = to_compressed(rgb, header, 95)
    assert message.header == header
    assert message.format == 'rgb8; jpeg compressed bgr8'
    decoded = cv2.imdecode(np.frombuffer(message.data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    np.testing.assert_allclose(decoded[16, 4], (200, 30, 60), atol=4)
    noise = picture(64, 64, 3)
    sizes = [len(to_compressed(noise, header, quality).data) for quality in (10, 50, 95)]
    assert sizes == sorted(set(sizes))


def test_jpeg_that_cannot_be_is_a_frame_error(header):
    with pytest.raises(FrameError, match='does not fit into JPEG'):
        to_compressed(np.zeros((1, 70_000, 3), np.uint8), header, 90)


def test_compressed_png_keeps_16_bits(header):
    counts = picture(5, 7, dtype=np.uint16)
    png = cv2.imencode('.png', counts)[1].tobytes()
    message = CompressedImage(header=header, format='mono16; png compressed', data=png)
    np.testing.assert_array_equal(compressed_to_thermal(message), counts)


@pytest.mark.parametrize('end', [0, 5, 30, -20])
def test_cut_compressed_image_is_a_frame_error(header, end):
    png = cv2.imencode('.png', picture(40, 40))[1].tobytes()
    message = CompressedImage(header=header, format='mono8; png compressed', data=png[:end])
    with pytest.raises(FrameError, match='cannot be decoded'):
        compressed_to_thermal(message)


@pytest.mark.parametrize('kind', BAD_IMAGES)
def test_bad_image(header, kind):
    build, cause = BAD_IMAGES[kind]
    message = deserialize_message(serialize_message(build(header)), Image)
    with pytest.raises(FrameError) as caught:
        Exposure()(to_thermal(message), 0.0)
    assert caught.value.cause == cause
    assert len(str(caught.value)) < 250  # a hostile message must not fill the log


@pytest.mark.parametrize('kind', BAD_COMPRESSED)
def test_bad_compressed_image(header, kind):
    build, cause = BAD_COMPRESSED[kind]
    message = deserialize_message(serialize_message(build(header)), CompressedImage)
    with pytest.raises(FrameError) as caught:
        Exposure()(compressed_to_thermal(message), 0.0)
    assert caught.value.cause == cause
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize('kind', ODD_IMAGES)
def test_odd_image(header, kind):
    message = deserialize_message(serialize_message(ODD_IMAGES[kind](header)), Image)
    counts = to_thermal(message)
    assert counts.shape == (message.height, message.width)
    assert counts.dtype.isnative
    assert Exposure()(counts, 0.0).shape == counts.shape


@pytest.mark.parametrize('kind', ODD_COMPRESSED)
def test_odd_compressed_image(header, kind):
    message = deserialize_message(serialize_message(ODD_COMPRESSED[kind](header)), CompressedImage)
    counts = compressed_to_thermal(message)
    assert counts.shape == (48, 64)
    assert counts.dtype in (np.uint8, np.uint16, np.float32)
    assert Exposure()(counts, 0.0).shape == counts.shape


def read(message: Image | CompressedImage, most: int) -> np.ndarray | None:
    """Read any message: nothing but a picture or a known FrameError, within `most` bytes."""
    counts, cause = None, ''
    tracemalloc.start()
    try:
        if isinstance(message, Image):
            counts = to_thermal(message)
        else:
            counts = compressed_to_thermal(message, max_pixels=LIMIT)
    except FrameError as error:
        cause = error.cause
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < most
    if counts is None:
        assert cause in set(FRAME_CAUSES) - {'other', 'duplicate'}
        return None
    assert counts.ndim == 2
    assert counts.size > 0
    assert counts.dtype in (np.uint8, np.uint16, np.float32)
    assert counts.dtype.isnative
    return counts


SIDES = st.one_of(st.integers(0, 12), st.integers(0, 2**32 - 1), st.sampled_from([2**16, 2**31]))


@settings(max_examples=900, deadline=None)
@given(
    encoding=st.one_of(
        st.sampled_from([*ENCODINGS, '', 'yuv422', 'bayer_rggb8', '64FC1', 'MONO8']),
        st.text(
            st.characters(blacklist_categories=('Cs',), blacklist_characters='\0'), max_size=20
        ),
    ),
    height=SIDES,
    width=SIDES,
    step=st.one_of(st.none(), st.integers(0, 60), st.integers(0, 2**32 - 1)),
    is_bigendian=st.integers(0, 255),
    data=st.one_of(st.binary(max_size=600), st.integers(0, 600).map(bytes)),
)
def test_any_image_is_a_picture_or_a_frame_error(encoding, height, width, step, is_bigendian, data):
    row = width * {'32FC1': 4, 'mono16': 2, '16UC1': 2}.get(encoding, 1)
    message = Image(
        encoding=encoding,
        height=height,
        width=width,
        step=min(row, 2**32 - 1) if step is None else step,
        is_bigendian=is_bigendian,
        data=array('B', data),
    )
    counts = read(message, most=500_000)
    assert counts is None or counts.shape == (height, width)


@settings(max_examples=300, deadline=None)
@given(
    start=st.sampled_from([b'', b'\x89PNG\r\n\x1a\n', b'\xff\xd8\xff', b'II*\0', b'BM', b'P5 ']),
    data=st.binary(max_size=400),
    format=st.text(
        st.characters(blacklist_categories=('Cs',), blacklist_characters='\0'), max_size=20
    ),
)
def test_any_bytes_are_a_picture_or_a_frame_error(start, data, format):
    read(CompressedImage(format=format, data=array('B', start + data)), most=MOST)


FILES = {
    f'{suffix} of {np.dtype(dtype)}': cv2.imencode(suffix, picture(24, 32, dtype=dtype))[
        1
    ].tobytes()
    for suffix, dtype in (
        ('.png', np.uint8),
        ('.png', np.uint16),
        ('.jpg', np.uint8),
        ('.tiff', np.uint16),
        ('.bmp', np.uint8),
        ('.pgm', np.uint16),
    )
}


@settings(max_examples=800, deadline=None)
@given(
    kind=st.sampled_from(sorted(FILES)),
    # Headers are short: half of the changes go there.
    changes=st.lists(
        st.tuples(st.one_of(st.floats(0, 0.1), st.floats(0, 1)), st.integers(0, 255)), max_size=6
    ),
    cut=st.one_of(st.just(1.0), st.floats(0, 1)),
    mend=st.booleans(),
)
def test_any_changed_file_is_a_picture_or_a_frame_error(kind, changes, cut, mend):
    data = bytearray(FILES[kind])
    for where, value in changes:
        data[int(where * (len(data) - 1))] = value
    if mend and '.png' in kind:
        data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, 'big')
    data = data[: round(cut * len(data))]
    counts = read(CompressedImage(format=kind, data=array('B', data)), most=MOST)
    if not changes and cut == 1:
        assert counts is not None


def test_detections(header):
    found = [
        Detection('person', 0, 0.75, (10.0, 20.0, 30.0, 60.0)),
        Detection('car', 2, 0.5, (0.0, 0.0, 5.0, 3.0)),
    ]
    message = deserialize_message(serialize_message(to_detections(found, header)), Detection2DArray)
    assert message.header == header
    person, car = message.detections
    assert person.header == header
    assert [r.hypothesis.class_id for r in person.results] == ['person']
    assert person.results[0].hypothesis.score == 0.75
    assert (person.bbox.center.position.x, person.bbox.center.position.y) == (20.0, 40.0)
    assert (person.bbox.size_x, person.bbox.size_y, person.bbox.center.theta) == (20.0, 40.0, 0.0)
    assert car.results[0].hypothesis.class_id == 'car'


def test_no_detections_are_an_empty_array(header):
    message = to_detections([], header)
    assert message.header == header
    assert len(message.detections) == 0


def calibration(roi: tuple[int, int, int, int] = (0, 0, 0, 0), binning: int = 0) -> CameraInfo:
    """Calibrate 640x512: X at (0.1, 0.2, 1) m falls on (370, 356), by P on (382, 356)."""
    info = CameraInfo(width=640, height=512, distortion_model='plumb_bob', d=[0.1, 0.0, 0.0, 0.0])
    info.k = np.array([500.0, 0, 320, 0, 500, 256, 0, 0, 1])
    info.p = np.array([500.0, 0, 320, 12, 0, 500, 256, 0, 0, 0, 1, 0])
    info.roi.x_offset, info.roi.y_offset, info.roi.width, info.roi.height = roi
    info.binning_x = info.binning_y = binning
    return info


WINDOW = (160, 128, 320, 256)


@pytest.mark.parametrize(
    ('info', 'width', 'height'),
    [
        (calibration(), 640, 512),
        (calibration(binning=1), 640, 512),
        (calibration(binning=2), 320, 256),
        (calibration(WINDOW), 320, 256),
        (calibration(WINDOW, binning=2), 160, 128),
    ],
)
def test_camera_info_of_what_the_camera_sends_stays_as_it_is(info, width, height):
    """K is that of the full sensor; region and binning stand beside it."""
    fitted = fit_camera_info(info, Crop().window(height, width))
    assert fitted == info
    assert fitted is not info


@pytest.mark.parametrize(
    ('info', 'size', 'point', 'shift'),
    [
        (calibration(), (320, 128), (370 / 2, 356 / 4), 12 / 2),
        (calibration(binning=2), (640, 512), (370, 356), 12),
        (calibration(binning=2), (160, 128), (370 / 4, 356 / 4), 12 / 4),
        (calibration(WINDOW), (160, 64), ((370 - 160) / 2, (356 - 128) / 4), 12 / 2),
        (calibration(WINDOW, binning=2), (640, 512), ((370 - 160) * 2, (356 - 128) * 2), 12 * 2),
    ],
)
def test_camera_info_projects_a_point_to_its_pixel_in_a_resized_image(info, size, point, shift):
    before = copy.deepcopy(info)
    fitted = fit_camera_info(info, Crop().window(*size[::-1]))
    u, v, w = np.reshape(fitted.k, (3, 3)) @ (0.1, 0.2, 1.0)
    assert (u, v, w) == pytest.approx((*point, 1))
    u, v, w = np.reshape(fitted.p, (3, 4)) @ (0.1, 0.2, 1.0, 1.0)
    assert (u, v, w) == pytest.approx((point[0] + shift, point[1], 1))
    assert (fitted.width, fitted.height) == size
    assert (fitted.roi, fitted.binning_x, fitted.binning_y) == (RegionOfInterest(), 0, 0)
    assert list(fitted.d) == list(info.d)
    assert info == before


def test_camera_info_without_a_size_only_gets_one():
    scaled = fit_camera_info(CameraInfo(), Crop().window(256, 320))
    assert (scaled.width, scaled.height) == (320, 256)
    assert not np.any(scaled.k)


@pytest.mark.parametrize(
    ('info', 'size', 'point'),
    [
        (calibration(), (640, 512), (370 - 10, 356 - 2)),
        (calibration(), (320, 256), (370 / 2 - 10, 356 / 2 - 2)),
        (calibration(binning=2), (320, 256), (370 / 2 - 10, 356 / 2 - 2)),
        (calibration(WINDOW), (320, 256), (370 - 160 - 10, 356 - 128 - 2)),
        (calibration(WINDOW, binning=2), (160, 128), ((370 - 160) / 2 - 10, (356 - 128) / 2 - 2)),
    ],
)
def test_camera_info_projects_a_point_to_its_pixel_in_a_cropped_image(info, size, point):
    crop = Crop(rows=(2, -3), columns=(10, 0))
    fitted = fit_camera_info(info, crop.window(*size[::-1]))
    u, v, w = np.reshape(fitted.k, (3, 3)) @ (0.1, 0.2, 1.0)
    assert (u, v, w) == pytest.approx((*point, 1))
    assert (fitted.width, fitted.height) == (size[0] - 10, size[1] - 5)
    assert (fitted.roi, fitted.binning_x, fitted.binning_y) == (RegionOfInterest(), 0, 0)


def test_camera_info_made_without_the_rows_that_are_cut_off_stays_as_it_is():
    """Who calibrates the picture, not the telemetry, has the size of what is left."""
    info = calibration()
    assert fit_camera_info(info, Crop(rows=(2, 0)).window(514, 640)) == info


def test_camera_info_without_a_size_moves_with_the_crop():
    info = calibration()
    info.width = info.height = 0
    fitted = fit_camera_info(info, Crop(columns=(10, 0)).window(512, 640))
    assert (fitted.width, fitted.height) == (630, 512)
    assert fitted.k[2] == 310
