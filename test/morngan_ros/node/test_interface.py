"""The README lists every topic and service of a running node, and none that it has not."""

from pathlib import Path
import re

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

from ros_fixtures import colorizer
from ros_fixtures import probe
from ros_fixtures import wait_until
from tiny_models import save_generator

README = Path(__file__).parents[3].joinpath('README.md').read_text(encoding='utf-8')
NAMESPACE = '/listed'

# What rclpy gives every node, and lifecycle every node of its kind.
COMMON = {'/rosout', '/parameter_events', 'colorizer/transition_event', '/clock'}
COMMON_SERVICES = r'colorizer/(.*parameters.*|get_.*_states?|change_state|get_.*|.*_logger_levels)'


def documented(direction: str) -> dict[str, str]:
    """Read the rows of a direction from the README: name -> type."""
    rows = re.findall(rf'^\| {direction} \| `([^`]+)` \| ([\w/]+) \|', README, flags=re.MULTILINE)
    return {name.replace('~', 'colorizer'): kind for name, kind in rows}


def named(pairs: list[tuple[str, list[str]]]) -> dict[str, str]:
    """Name -> type, in the words of the README: relative names, types without msg or srv."""
    return {
        name.removeprefix(f'{NAMESPACE}/'): re.sub('/(msg|srv)/', '/', kinds[0])
        for name, kinds in pairs
    }


@pytest.mark.parametrize('transport', ['raw', 'compressed'])
def test_topics_and_services_are_those_of_the_node(tmp_path, transport):
    model = save_generator(tmp_path / 'tiny.onnx')
    parameters = {'model': model, 'image_transport': transport}
    with (
        colorizer(tmp_path, NAMESPACE, **parameters) as process,
        probe(NAMESPACE) as opened,
    ):
        process.wait_for_log('generator tiny runs on')
        node, who = opened.node, ('colorizer', NAMESPACE)
        wait_until(lambda: 'colorizer' in node.get_node_names(), 'the node in the graph')

        def inputs() -> dict[str, str]:
            return named(node.get_subscriber_names_and_types_by_node(*who))

        def outputs() -> dict[str, str]:
            return named(node.get_publisher_names_and_types_by_node(*who))

        def services() -> dict[str, str]:
            found = named(node.get_service_names_and_types_by_node(*who))
            return {n: k for n, k in found.items() if not re.fullmatch(COMMON_SERVICES, n)}

        other = 'image_raw' if transport == 'compressed' else 'image_raw/compressed'
        wanted = {name: kind for name, kind in documented('in').items() if name != other}
        wait_until(lambda: len(outputs()) > 6 and len(inputs()) > 1, 'the topics of the node')
        assert {n: k for n, k in inputs().items() if n not in COMMON} == wanted
        assert {n: k for n, k in outputs().items() if n not in COMMON} == documented('out')
        wait_until(lambda: len(services()) >= 2, 'the services of the node')
        assert services() == documented('service')
