"""The newest message of a topic that wakes nobody."""

import time

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from ros_fixtures import probe
from ros_fixtures import wait_until
from std_msgs.msg import Header
from std_msgs.msg import String

from morngan_ros.node.subscriptions import Latest

RELIABLE = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)


def test_the_newest_message_stays():
    with probe('/latest') as receiver, probe('/latest') as sender:
        latest = Latest(receiver.node, Header, 'info', RELIABLE)
        assert latest() is None
        for name in ('first', 'second', 'third'):
            sender.publish('info', Header(frame_id=name), RELIABLE)
        wait_until(lambda: (m := latest()) is not None and m.frame_id == 'third', 'the third')
        time.sleep(0.2)
        assert latest().frame_id == 'third'
        sender.publish('info', Header(frame_id='fourth'), RELIABLE)
        wait_until(lambda: latest().frame_id == 'fourth', 'the fourth')


def test_the_executor_sleeps_on():
    """It neither takes what came nor turns in circles because something is there."""
    with probe('/asleep') as receiver, probe('/asleep') as sender:
        latest = Latest(receiver.node, String, 'info', RELIABLE)
        sender.publish('info', String(data='x'), RELIABLE)
        time.sleep(0.3)
        before = time.process_time()
        time.sleep(1.0)
        assert time.process_time() - before < 0.3
        assert latest() == String(data='x')
