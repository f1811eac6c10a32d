"""A signal ends the node within two seconds, with exit code 0, whatever it is doing."""

from pathlib import Path
import signal
import time

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

from ros_fixtures import colorizer
from ros_fixtures import header
from ros_fixtures import NodeProcess
from ros_fixtures import probe
from ros_fixtures import thermal
from ros_fixtures import wait_until
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger
from tiny_models import save_generator
from tiny_models import save_slow_generator

from morngan_ros.node.messages import to_image

SIGNALS = [signal.SIGINT, signal.SIGTERM]
CONFIGURED = 'generator tiny runs on'
# The bound is two seconds; what the test itself and a busy machine take comes on top.
PATIENCE = 2.0 + 1.0


@pytest.fixture(scope='module')
def model(tmp_path_factory) -> Path:
    return save_generator(tmp_path_factory.mktemp('model') / 'tiny.onnx')


@pytest.fixture(scope='module')
def slow(tmp_path_factory) -> Path:
    """Takes seconds for the picture of its warm-up."""
    return save_slow_generator(tmp_path_factory.mktemp('slow') / 'slow.onnx', layers=400)


def end(process: NodeProcess, *numbers: signal.Signals) -> None:
    """Signal, and expect a clean end in time."""
    started = time.monotonic()
    for number in numbers:
        process.signal(number)
        time.sleep(0.05)
    code = process.wait_for_exit()
    taken = time.monotonic() - started
    assert code == 0, process.log
    assert 'Traceback' not in process.log
    assert taken < PATIENCE


@pytest.mark.parametrize('number', SIGNALS)
def test_while_it_configures(tmp_path, slow, number):
    with colorizer(tmp_path, '/slow', model=slow, provider='cpu', threads=1) as process:
        with probe('/slow') as opened:
            # The node is there, its models are not, and will not be for a while.
            wait_until(lambda: opened.node.count_publishers('color/image_raw') > 0, 'the node')
        time.sleep(0.5)
        assert 'generator slow' not in process.log
        end(process, number)
        assert 'generator slow' not in process.log


@pytest.mark.parametrize('number', SIGNALS)
def test_while_it_reloads(tmp_path, model, slow, number):
    parameters = {'model': model, 'provider': 'cpu', 'threads': 1}
    with colorizer(tmp_path, '/reload', **parameters) as process, probe('/reload') as opened:
        process.wait_for_log(CONFIGURED)
        opened.listen(Image, 'color/image_raw')
        assert opened.set_parameters(model=str(slow)).successful
        answer = opened.call_later(Trigger, 'colorizer/reload_model', Trigger.Request())
        opened.publish('image_raw', to_image(thermal(), header(1), 'mono8'))
        opened.wait_for_stamp('color/image_raw', header(1))
        assert not answer.done()
        end(process, number)


@pytest.mark.parametrize('number', SIGNALS)
def test_while_a_frame_is_inside_a_slow_model(tmp_path, slow, number):
    small = {'model': slow, 'provider': 'cpu', 'threads': 1, 'warm_up_size': '[32, 32]'}
    with colorizer(tmp_path, '/deep', **small) as process, probe('/deep') as opened:
        process.wait_for_log('generator slow runs on')
        opened.listen(Image, 'color/image_raw')
        opened.publish('image_raw', to_image(thermal(512, 640), header(1), 'mono8'))
        time.sleep(0.5)
        end(process, number)
        assert not opened.messages('color/image_raw')


def test_two_signals_in_a_row(tmp_path, model):
    """As when a terminal and launch both send one."""
    with colorizer(tmp_path, '/twice', model=model, provider='cpu') as process:
        process.wait_for_log(CONFIGURED)
        end(process, signal.SIGINT, signal.SIGINT)


@pytest.mark.parametrize('number', SIGNALS)
def test_while_it_starts(tmp_path, model, number):
    """Before the handlers of ROS are there, Python's own end it: at once, if not with code 0."""
    with colorizer(tmp_path, '/young', model=model, provider='cpu') as process:
        time.sleep(0.3)
        started = time.monotonic()
        process.signal(number)
        process.wait_for_exit()
        assert time.monotonic() - started < PATIENCE
