"""A thread of its own for the messages of one topic."""

import contextlib
import time

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from ros_fixtures import probe
from ros_fixtures import wait_until
from std_msgs.msg import String

from morngan_ros.node.qos_mismatch import QosWatch
from morngan_ros.node.subscriptions import Receiver

RELIABLE = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)
BEST_EFFORT = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


@contextlib.contextmanager
def receiver(node, callback, events=None):
    opened = Receiver(node, String, 'words', callback, RELIABLE, events)
    yield opened
    opened.stop()


def test_messages_come_in_their_order_and_none_after_the_end():
    came = []
    with probe('/receiver') as here, probe('/receiver') as there:
        with receiver(here.node, lambda message: came.append(message.data)):
            for word in 'abc':
                there.publish('words', String(data=word), RELIABLE)
            wait_until(lambda: came == ['a', 'b', 'c'], 'three messages')
        there.publish('words', String(data='d'), RELIABLE)
        time.sleep(0.3)
    assert came == ['a', 'b', 'c']


def test_a_callback_that_fails_ends_nothing():
    came = []

    def stumble(message):
        came.append(message.data)
        if message.data == 'bad':
            raise ValueError(message.data)

    with probe('/stumble') as here, probe('/stumble') as there, receiver(here.node, stumble):
        for word in ('bad', 'good'):
            there.publish('words', String(data=word), RELIABLE)
        wait_until(lambda: came == ['bad', 'good'], 'the message after the bad one')


def test_nobody_turns_in_circles():
    """Neither the thread, while nothing comes, nor the executor."""
    with probe('/calm') as here, receiver(here.node, print):
        time.sleep(0.3)
        before = time.process_time()
        time.sleep(1.0)
        assert time.process_time() - before < 0.3


def test_a_publisher_that_offers_too_little_is_told():
    with probe('/mismatch') as here, probe('/mismatch') as there:
        watch = QosWatch(here.node)
        events = watch.subscription('words')
        if events is None:
            pytest.skip('this middleware tells of no mismatch')
        with receiver(here.node, print, events):
            there.node.create_publisher(String, 'words', BEST_EFFORT)
            wait_until(lambda: 'RELIABILITY' in watch.inputs().get('words', ''), 'the mismatch')
            assert watch.outputs() == {}


def test_the_end_is_quick():
    with probe('/quick') as here:
        opened = Receiver(here.node, String, 'words', print, RELIABLE)
        begin = time.monotonic()
        opened.stop()
        assert time.monotonic() - begin < 1.0
