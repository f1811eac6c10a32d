"""What cameras really send, through a running node: telemetry, holes, luma and false colour."""

from collections.abc import Iterator

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

import cv2
from diagnostic_msgs.msg import DiagnosticArray
from ros_fixtures import colorizer
from ros_fixtures import header
from ros_fixtures import NodeProcess
from ros_fixtures import Probe
from ros_fixtures import probe
from ros_fixtures import thermal
from ros_fixtures import wait_until
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import Image
from tiny_models import expected_color
from tiny_models import save_generator

from morngan_ros.node.messages import to_image


@pytest.fixture(scope='module')
def running(tmp_path_factory) -> Iterator[tuple[NodeProcess, Probe]]:
    folder = tmp_path_factory.mktemp('node')
    parameters = {
        'model': save_generator(folder / 'tiny.onnx'),
        'provider': 'cpu',
        'threads': 1,
        'exposure_mode': 'fixed_range',
        'exposure_range_high': 255.0,
    }
    with colorizer(folder, '/inputs', **parameters) as process, probe('/inputs') as opened:
        process.wait_for_log('generator tiny runs on')
        opened.listen(Image, 'color/image_raw')
        opened.listen(CameraInfo, 'color/camera_info')
        opened.listen(DiagnosticArray, '/diagnostics')
        yield process, opened


def color(opened: Probe, message: Image) -> np.ndarray:
    """Send a message until it comes back as colour, uint8 [H, W, 3] RGB."""
    opened.publish('image_raw', message)
    answer = opened.wait_for_stamp('color/image_raw', message.header)
    return np.asarray(answer.data).reshape(answer.height, answer.width, 3)


def assert_color(picture: np.ndarray, counts: np.ndarray) -> None:
    assert picture.shape == (*counts.shape, 3)
    assert np.abs(picture.astype(int) - expected_color(counts)).max() <= 1


@pytest.mark.parametrize(('encoding', 'place'), [('yuv422_yuy2', 0), ('uyvy', 1)])
def test_luma_becomes_colour(running, encoding, place):
    _, opened = running
    pixels = np.full((48, 64, 2), 128, np.uint8)
    pixels[..., place] = thermal()
    message = to_image(pixels, header(10 + place), encoding)
    assert_color(color(opened, message), thermal())


def test_holes_of_floats_are_filled_and_counted(running):
    _, opened = running
    scene = np.tile(np.linspace(0, 255, 64, dtype=np.float32), (48, 1))
    broken = scene.copy()
    broken[20, 30] = np.nan
    broken[5, 60] = np.inf
    picture = color(opened, to_image(broken, header(20), '32FC1'))
    expected = np.rint(scene)
    expected[5, 60] = 255
    assert_color(picture, expected.astype(np.uint8))

    def told(message: DiagnosticArray) -> bool:
        figures = {v.key: v.value for s in message.status for v in s.values}
        return figures.get('exposure: dead pixels') == '2'

    opened.wait_for('/diagnostics', told)


@pytest.mark.parametrize('calibrated_height', [48, 50])
def test_a_crop_changes_picture_and_calibration_together(running, calibrated_height):
    """As camera_info is of the size that is left, or of the whole frame, it stays or moves."""
    _, opened = running
    frame = np.concatenate([np.full((2, 64), 255, np.uint8), thermal()])
    message = to_image(frame, header(calibrated_height), 'mono8')
    info = CameraInfo(header=message.header, width=64, height=calibrated_height)
    info.k = np.array([50.0, 0, 32, 0, 50, 25, 0, 0, 1])
    info.p = np.array([50.0, 0, 32, 0, 0, 50, 25, 0, 0, 0, 1, 0])
    center = 25.0 if calibrated_height == 48 else 23.0
    assert opened.set_parameters(crop_rows=[2, 0]).successful
    opened.publish('camera_info', info)

    def fits() -> bool:
        message.header.stamp.nanosec += 1  # once more, until the calibration has come
        assert_color(color(opened, message), thermal())
        answer = opened.wait_for_stamp('color/camera_info', message.header)
        assert (answer.width, answer.height) == (64, 48)
        return (answer.k[5], answer.p[6]) == (center, center)

    wait_until(fits, 'the calibration of what is left')
    refused = opened.set_parameters(crop_rows=[5, 2])
    assert not refused.successful
    assert 'crop_rows is [5, 2]' in refused.reason
    assert opened.set_parameters(crop_rows=[0, 0]).successful


def test_a_palette_is_warned_of_once_in_the_log(running):
    process, opened = running
    for number in (40, 41, 42):
        picture = cv2.applyColorMap(thermal(seed=number), cv2.COLORMAP_JET)
        color(opened, to_image(picture, header(number), 'bgr8'))
    assert process.log.count('strongly coloured') == 1
    assert 'white hot' in process.log
