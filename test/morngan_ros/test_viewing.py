"""The configurations of RViz and Foxglove name topics, and diagnostics, that the node has."""

import json
from pathlib import Path
import re
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / 'README.md').read_text(encoding='utf-8')
RVIZ = yaml.safe_load((ROOT / 'config/colorize.rviz').read_text())['Visualization Manager']
FOXGLOVE = json.loads((ROOT / 'config/foxglove_layout.json').read_text())
PANELS: dict[str, Any] = FOXGLOVE['configById']


def topics() -> dict[str, str]:
    """Read the topics of the node and their types from the README."""
    return dict(re.findall(r'^\| (?:in|out) \| `([^`]+)` \| ([\w/]+) \|', README, re.MULTILINE))


def plotted() -> list[tuple[str, str, str]]:
    """Take the paths of the plots apart: topic, status, key."""
    paths = [path['value'] for panel in PANELS.values() for path in panel.get('paths', [])]
    pattern = r'(/\w+)\.status\[:\]{name=="([^"]+)"}\.values\[:\]{key=="([^"]+)"}\.value'
    return [re.fullmatch(pattern, path).groups() for path in paths]


def test_rviz_shows_images_without_transforms():
    displays = RVIZ['Displays']
    assert {display['Class'] for display in displays} == {'rviz_default_plugins/Image'}
    # Relative, so that a namespace works.
    shown = [display['Topic']['Value'] for display in displays]
    assert shown == ['image_raw', 'color/image_raw', 'overlay/image_raw']
    assert {topics()[name] for name in shown} == {'sensor_msgs/Image'}
    # A reliable subscriber gets nothing from a best-effort camera.
    assert {display['Topic']['Reliability Policy'] for display in displays} == {'Best Effort'}
    assert all(display['Enabled'] for display in displays)


def test_every_panel_of_foxglove_is_placed_once():
    def leaves(node: Any) -> list[str]:
        return [node] if isinstance(node, str) else leaves(node['first']) + leaves(node['second'])

    assert sorted(leaves(FOXGLOVE['layout'])) == sorted(PANELS)


def test_foxglove_shows_topics_of_the_node():
    images = [panel['imageMode']['imageTopic'] for panel in PANELS.values() if 'imageMode' in panel]
    assert images == ['/image_raw', '/color/image_raw', '/overlay/image_raw']
    assert {topics()[name.lstrip('/')] for name in images} == {'sensor_msgs/Image'}
    raw = [panel['topicPath'] for panel in PANELS.values() if 'topicPath' in panel]
    assert [topics()[name.lstrip('/')] for name in raw] == ['vision_msgs/Detection2DArray']
    reports = [panel['topicToRender'] for panel in PANELS.values() if 'topicToRender' in panel]
    assert {topics()[name] for name in reports} == {'diagnostic_msgs/DiagnosticArray'}


def test_foxglove_plots_what_diagnostics_say(tmp_path):
    pytest.importorskip('rclpy', reason='needs ROS 2')
    from diagnostic_msgs.msg import DiagnosticArray
    from ros_fixtures import colorizer
    from ros_fixtures import header
    from ros_fixtures import probe
    from ros_fixtures import thermal
    from sensor_msgs.msg import Image
    from tiny_models import save_generator

    from morngan_ros.node.messages import to_image

    assert {topic for topic, _, _ in plotted()} == {'/diagnostics'}
    wanted = {(status, key) for _, status, key in plotted()}
    assert len(wanted) >= 5
    model = save_generator(tmp_path / 'tiny.onnx')

    def tells(message: DiagnosticArray) -> bool:
        said = {(status.name, entry.key) for status in message.status for entry in status.values}
        return wanted <= said

    with colorizer(tmp_path, '/', model=model) as process, probe('/') as opened:
        process.wait_for_log('generator tiny runs on')
        opened.listen(Image, 'color/image_raw')
        opened.listen(DiagnosticArray, '/diagnostics')
        opened.publish('image_raw', to_image(thermal(), header(1), 'mono8'))
        message = opened.wait_for('/diagnostics', tells)
    chosen = [panel['selectedName'] for panel in PANELS.values() if 'selectedName' in panel]
    assert {*chosen} <= {status.name for status in message.status}
    for status in message.status:
        for entry in status.values:
            if (status.name, entry.key) in wanted:
                float(entry.value)
