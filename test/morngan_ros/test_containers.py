"""Every path, stage, program and requirement that the files for containers name exists.

No image is built here: there is no daemon of Docker where the tests run.
"""

from fnmatch import fnmatch
from itertools import pairwise
import json
from pathlib import Path
import re
import subprocess

from package_sources import SOURCES
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / 'docker'
MACHINES = ('cpu', 'gpu', 'jetpack6', 'jetpack7')
SCRIPTS = sorted(DOCKER.glob('*.sh'))
COMPOSE = {path.name: yaml.safe_load(path.read_text()) for path in DOCKER.glob('compose*.yaml')}
COMMANDS = [service['command'] for service in COMPOSE['compose.yaml']['services'].values()] + [
    COMPOSE['compose.yaml']['services']['node']['healthcheck']['test'][1:]
]


def instructions() -> list[tuple[str, str]]:
    """Read the Dockerfile as pairs such as ('RUN', 'a && b'); comments and line ends are gone."""
    text = re.sub(r'^\s*#.*\n', '', (DOCKER / 'Dockerfile').read_text(), flags=re.MULTILINE)
    lines = text.replace('\\\n', ' ').splitlines()
    return [tuple(line.split(maxsplit=1)) for line in lines if line]


def stages() -> dict[str, list[tuple[str, str]]]:
    """Return the instructions of each stage, its FROM first."""
    found = {}
    for kind, rest in instructions():
        if kind == 'FROM':
            name = rest.split(' AS ')[1]
            found[name] = []
        if found:
            found[name].append((kind, rest))
    return found


def parent(stage: str) -> str:
    return stages()[stage][0][1].split(' AS ')[0]


def sources() -> set[str]:
    """Paths of the repository that the Dockerfile copies or mounts."""
    found = set()
    for kind, rest in instructions():
        if kind == 'COPY' and not rest.startswith('--from'):
            found |= set(rest.split()[:-1])
        for mount in re.findall(r'--mount=(\S+)', rest):
            options = dict(option.split('=') for option in mount.split(','))
            if options['type'] == 'bind':
                found.add(options['source'])
    return found


def carried(path: Path) -> bool:
    """Whether .dockerignore lets a file through: the last pattern that fits it decides."""
    lines = (ROOT / '.dockerignore').read_text().splitlines()
    inside = path.relative_to(ROOT)
    answer = True
    for line in (line for line in lines if line and not line.startswith('#')):
        pattern = line.removeprefix('!').removeprefix('**/')
        places = (inside, *inside.parents) if '**/' not in line else map(Path, inside.parts)
        if any(fnmatch(str(place), pattern) for place in places if str(place) != '.'):
            answer = line.startswith('!')
    return answer


def test_sources_exist_and_are_sent_to_docker():
    assert sources() >= {'.', 'requirements', 'package.xml', 'docker/entrypoint.sh'}
    for source in sources():
        path = ROOT / source
        assert path.exists(), source
        if source != '.':
            files = [path] if path.is_file() else [p for p in path.rglob('*') if p.is_file()]
            assert files
            assert all(carried(file) for file in files), source


def test_docker_gets_what_the_package_is_built_from_and_no_more():
    sent = {path.name for path in ROOT.iterdir() if carried(path)}
    assert sent == {*SOURCES, 'docker'}
    assert not any(carried(path) for path in (ROOT / 'models').glob('*.pt'))
    assert not carried(ROOT / 'morngan_ros/tools/__pycache__')


def test_every_stage_that_is_named_exists():
    known = stages()
    for machine in MACHINES:
        assert f'{machine}-base' in known
    for stage in known:
        base = parent(stage)
        assert base in (*known, '${MACHINE}-base') or re.search(r'[:/]', base), base
    for _, rest in instructions():
        for stage in re.findall(r'--from=(\S+)', rest):
            assert stage in known, stage
    page = (ROOT / 'docs/containers.md').read_text()
    rows = re.findall(r'^\| `([a-z]\w+)` \| (.*?) \|', page.split('## Run')[0], flags=re.MULTILINE)
    assert tuple(machine for machine, _ in rows) == MACHINES
    images = {parent(stage) for stage in known if re.search(r'[:/]', parent(stage))}
    named = set(re.findall(r'`([\w./-]+:[\w.-]+)`', str(rows)))
    assert named == {image.replace('${ROS_DISTRO}', 'jazzy') for image in images}


@pytest.mark.parametrize('stage', ['dev', 'node', 'bridge'])
def test_nothing_runs_as_root(stage):
    users = [rest for kind, rest in stages()[stage] if kind == 'USER']
    assert users[-1] == 'morngan'
    assert re.search(r'useradd .* morngan', str(stages()['dependencies']))


def test_what_pip_installs_has_the_versions_that_are_tested():
    """Every name has one pin in each file of an Ubuntu, or in the one of the GPU."""
    variants = {
        rest.split('=')[1] for kind, rest in instructions() if rest.startswith('ONNXRUNTIME=')
    }
    assert variants == {'onnxruntime', 'onnxruntime-gpu', '/wheels/onnxruntime*.whl'}
    commands = [rest for kind, rest in instructions() if kind == 'RUN' and 'pip install' in rest]
    assert commands
    for command in commands:
        words = command.split('pip install')[1].split('&&')[0].replace('"', '').split()
        files = [word for before, word in pairwise(words) if before == '-c']
        names = {word for word in words if re.fullmatch(r'[a-z-]+', word) and word != '-c'}
        names |= {v for v in variants if '/' not in v} if '${ONNXRUNTIME}' in words else set()
        for version in ('22.04', '24.04'):
            pins = ''
            for file in files:
                path = ROOT / file.replace('${VERSION_ID}', version).lstrip('/')
                pins += path.read_text()
            for name in names:
                assert re.search(rf'^{name}==', pins, flags=re.MULTILINE), (name, version)


def test_rosdep_skips_the_same_keys_as_in_the_guide():
    skipped = re.compile(r"""--skip-keys ["']([^"']+)["']""")
    (ours,) = skipped.findall((DOCKER / 'install_ros.sh').read_text())
    assert {ours} == set(skipped.findall((ROOT / 'docs/install.md').read_text()))


@pytest.mark.parametrize('name', sorted(COMPOSE))
def test_compose_names_what_exists(name):
    services = COMPOSE[name]['services']
    assert set(services) <= {'camera', 'node', 'bridge'}
    for service in services.values():
        if build := service.get('build'):
            assert (DOCKER / build['context'] / build['dockerfile']).is_file()
            assert build['target'] in stages()
            arguments = {rest.split('=')[0] for kind, rest in instructions() if kind == 'ARG'}
            assert set(build['args']) <= arguments


def test_containers_share_the_memory_of_fast_dds():
    services = COMPOSE['compose.yaml']['services']
    assert set(services) == {'camera', 'node', 'bridge'}
    assert {s['ipc'] for s in services.values()} == {'host'}
    assert {s['network_mode'] for s in services.values()} == {'host'}


@pytest.mark.parametrize('command', COMMANDS, ids=' '.join)
def test_programs_and_launch_files_exist(command):
    if command[0] == '/entrypoint.sh':
        command = command[1:]
    if command[2] != 'morngan_ros':
        assert command[2:4] == ['foxglove_bridge', 'foxglove_bridge_launch.xml']
        return
    if command[1] == 'run':
        assert f"'{command[3]} = " in (ROOT / 'setup.py').read_text()
        return
    declared = (ROOT / 'launch' / command[3]).read_text()
    for argument in command[4:]:
        assert f"'{argument.split(':=')[0]}'" in declared, argument


def test_the_node_listens_to_the_camera():
    services = COMPOSE['compose.yaml']['services']
    topic = services['camera']['command'][-1]
    assert f'image:={topic}' in services['node']['command']


def test_devcontainer_names_what_exists():
    folder = ROOT / '.devcontainer'
    settings = json.loads((folder / 'devcontainer.json').read_text())
    build = settings['build']
    assert (folder / build['dockerfile']).resolve() == DOCKER / 'Dockerfile'
    assert (folder / build['context']).resolve() == ROOT
    assert build['target'] in stages()
    assert f'target={settings["workspaceFolder"]},' in settings['workspaceMount']
    assert settings['remoteUser'] == 'morngan'
    assert settings['runArgs'] == ['--network=host', '--ipc=host']


@pytest.mark.parametrize('script', SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_written_for_bash(script):
    assert script.read_text().startswith('#!/usr/bin/env bash\n')
    subprocess.run(['bash', '-n', script], check=True)
    assert script.stat().st_mode & 0o111
