"""The vision_msgs of this environment speak to those of any ROS distribution."""

import json
from pathlib import Path

import pytest

vision_msgs = pytest.importorskip('vision_msgs', reason='needs vision_msgs')

# Of the upstream package, version 4.1.1. DDS lets only equal types talk (ROS 2 Iron and later).
TYPE_HASHES = {
    'Detection2DArray': '214274120007f4a683866481336b70310268cfa107aebe9d594a6acf75bda968',
    'Detection2D': '0d12b69df5c593b3455b7346fac8205437a7d4bcb09b9e0e0b2dde787ded38ea',
    'ObjectHypothesisWithPose': '41c12344c0396c48b81df12467c192d99b2a0eb1463c5c37194e4223251c80bc',
    'ObjectHypothesis': '51da43cec11c01957a64d1e05a24acd18aae7745ec30b74348ad5f6d634f7f90',
    'BoundingBox2D': '008eacbb0cf8f26e83795547bed013eec3675485ef386ec056d80eaaf1c1ce2f',
    'Pose2D': 'b0b5d1d7b4c20dd4fcde3ed1d4b289a919290572007d67a97043814db25d3648',
    'Point2D': 'eab0e83f44ab4de92ceaf76dd7d0e7638f2bdd1d16ffbe16c7a136c48e407247',
}
DEFINITIONS = Path(__file__).resolve().parents[2] / 'interfaces' / 'vision_msgs' / 'msg'


@pytest.mark.parametrize('name', TYPE_HASHES)
def test_type_hash_equals_upstream(name):
    # PREFIX/lib/python3.x/site-packages/vision_msgs/__init__.py
    prefix = Path(vision_msgs.__file__).resolve().parents[4]
    path = prefix / 'share' / 'vision_msgs' / 'msg' / f'{name}.json'
    if not path.is_file():
        pytest.skip(f'no type description {path}: older than ROS 2 Iron')
    described = json.loads(path.read_text())
    hashes = {entry['type_name']: entry['hash_string'] for entry in described['type_hashes']}
    assert hashes[f'vision_msgs/msg/{name}'] == f'RIHS01_{TYPE_HASHES[name]}'


def test_every_definition_is_installed():
    import vision_msgs.msg

    names = {path.stem for path in DEFINITIONS.glob('*.msg')}
    assert len(names) == 16
    assert names <= set(dir(vision_msgs.msg))


def test_definitions_are_kept_out_of_workspaces():
    assert (DEFINITIONS.parent / 'COLCON_IGNORE').is_file()
