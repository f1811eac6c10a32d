"""The node comes into work although a file is missing, or as soon as it is there."""

from pathlib import Path
import shutil

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

from diagnostic_msgs.msg import DiagnosticArray
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import Transition
from ros_fixtures import colorizer
from ros_fixtures import header
from ros_fixtures import probe
from ros_fixtures import thermal
from ros_fixtures import wait_until
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger
from tiny_models import save_detector
from tiny_models import save_generator
from vision_msgs.msg import Detection2DArray

from morngan_ros.node.messages import to_image


@pytest.fixture(scope='module')
def model(tmp_path_factory) -> Path:
    return save_generator(tmp_path_factory.mktemp('model') / 'tiny.onnx')


def frame(number: int) -> Image:
    return to_image(thermal(seed=number), header(number), 'mono8')


@pytest.mark.parametrize('fault', ['missing', 'broken', 'a class that it lacks'])
def test_a_detector_of_no_use_does_not_stop_colour(tmp_path, model, fault):
    columns = np.array([32, 32, 40, 20, 0.9], np.float32).reshape(1, 5, 1)
    good = save_detector(tmp_path / 'good.onnx', columns, names={0: 'car'})
    bad = tmp_path / 'bad.onnx'
    if fault == 'broken':
        bad.write_bytes(b'no model')
    parameters = {'model': model, 'provider': 'cpu', 'threads': 1}
    parameters |= (
        {'detector': bad}
        if fault in ('missing', 'broken')
        else {'detector': good, 'detection_classes': '[tram]'}
    )
    with colorizer(tmp_path, '/blind', **parameters) as process, probe('/blind') as opened:
        process.wait_for_log('no detections: ')
        opened.listen(Image, 'color/image_raw')
        opened.listen(Detection2DArray, 'detections')
        opened.listen(DiagnosticArray, '/diagnostics')
        opened.publish('image_raw', frame(1))
        opened.wait_for_stamp('color/image_raw', header(1))
        assert not opened.messages('detections')  # an empty one would say that nobody is there
        word = 'tram' if 'class' in fault else 'bad.onnx'

        def told(message: DiagnosticArray) -> bool:
            work = next(s for s in message.status if s.name.endswith(': colorize'))
            warns = work.level == DiagnosticStatus.WARN
            return warns and 'without detections' in work.message and word in work.message

        opened.wait_for('/diagnostics', told)
        refused = opened.call(Trigger, 'colorizer/reload_model', Trigger.Request())
        assert not refused.success
        assert word in refused.message
        assert opened.set_parameters(detector=str(good), detection_classes=['']).successful
        assert opened.call(Trigger, 'colorizer/reload_model', Trigger.Request()).success
        opened.publish('image_raw', frame(2))
        opened.wait_for_stamp('detections', header(2))


def test_autostart_tries_again_until_the_model_is_there(tmp_path, model):
    late = tmp_path / 'late.onnx'
    parameters = {'model': late, 'provider': 'cpu', 'autostart_retry': 0.5}
    with colorizer(tmp_path, '/late', **parameters) as process, probe('/late') as opened:
        wait_until(lambda: process.log.count('not configured: ') >= 2, 'a second try')
        assert opened.state() == 'unconfigured'
        shutil.copy(model, late)
        wait_until(lambda: opened.state() == 'active', 'the node in work')
        tries = process.log.count('trying again')
        # From here on the state is left to whoever changes it.
        assert opened.change_state(Transition.TRANSITION_DEACTIVATE)
        assert opened.change_state(Transition.TRANSITION_CLEANUP)
        with pytest.raises(AssertionError, match='in vain'):
            wait_until(lambda: opened.state() != 'unconfigured', 'nothing', 2.0)
        assert process.log.count('trying again') == tries


def test_without_retry_there_is_one_try(tmp_path):
    parameters = {'model': tmp_path / 'none.onnx', 'provider': 'cpu'}
    with colorizer(tmp_path, '/once', **parameters) as process, probe('/once') as opened:
        process.wait_for_log('not configured: ')
        assert opened.state() == 'unconfigured'
        assert 'trying again' not in process.log
