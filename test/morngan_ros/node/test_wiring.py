"""A camera that is wired wrongly: diagnostics always name what is there and what to set."""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import time
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

from diagnostic_msgs.msg import DiagnosticArray
from diagnostic_msgs.msg import DiagnosticStatus
from ros_fixtures import colorizer
from ros_fixtures import header
from ros_fixtures import NodeProcess
from ros_fixtures import Probe
from ros_fixtures import probe
from ros_fixtures import thermal
from ros_fixtures import wait_until
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from tiny_models import save_generator

from morngan_ros.node.messages import to_image


@pytest.fixture(scope='module', params=['raw', 'compressed'])
def wired(tmp_path_factory, request) -> Iterator[tuple[str, NodeProcess, Probe]]:
    folder = tmp_path_factory.mktemp('node')
    model = save_generator(folder / 'tiny.onnx')
    parameters = {'model': model, 'provider': 'cpu', 'threads': 1, 'image_transport': request.param}
    with (
        colorizer(folder, '/wired', **parameters) as process,
        probe('/wired') as opened,
    ):
        process.wait_for_log('generator tiny runs on')
        opened.listen(DiagnosticArray, '/diagnostics')
        yield request.param, process, opened


@contextlib.contextmanager
def publishers(*topics: tuple[type, str]) -> Iterator[None]:
    """Publish nothing on topics, from a process end of its own: one cannot change their types."""
    with probe('/wired') as other:
        made = [other.node.create_publisher(kind, topic, 1) for kind, topic in topics]
        yield
        for publisher in made:
            other.node.destroy_publisher(publisher)
        time.sleep(0.5)  # until the others know, or it stays in the graph for long


def input_message(opened: Probe, since: int) -> str:
    """Return what the newest report says of the input; empty if none came since."""
    reports = [
        status
        for message in opened.messages('/diagnostics')[since:]
        for status in message.status
        if status.name == 'wired/colorizer: input' and status.level == DiagnosticStatus.WARN
    ]
    return reports[-1].message if reports else ''


def wait_for_words(opened: Probe, *words: str) -> None:
    since = len(opened.messages('/diagnostics'))

    def said() -> bool:
        return all(word in input_message(opened, since) for word in words)

    try:
        wait_until(said, str(words))
    except AssertionError:
        raise AssertionError((words, input_message(opened, since))) from None


RAW_KIND, COMPRESSED_KIND = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'


@pytest.mark.parametrize('wired', ['raw'], indirect=True)
@pytest.mark.parametrize(
    ('published', 'words'),
    [
        ((), ('/wired/image_raw has no publisher, and nobody publishes images', 'ROS_DOMAIN_ID')),
        (
            ((Image, '/boson/image_raw'),),
            ('/wired/image_raw has no publisher', 'images are on /boson/image_raw', 'image:='),
        ),
        (
            tuple((Image, f'/camera{n}/image_raw') for n in range(5)),
            ('/camera0/image_raw, /camera1/image_raw, /camera2/image_raw and 2 more',),
        ),
        (
            ((CompressedImage, 'image_raw/compressed'),),
            ('but /wired/image_raw/compressed has: set image_transport to compressed',),
        ),
        (
            ((Header, 'image_raw'),),
            (f'carries std_msgs/msg/Header, but this node takes {RAW_KIND}', 'another topic'),
        ),
        (
            ((CompressedImage, 'image_raw'),),
            (f'carries {COMPRESSED_KIND}', 'image_transport', 'remap /wired/image_raw/compressed'),
        ),
        (((Image, 'image_raw'),), ('/wired/image_raw has 1 publisher, but no frame has arrived',)),
        (((Image, 'image_raw'),) * 2, ('/wired/image_raw has 2 publishers',)),
    ],
)
def test_a_raw_node_tells_what_is_there(wired, published, words):
    _, _, opened = wired
    with publishers(*published):
        wait_for_words(opened, 'no frame has come yet', *words)


@pytest.mark.parametrize('wired', ['compressed'], indirect=True)
@pytest.mark.parametrize(
    ('published', 'words'),
    [
        (
            ((Image, 'image_raw'),),
            ('/wired/image_raw/compressed has no publisher', 'set image_transport to raw'),
        ),
        (
            ((Image, 'image_raw/compressed'),),
            (f'carries {RAW_KIND}', 'image_transport to raw and image to /wired/image_raw/compre'),
        ),
        (((CompressedImage, 'image_raw/compressed'),), ('compressed has 1 publisher',)),
        (((CompressedImage, '/other'),), ('images are on /other',)),
    ],
)
def test_a_compressed_node_tells_what_is_there(wired, published, words):
    _, _, opened = wired
    with publishers(*published):
        wait_for_words(opened, 'no frame has come yet', *words)


@pytest.mark.parametrize('wired', ['raw'], indirect=True)
def test_the_log_says_it_once(wired):
    _, process, opened = wired
    process.wait_for_log('no frame comes: /wired/image_raw ')
    with publishers((CompressedImage, 'image_raw/compressed')):
        wait_for_words(opened, 'set image_transport to compressed')
    assert process.log.count('no frame comes') == 1


@pytest.mark.parametrize('wired', ['raw'], indirect=True)
def test_two_cameras_on_one_topic_are_told(wired):
    """Last: from here on frames have come."""
    _, _, opened = wired

    def send(number: int = 0, build: Callable[..., Any] = to_image) -> None:
        opened.publish('image_raw', build(thermal(), header(number), 'mono8'))

    send()
    with publishers((Image, 'image_raw')):
        since = len(opened.messages('/diagnostics'))

        def said() -> bool:
            send(len(opened.messages('/diagnostics')))
            return 'frames come: /wired/image_raw has 2 publishers' in input_message(opened, since)

        wait_until(said, 'a warning')
        assert 'give each camera a topic' in input_message(opened, since)
