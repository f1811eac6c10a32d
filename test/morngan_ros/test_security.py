"""The policy for SROS2 lets each node do what it does, and nothing else."""

from collections.abc import Iterator
import contextlib
import importlib.util
import os
from pathlib import Path
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

from rclpy._rclpy_pybind11 import NodeNameNonExistentError
from ros_fixtures import colorizer
from ros_fixtures import Probe
from ros_fixtures import probe
from ros_fixtures import ROOT
from ros_fixtures import wait_until
from sensor_msgs.msg import CompressedImage

POLICY = ROOT / 'config' / 'sros2' / 'policy.xml'

# A right of the policy and how the graph names those who use it.
USES = {
    'publish': 'publisher',
    'subscribe': 'subscriber',
    'reply': 'service',
    'request': 'client',
}


def allowed(node: str) -> set[tuple[str, str]]:
    """Read the rights of a node: ('publish', '/color/image_raw'), ..."""
    (profile,) = ET.parse(POLICY).getroot().iterfind(f'.//profile[@node="{node}"]')
    rights = set()
    for group in profile:
        for right in USES:
            if group.get(right) == 'ALLOW':
                rights |= {(right, absolute(str(name.text), node)) for name in group}
    if importlib.util.find_spec('rclpy.type_description_service') is None:  # Humble
        rights.discard(('reply', f'/{node}/get_type_description'))
    return rights


def absolute(name: str, node: str) -> str:
    """Name a topic or service as the graph does, in the root namespace."""
    name = name.replace('~', f'/{node}')
    return name if name.startswith('/') else f'/{name}'


def used(opened: Probe, node: str) -> set[tuple[str, str]]:
    """Ask the graph what a running node does, in the words of `allowed`."""
    try:
        return {
            (right, name)
            for right, use in USES.items()
            for name, _ in getattr(opened.node, f'get_{use}_names_and_types_by_node')(node, '/')
        }
    except NodeNameNonExistentError:  # not yet there, or on its way out
        return set()


@contextlib.contextmanager
def tool(name: str, *arguments: str) -> Iterator[None]:
    """Run a tool while the block lasts."""
    command = [sys.executable, '-m', f'morngan_ros.tools.{name}', *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


def test_colorizer_uses_what_the_policy_allows(tmp_path):
    rest = {'autostart': False}
    with probe('/') as opened:
        with colorizer(tmp_path, '/', **rest):
            raw = allowed('colorizer') - {
                ('subscribe', '/image_raw/compressed'),
                ('subscribe', '/clock'),
            }
            wait_until(lambda: used(opened, 'colorizer') == raw, f'just {raw}')
        with colorizer(tmp_path, '/', image_transport='compressed', use_sim_time=True, **rest):
            compressed = allowed('colorizer') - {('subscribe', '/image_raw')}
            wait_until(lambda: used(opened, 'colorizer') == compressed, f'just {compressed}')


def test_tools_use_what_the_policy_allows(tmp_path):
    recorded = [name for right, name in allowed('recorder') if right == 'subscribe']
    with (
        probe('/') as opened,
        colorizer(tmp_path, '/', autostart=False),
        tool('replay', 'sim', '--loop', '--clock'),
        tool('recorder', *recorded, '--out', str(tmp_path / 'all.mcap')),
    ):
        opened.node.create_publisher(CompressedImage, 'image_raw/compressed', 1)
        everything = allowed('recorder')
        wait_until(lambda: used(opened, 'recorder') == everything, f'just {everything}')
        # It plays frames; the compressed ones are those of a bag.
        frames = allowed('replay') - {('publish', '/image_raw/compressed')}
        wait_until(lambda: used(opened, 'replay') == frames, f'just {frames}')


@pytest.mark.parametrize('topic', ['color/image_raw', 'camera_info'])
def test_a_topic_that_the_middleware_refuses_is_one_clear_line(tmp_path, topic):
    """As under SROS2, which the wheels of Fast DDS lack, for a topic that the policy lacks."""
    tmp_path.joinpath('denied_node.py').write_text(
        'import sys\n'
        'from rclpy.impl.implementation_singleton import rclpy_implementation\n'
        'from rclpy.lifecycle import LifecycleNode\n'
        'from morngan_ros.node.__main__ import main\n'
        "for name in ('create_publisher', 'create_subscription'):\n"
        '    def create(self, kind, topic, *rest, make=getattr(LifecycleNode, name), **options):\n'
        f'        if topic == {topic!r}:\n'
        "            raise rclpy_implementation.RCLError('not allowed by security policy')\n"
        '        return make(self, kind, topic, *rest, **options)\n'
        '    setattr(LifecycleNode, name, create)\n'
        'sys.exit(main())\n'
    )
    path = os.pathsep.join([str(tmp_path), os.environ.get('PYTHONPATH', '')])
    environment = {'PYTHONPATH': path, 'ROS_SECURITY_ENABLE': 'true'}
    environment |= {'ROS_SECURITY_STRATEGY': 'Permissive'}
    with colorizer(tmp_path, '/denied', environment, 'denied_node', autostart=False) as process:
        assert process.wait_for_exit() == 1
        assert f'topic /denied/{topic} cannot be used: not allowed' in process.log
        assert 'the policy of this enclave must allow the topic' in process.log
        assert 'Traceback' not in process.log


def test_every_enclave_is_named_after_its_node():
    enclaves = ET.parse(POLICY).getroot().findall('.//enclave')
    assert {enclave.get('path') for enclave in enclaves} == {
        f'/morngan_ros/{node}' for node in ('colorizer', 'recorder', 'replay')
    }
    for enclave in enclaves:
        (profile,) = enclave.iterfind('.//profile')
        assert enclave.get('path') == f'/morngan_ros/{profile.get("node")}'
    assert '*' not in ''.join(ET.parse(POLICY).getroot().itertext())


def test_sros2_takes_the_policy():
    policy = pytest.importorskip('sros2.policy', reason='needs sros2, which has no wheel')
    assert policy.load_policy(Path(POLICY)) is not None
