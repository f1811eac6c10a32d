"""The launch file: its text everywhere, its description where ROS's launch is installed."""

import ast
from pathlib import Path

import pytest

from morngan_ros.fastdds import profile_variable

PATH = Path(__file__).resolve().parents[2] / 'launch' / 'colorize.launch.py'
ARGUMENTS = {
    'autostart',
    'camera_info',
    'detector',
    'image',
    'image_transport',
    'log_level',
    'model',
    'namespace',
    'params_file',
    'provider',
    'respawn',
    'use_sim_time',
}


def calls(name: str) -> list[ast.Call]:
    tree = ast.parse(PATH.read_text(), str(PATH))
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
    ]


def test_every_argument_is_declared_and_described():
    declared = {}
    for call in calls('DeclareLaunchArgument'):
        keywords = {keyword.arg: keyword.value for keyword in call.keywords}
        declared[ast.literal_eval(call.args[0])] = ast.literal_eval(keywords['description'])
        assert 'default_value' in keywords
    assert set(declared) == ARGUMENTS
    assert all(text.endswith('.') and len(text) > 20 for text in declared.values())


def test_every_argument_is_used():
    used = {
        ast.literal_eval(call.args[0])
        for call in calls('LaunchConfiguration')
        if isinstance(call.args[0], ast.Constant)
    }
    (parameters,) = (
        ast.literal_eval(ast.Dict(node.value.keys, [ast.Constant(0)] * len(node.value.keys)))
        for node in ast.parse(PATH.read_text()).body
        if isinstance(node, ast.Assign) and node.targets[0].id == 'PARAMETERS'
    )
    assert used | set(parameters) == ARGUMENTS


def test_parameters_of_the_launch_file_are_parameters_of_the_node():
    pytest.importorskip('rclpy', reason='needs ROS 2')
    from dataclasses import fields

    from morngan_ros.parameters import Settings

    known = {entry.name for entry in fields(Settings)} | {'use_sim_time'}
    text = PATH.read_text()
    names = text[text.index('PARAMETERS = {') : text.index('}', text.index('PARAMETERS'))]
    listed = {line.split("'")[1] for line in names.splitlines() if "'" in line}
    assert listed
    assert listed <= known


def test_description_starts_the_node_with_the_profile(monkeypatch, tmp_path):
    # Not just 'launch': the folder of that name in the repository can be imported, too.
    pytest.importorskip('launch.actions', reason='needs ROS 2 launch, which has no wheel')
    from launch import LaunchContext
    from launch.actions import DeclareLaunchArgument
    from launch.actions import OpaqueFunction
    from launch.actions import SetEnvironmentVariable
    from launch.launch_description_sources import get_launch_description_from_python_launch_file
    from launch_ros.actions import Node

    monkeypatch.setenv(profile_variable(), '/my/profile.xml')
    description = get_launch_description_from_python_launch_file(str(PATH))
    context = LaunchContext()
    parameters = tmp_path / 'parameters.yaml'
    parameters.write_text('/**: {ros__parameters: {jpeg_quality: 50}}')
    context.launch_configurations['params_file'] = str(parameters)
    context.launch_configurations['provider'] = 'cpu'
    nodes: list[Node] = []
    for entity in description.entities:
        if isinstance(entity, DeclareLaunchArgument | SetEnvironmentVariable):
            entity.visit(context)
        elif isinstance(entity, OpaqueFunction):
            nodes += entity.visit(context) or []
    (node,) = nodes
    assert isinstance(node, Node)
    assert context.environment[profile_variable()] == '/my/profile.xml'
    assert (node.node_package, node.node_executable) == ('morngan_ros', 'colorize')
