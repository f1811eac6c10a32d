"""The package installs where ament and ros2 run look for it."""

from dataclasses import fields
import importlib.util
import os
from pathlib import Path
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET

from package_sources import SOURCES
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


def colcon(workspace: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the colcon of this environment."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get('PATH', '')])
    return subprocess.run(
        ['colcon', *arguments],
        cwd=workspace,
        env={**os.environ, 'PATH': path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope='module')
def installed(tmp_path_factory) -> Path:
    """Build a copy of the package with colcon; returns the install prefix of the package."""
    if importlib.util.find_spec('colcon_core') is None:
        pytest.skip('needs colcon (make test installs it)')
    workspace = tmp_path_factory.mktemp('workspace')
    source = workspace / 'src' / 'morngan_ros'
    source.mkdir(parents=True)
    for name in SOURCES:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns('__pycache__')
            shutil.copytree(ROOT / name, source / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, source / name)
    done = colcon(workspace, 'build')
    assert done.returncode == 0, done.stdout + done.stderr
    return workspace / 'install' / 'morngan_ros'


def test_colcon_installs_what_ros2_looks_for(installed):
    share = installed / 'share'
    assert (share / 'ament_index/resource_index/packages/morngan_ros').is_file()
    own = share / 'morngan_ros'
    assert (own / 'package.xml').is_file()
    for folder in ('launch', 'config', 'config/sros2', 'models'):
        # Weights to train on from are of no use on a vehicle.
        files = (p for p in (ROOT / folder).iterdir() if p.is_file() and p.suffix != '.pt')
        sources = {p.name for p in files}
        copies = {p.name for p in (own / folder).iterdir() if p.is_file()} if sources else set()
        assert copies == sources


def test_training_is_not_installed_on_a_vehicle(installed):
    (packages,) = installed.glob('lib/python3*/site-packages')
    assert (packages / 'morngan_ros').is_dir()
    assert not (packages / 'morngan_train').exists()


def test_installed_node_runs(installed):
    """`ros2 run morngan_ros colorize` starts this file, with the environment of the workspace."""
    pytest.importorskip('rclpy', reason='needs ROS 2')
    (packages,) = installed.glob('lib/python3*/site-packages')
    paths = os.pathsep.join([str(packages), os.environ.get('PYTHONPATH', '')])
    done = subprocess.run(
        [
            sys.executable,
            str(installed / 'lib/morngan_ros/colorize'),
            *('--ros-args', '-p', 'image_transport:=pigeon'),
        ],
        cwd=installed,
        env={**os.environ, 'PYTHONPATH': paths},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "image_transport is 'pigeon', but must be one of raw, compressed" in done.stderr


def test_colcon_runs_the_tests_of_the_runtime(installed):
    """Of a few here; that of training is left out, though it would pass."""
    workspace = installed.parents[1]
    source = workspace / 'src' / 'morngan_ros'
    shutil.copy(ROOT / 'pyproject.toml', source)
    for name in ('morngan_ros/node/test_mailbox.py', 'morngan_train/recipe/test_choices.py'):
        (source / 'test' / name).parent.mkdir(parents=True)
        shutil.copy(ROOT / 'test' / name, source / 'test' / name)
    tested = colcon(workspace, 'test', '--return-code-on-test-failure')
    assert tested.returncode == 0, tested.stdout + tested.stderr
    result = colcon(workspace, 'test-result', '--all')
    names = re.findall(
        r'testcase classname="[\w.]*?\.test\.(\w+)',
        (workspace / 'build/morngan_ros/pytest.xml').read_text(),
    )
    assert set(names) == {'morngan_ros'}, names
    assert f'Summary: {len(names)} tests, 0 errors, 0 failures, 0 skipped' in result.stdout


def test_every_dependency_on_ros_is_in_package_xml():
    root = ET.parse(ROOT / 'package.xml').getroot()
    assert root.attrib['format'] == '3'
    declared = {element.text for element in root.findall('exec_depend')}
    imported = set()
    for path in (ROOT / 'morngan_ros').rglob('*.py'):
        imported |= set(re.findall(r'^(?:from|import) (\w+)', path.read_text(), re.MULTILINE))
    ros = {name for name in imported if name.endswith('_msgs') or name in ('rclpy', 'std_srvs')}
    assert ros
    assert ros <= declared


def test_version_and_people_stand_in_package_xml_alone():
    root = ET.parse(ROOT / 'package.xml').getroot()
    fields = {'--version': root.findtext('version'), '--url': root.findtext('url')}
    fields |= {'--author': root.findtext('author'), '--maintainer': root.findtext('maintainer')}
    fields['--maintainer-email'] = root.find('maintainer').get('email')
    command = [sys.executable, 'setup.py', '--quiet', *fields]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split('\n')[-len(fields) - 1 : -1] == list(fields.values())
    written = (ROOT / 'setup.py').read_text()
    assert not [value for value in fields.values() if value in written]


def test_what_comes_from_pip_has_the_keys_of_rosdep():
    """Those that rosdep has; what has none is named in the guide."""
    keys = {
        element.text for element in ET.parse(ROOT / 'package.xml').getroot().iter('exec_depend')
    }
    assert {'python3-onnxruntime-pip', 'python3-rosbags-pip'} <= keys
    guide = (ROOT / 'docs/install.md').read_text()
    for key in (key for key in keys if key.endswith('-pip')):
        assert re.search(rf'--skip-keys "[^"]*{key}', guide)


@pytest.mark.parametrize(
    ('version', 'fits'), [((3, 9), False), ((3, 10), True), ((3, 14), True), ((3, 15), False)]
)
def test_pythons_that_ros_has_wheels_for_are_accepted(monkeypatch, version, fits):
    monkeypatch.syspath_prepend(str(ROOT / 'scripts'))
    import check_host

    monkeypatch.setattr(check_host, 'missing_packages', list)
    monkeypatch.setattr(sys, 'version_info', type('Version', (tuple,), {})((*version, 0)))
    if fits:
        check_host.main()
    else:
        with pytest.raises(
            SystemExit, match=r'is Python 3\.\d+, but the ROS wheels are for 3.10 to'
        ):
            check_host.main()


def test_shipped_parameters_are_the_defaults_of_the_node():
    pytest.importorskip('rclpy', reason='needs ROS 2')
    from morngan_ros.node.parameters import Settings

    shipped = yaml.safe_load((ROOT / 'config' / 'colorize.yaml').read_text())
    values = shipped['/**']['ros__parameters']
    defaults = {
        entry.name: list(entry.default) if isinstance(entry.default, tuple) else entry.default
        for entry in fields(Settings)
    }
    assert values == defaults


@pytest.mark.parametrize(
    'name',
    ['runtime', 'gpu', 'ros-kilted', 'ros-jazzy', 'train', 'dev', 'ubuntu-22.04', 'ubuntu-24.04'],
)
def test_requirements_are_pinned_and_name_no_registry(name):
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text().splitlines()
    requirements = [line for line in lines if line and not line.startswith('#')]
    assert requirements
    for line in requirements:
        assert re.match(r'^[A-Za-z0-9._-]+==[0-9][0-9.a-z]*(;| |$)', line), line


def test_runtime_needs_no_torch():
    text = ''.join(
        (ROOT / 'requirements' / f'{name}.txt').read_text()
        for name in ('runtime', 'ros-kilted', 'ros-jazzy')
    )
    assert 'torch' not in text
    for path in (ROOT / 'morngan_ros').rglob('*.py'):
        assert not re.search(r'^\s*(import|from) torch\b', path.read_text(), re.MULTILINE), path
