"""The launch files: their text everywhere, what they start where ROS's launch is installed."""

import ast
from dataclasses import dataclass
import importlib.util
import json
import os
from pathlib import Path
import shutil
import sys
import time
from types import ModuleType
from typing import Any

import pytest
import yaml

from morngan_ros.host.fastdds import profile_variable

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / 'launch'
COLORIZE = 'colorize.launch.py'
REPLAY = 'replay.launch.py'
ARGUMENTS = {
    COLORIZE: {
        'autostart',
        'camera_info',
        'cameras',
        'color_camera_info',
        'color_image',
        'cpus',
        'detections',
        'detector',
        'enclave',
        'image',
        'image_transport',
        'log_level',
        'model',
        'namespace',
        'old_names',
        'overlay_image',
        'params_file',
        'provider',
        'respawn',
        'threads',
        'use_sim_time',
    },
    REPLAY: {'bag', 'delay', 'loop', 'player_enclave', 'rate', 'viewer', 'viewer_enclave'},
}


def calls(file: str, name: str) -> list[ast.Call]:
    tree = ast.parse((FOLDER / file).read_text(), file)
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
    ]


def parameters() -> set[str]:
    """Read the names in PARAMETERS of colorize.launch.py."""
    (names,) = (
        node.value.keys
        for node in ast.parse((FOLDER / COLORIZE).read_text()).body
        if isinstance(node, ast.Assign) and node.targets[0].id == 'PARAMETERS'
    )
    return {ast.literal_eval(name) for name in names}


@pytest.mark.parametrize('file', ARGUMENTS)
def test_every_argument_is_declared_and_described(file):
    declared = {}
    for call in calls(file, 'DeclareLaunchArgument'):
        keywords = {keyword.arg: keyword.value for keyword in call.keywords}
        name = ast.literal_eval(call.args[0])
        declared[name] = ast.literal_eval(keywords['description'])
        assert ('default_value' in keywords) == (name != 'bag')
    assert set(declared) == ARGUMENTS[file]
    assert all(text.endswith('.') and len(text) > 20 for text in declared.values())


def words(file: Path) -> set[str]:
    """Collect the strings of a file, but for those that declare an argument."""
    tree = ast.parse(file.read_text(), file.name)
    declarations = {
        node
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and getattr(call.func, 'id', '') == 'DeclareLaunchArgument'
        for node in ast.walk(call)
    }
    strings = {n for n in ast.walk(tree) if isinstance(n, ast.Constant)} - declarations
    return {node.value for node in strings if isinstance(node.value, str)}


@pytest.mark.parametrize('file', ARGUMENTS)
def test_every_argument_is_used(file):
    used = words(FOLDER / file) | words(ROOT / 'morngan_ros/launching/arguments.py')
    assert ARGUMENTS[file] <= used


def test_parameters_of_the_launch_file_are_parameters_of_the_node():
    pytest.importorskip('rclpy', reason='needs ROS 2')
    from dataclasses import fields

    from morngan_ros.node.parameters import Settings

    assert parameters()
    assert parameters() <= {entry.name for entry in fields(Settings)} | {'use_sim_time'}


# What follows starts processes: recorders of how they were started, in place of the nodes.


@dataclass
class Started:
    """How a process was started.

    Attributes:
        name: Of its executable.
        arguments: All that was given to it.
        parameters: Of the node, those of later files over those of earlier ones.
        cpus: Processors that it may use, as '0-3'.
        profile: Profile of Fast DDS in its environment.
    """

    name: str
    arguments: list[str]
    parameters: dict[str, Any]
    cpus: str
    profile: str

    def remap(self, name: str) -> str:
        """Return what comes after NAME:= in the arguments."""
        (found,) = (a for a in self.arguments if a.startswith(f'{name}:='))
        return found.removeprefix(f'{name}:=')


RECORDER = f"""#!{sys.executable}
import json, os, pathlib, sys, time, yaml
parameters = {{}}
for file in (a for a in sys.argv[1:] if os.path.basename(a).startswith('launch_params')):
    for node in yaml.safe_load(open(file)).values():
        parameters.update(node['ros__parameters'])
status = dict(line.split(':', 1) for line in open('/proc/self/status') if ':' in line)
pathlib.Path(os.environ['RECORDS'], str(os.getpid())).write_text(json.dumps(
    [os.path.basename(sys.argv[0]), sys.argv[1:], parameters,
     status['Cpus_allowed_list'].strip(), os.environ.get({profile_variable()!r}, '')]))
# The end of RViz ends all: it may have to wait for the others.
awaited = int(os.environ.get('AWAITED', 0))
deadline = time.monotonic() + 20
while sys.argv[0].endswith('rviz2') and time.monotonic() < deadline:
    if len(list(pathlib.Path(os.environ['RECORDS']).iterdir())) >= awaited:
        break
    time.sleep(0.05)
time.sleep(float(os.environ.get('LIVE_' + os.path.basename(sys.argv[0]), 0)))
sys.exit(int(os.environ.get('EXIT_' + os.path.basename(sys.argv[0]), 0)))
"""


@pytest.fixture
def prefix(tmp_path, monkeypatch) -> Path:
    """Install this package and the viewers as ament would, with recorders as executables."""
    pytest.importorskip('launch.actions', reason='needs ROS 2 launch, which has no wheel')
    installed = {
        'morngan_ros': ('colorize', 'replay'),
        'rviz2': ('rviz2',),
        'foxglove_bridge': ('foxglove_bridge',),
    }
    index = tmp_path / 'share/ament_index/resource_index/packages'
    index.mkdir(parents=True)
    for package, executables in installed.items():
        (index / package).touch()
        for name in executables:
            file = tmp_path / 'lib' / package / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(RECORDER)
            file.chmod(0o755)
    (tmp_path / 'share/morngan_ros').symlink_to(ROOT)
    (tmp_path / 'records').mkdir()
    monkeypatch.setenv('RECORDS', str(tmp_path / 'records'))
    monkeypatch.setenv('ROS_LOG_DIR', str(tmp_path / 'log'))
    paths = [str(tmp_path), os.environ.get('AMENT_PREFIX_PATH', '')]
    monkeypatch.setenv('AMENT_PREFIX_PATH', os.pathsep.join(filter(None, paths)))
    monkeypatch.delenv(profile_variable(), raising=False)
    return tmp_path


def start(prefix: Path, file: str, **arguments: str) -> list[Started]:
    """Run a launch file until all that it started has ended, well."""
    assert launched(file, arguments) == 0
    return records(prefix)


def records(prefix: Path) -> list[Started]:
    """Read what the recorders wrote."""
    found = [json.loads(file.read_text()) for file in (prefix / 'records').iterdir()]
    return sorted((Started(*record) for record in found), key=lambda s: (s.name, s.arguments))


def launched(file: str, arguments: dict[str, str], *before: Any) -> int:
    """Run a launch file within a group, until all has ended; returns the exit code of launch."""
    from launch import LaunchService
    from launch.actions import GroupAction
    from launch.actions import IncludeLaunchDescription
    from launch.launch_description_sources import PythonLaunchDescriptionSource

    source = PythonLaunchDescriptionSource(str(FOLDER / file))
    service = LaunchService(noninteractive=True)
    included = IncludeLaunchDescription(source, launch_arguments=arguments.items())
    service.include_launch_description(GroupAction([*before, included]))
    return int(service.run())


def by_namespace(processes: list[Started]) -> dict[str, Started]:
    return {process.remap('__ns'): process for process in processes}


def test_one_node_with_its_parameters_and_the_profile(prefix):
    file = prefix / 'mine.yaml'
    file.write_text('/**: {ros__parameters: {jpeg_quality: 50, provider: cpu}}')
    given = {'params_file': str(file), 'provider': 'openvino', 'threads': '3'}
    (node,) = start(prefix, COLORIZE, image='/cam/image_raw', namespace='front', **given)
    assert node.name == 'colorize'
    assert node.remap('__node') == 'colorizer'
    assert node.remap('__ns') == '/front'
    assert node.remap('image_raw') == '/cam/image_raw'
    assert node.remap('camera_info') == 'camera_info'
    assert node.parameters == {'jpeg_quality': 50, 'provider': 'openvino', 'threads': 3}
    assert node.profile == str(prefix / 'share/morngan_ros/config/fastdds.xml')


OUTPUTS = ('color/image_raw', 'color/camera_info', 'overlay/image_raw', 'detections')


@pytest.mark.parametrize(
    ('arguments', 'names'),
    [
        ({}, OUTPUTS),
        (
            {'old_names': 'true'},
            ('image_color', 'camera_info_color', 'image_overlay', 'detections'),
        ),
        (
            {'color_image': '/day/image', 'detections': 'found', 'overlay_image': 'boxes'},
            ('/day/image', '/day/camera_info', 'boxes', 'found'),
        ),
        (
            {'color_image': 'day', 'color_camera_info': 'day_info', 'old_names': 'true'},
            ('day', 'day_info', 'image_overlay', 'detections'),
        ),
    ],
)
def test_outputs_have_the_names_asked_for(prefix, arguments, names):
    (node,) = start(prefix, COLORIZE, **arguments)
    assert tuple(node.remap(output) for output in OUTPUTS) == names


def test_a_profile_of_the_user_stays(prefix, monkeypatch):
    monkeypatch.setenv(profile_variable(), '/my/profile.xml')
    (node,) = start(prefix, COLORIZE)
    assert node.profile == '/my/profile.xml'


def test_a_node_for_each_camera(prefix):
    nodes = start(prefix, COLORIZE, cameras='[left,right]', image='thermal/image_raw')
    assert {node.name for node in nodes} == {'colorize'}
    assert set(by_namespace(nodes)) == {'/left', '/right'}
    # Relative, so below /left and /right.
    assert {node.remap('image_raw') for node in nodes} == {'thermal/image_raw'}
    below = start(prefix, COLORIZE, cameras='[on]', namespace='/car')
    assert '/car/on' in by_namespace(below)


@pytest.mark.skipif(shutil.which('taskset') is None, reason='needs taskset of util-linux')
def test_cpus_bind_nodes_and_limit_their_threads(prefix):
    mine = sorted(os.sched_getaffinity(0))
    first, last = str(mine[0]), str(mine[-1])
    nodes = by_namespace(
        start(prefix, COLORIZE, cameras='[left,right]', cpus=f'[{first},"{first},{last}"]')
    )
    assert nodes['/left'].cpus == first
    assert nodes['/left'].parameters['threads'] == 1
    assert nodes['/right'].parameters['threads'] == 2
    if len(mine) > 1:
        assert nodes['/right'].cpus != first
    again = start(prefix, COLORIZE, cpus=f'[{first}]', threads='5')
    assert by_namespace(again)['/'].parameters['threads'] == 5


def load(file: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location('launch_file', FOLDER / file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'cameras': 'left,right'}, r'cameras:=left,right is not a list such as \[left\]'),
        ({'cameras': '[left'}, 'is no list'),
        ({'cameras': '[]'}, 'is no list'),
        ({'cameras': '[left,1x]'}, r"'1x' in cameras:=\[left,1x\] does not look like left"),
        ({'cameras': '[left,left]'}, 'cameras has a name twice'),
        ({'cameras': '[left,right]', 'cpus': '[0-3]'}, '1 cpus for 2 nodes'),
        ({'cpus': '[all]'}, 'does not look like 0-3'),
        ({'cameras': '[left]', 'image': '/thermal'}, 'image:=/thermal is one topic for all'),
        ({'cameras': '[left]', 'camera_info': '/info'}, 'camera_info:=/info is one topic for all'),
        ({'cameras': '[left]', 'detections': '/found'}, 'detections:=/found is one topic for all'),
        ({'color_image': 'day'}, 'name color_camera_info'),
    ],
)
def test_lists_that_make_no_sense_are_refused(prefix, arguments, message):
    from launch import LaunchContext
    from launch.actions import DeclareLaunchArgument

    module = load(COLORIZE)
    context = LaunchContext()
    context.launch_configurations.update(arguments)
    for entity in module.generate_launch_description().entities:
        if isinstance(entity, DeclareLaunchArgument):
            entity.visit(context)
    with pytest.raises(RuntimeError, match=message):
        module.colorizers(context)


def test_processors_are_counted(prefix):
    count = load(COLORIZE).count
    assert [count(cpus) for cpus in ('0', '0-3', '0,2', '0-1,6-8')] == [1, 4, 2, 5]


def test_replay_plays_to_the_node_and_the_viewer(prefix, monkeypatch):
    monkeypatch.setenv('AWAITED', '3')
    names = {'namespace': 'thermal', 'image': 'counts', 'delay': '0.1'}
    node, player, viewer = start(prefix, REPLAY, bag='night', rate='2.0', loop='true', **names)
    assert (node.name, player.name, viewer.name) == ('colorize', 'replay', 'rviz2')
    assert node.parameters['use_sim_time'] is True
    assert player.arguments[:5] == ['night', '--clock', '--rate', '2.0', '--loop']
    config = Path(viewer.arguments[viewer.arguments.index('-d') + 1])
    assert yaml.safe_load(config.read_text())['Visualization Manager']
    for process in (node, player, viewer):
        assert process.remap('__ns') == '/thermal'
        assert process.remap('image_raw') == 'counts'
        assert process.remap('color/image_raw') == 'color/image_raw'
        assert process.profile.endswith('fastdds.xml')


@pytest.mark.parametrize(('viewer', 'started'), [('foxglove', ['foxglove_bridge']), ('none', [])])
def test_replay_with_other_viewers(prefix, viewer, started):
    processes = start(prefix, REPLAY, bag='sim', viewer=viewer, delay='0.1')
    assert sorted(p.name for p in processes) == sorted(['colorize', 'replay', *started])
    (player,) = (process for process in processes if process.name == 'replay')
    assert '--loop' not in player.arguments


def test_every_process_has_an_enclave_of_its_own(prefix, monkeypatch):
    monkeypatch.setenv('AWAITED', '3')
    names = {'enclave': '/a/node', 'player_enclave': '/a/player', 'viewer_enclave': '/a/viewer'}
    for process in start(prefix, REPLAY, bag='night', delay='0.1', **names):
        enclave = process.arguments[process.arguments.index('--enclave') + 1]
        name = {'colorize': 'node', 'replay': 'player', 'rviz2': 'viewer'}[process.name]
        assert enclave == f'/a/{name}'
        assert process.arguments.index('--enclave') > process.arguments.index('--ros-args')


def test_without_an_enclave_none_is_named(prefix):
    for process in start(prefix, REPLAY, bag='night', viewer='none', delay='0.1'):
        assert '--enclave' not in process.arguments


def test_replay_feeds_every_camera(prefix, monkeypatch):
    """The node of a camera and the player agree on the topic; there is a viewer for each."""
    monkeypatch.setenv('AWAITED', '5')
    names = {'namespace': 'car', 'image': 'thermal', 'delay': '0.1'}
    processes = start(prefix, REPLAY, bag='sim', cameras='[left,right]', **names)
    assert [p.name for p in processes] == [*['colorize'] * 2, 'replay', *['rviz2'] * 2]
    player = processes[2]
    assert player.arguments[:6] == ['sim', '--clock', '--rate', '1.0', '--cameras', 'left']
    assert player.remap('__ns') == '/car'
    for side in ('left', 'right'):
        assert player.remap(f'{side}/image_raw') == f'{side}/thermal'
    assert sorted(p.remap('__ns') for p in processes if p.name == 'rviz2') == [
        '/car/left',
        '/car/right',
    ]


def test_a_recording_that_nobody_watches_ends_all(prefix, monkeypatch):
    monkeypatch.setenv('LIVE_colorize', '60')
    began = time.monotonic()
    start(prefix, REPLAY, bag='night', viewer='none', delay='0.1')
    assert time.monotonic() - began < 20


@pytest.mark.parametrize('name', ['colorize', 'replay'])
def test_launch_tells_that_a_process_failed(prefix, monkeypatch, name):
    """Only at its end: the other processes of a vehicle go on."""
    monkeypatch.setenv(f'EXIT_{name}', '1')
    monkeypatch.setenv('LIVE_replay', '1')
    assert launched(REPLAY, {'bag': 'night', 'viewer': 'none', 'delay': '1'}) == 1
    assert sorted(process.name for process in records(prefix)) == ['colorize', 'replay']


def test_respawn_gives_up_after_quick_deaths(prefix, monkeypatch):
    """Each time with the parameters and the profile of the scope that it was described in."""
    from launch_ros.actions import SetParameter

    monkeypatch.setenv('EXIT_colorize', '1')
    given = {'respawn': 'true', 'provider': 'cpu', 'namespace': 'front'}
    assert launched(COLORIZE, given, SetParameter('max_rate', 5.0)) == 1
    starts = records(prefix)
    assert len(starts) == 5
    for node in starts:
        assert node.remap('__ns') == '/front'
        assert node.parameters == {'provider': 'cpu'}
        assert node.remap('max_rate') == '5.0'
        assert node.profile.endswith('fastdds.xml')


def test_an_end_that_is_not_quick_is_no_reason_to_give_up(prefix, monkeypatch):
    import morngan_ros.launching.keeping

    monkeypatch.setattr(morngan_ros.launching.keeping, 'QUICK', 0.0)
    monkeypatch.setattr(morngan_ros.launching.keeping, '_RESPITE', 0.05)
    monkeypatch.setenv('EXIT_replay', '1')
    given = {'respawn': 'true', 'bag': 'night', 'viewer': 'none', 'delay': '8'}
    assert launched(REPLAY, given) == 1  # the player ends it
    assert sum(process.name == 'colorize' for process in records(prefix)) > 5


def test_set_parameter_around_the_include_has_an_effect(prefix):
    from launch_ros.actions import SetParameter

    file = prefix / 'mine.yaml'
    file.write_text('/**: {ros__parameters: {jpeg_quality: 50}}')
    assert launched(COLORIZE, {}, SetParameter('jpeg_quality', 70)) == 0
    assert launched(COLORIZE, {'params_file': str(file)}, SetParameter('max_rate', 5.0)) == 0
    one, other = sorted(records(prefix), key=lambda node: len(node.parameters))
    assert one.remap('jpeg_quality') == '70'
    assert not one.parameters
    assert other.remap('max_rate') == '5.0'
    assert other.parameters == {'jpeg_quality': 50}


def test_closing_rviz_ends_all(prefix):
    processes = start(prefix, REPLAY, bag='night', delay='10.0')
    assert 'replay' not in {process.name for process in processes}


def test_a_viewer_that_is_not_installed_is_told_before_anything_runs(prefix):
    from launch import LaunchContext

    (prefix / 'share/ament_index/resource_index/packages/foxglove_bridge').unlink()
    module = load(REPLAY)
    context = LaunchContext()
    context.launch_configurations['viewer'] = 'foxglove'
    message = r'viewer:=foxglove needs the package foxglove_bridge.*-foxglove-bridge\)'
    with pytest.raises(RuntimeError, match=message):
        module.require_viewer(context)
    context.launch_configurations['viewer'] = 'rviz'
    module.require_viewer(context)
