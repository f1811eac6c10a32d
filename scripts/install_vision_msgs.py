"""Build interfaces/vision_msgs into the running virtual environment.

vision_msgs is the one interface package of morngan_ros that PyPI does not have. Where a ROS
distribution provides it, this script does nothing; elsewhere it compiles the message
definitions of this repository against the ROS wheels of the environment, in about 20 seconds.

Usage: .venv/bin/python scripts/install_vision_msgs.py [--force]
"""

import argparse
import importlib.util
import os
from pathlib import Path
import re
import subprocess
import sys
import sysconfig
import tempfile

import check_host
import numpy as np

SOURCE = Path(__file__).resolve().parents[1] / 'interfaces' / 'vision_msgs'

# The wheels' exported CMake targets name the Python that they were built with, for example
# /opt/python/cp311-cp311/include/python3.11 and .../lib/python3.11/site-packages. The headers of
# numpy lie elsewhere in numpy 1.
BUILD_INCLUDE = re.compile(r'/opt/python/cp3\d+-cp3\d+/include/python3\.\d+')
BUILD_PACKAGES = re.compile(r'/opt/python/cp3\d+-cp3\d+/lib/python3\.\d+/site-packages')
BUILD_NUMPY = re.compile(r'(?<=site-packages/)numpy/_core/include')


def main() -> None:
    """Install vision_msgs unless it can be imported already."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--force', action='store_true', help='build even if it is installed')
    force = parser.parse_args().force
    installed = importlib.util.find_spec('vision_msgs')
    if installed is not None and not force:
        print(f'vision_msgs is there already: {installed.origin}')
        return
    require_virtual_environment()
    check_host.main()
    relocate_cmake_exports(Path(sys.prefix))
    build(Path(sys.prefix))
    print(f'vision_msgs is installed in {sys.prefix}')


def require_virtual_environment() -> None:
    """Stop rather than write into the Python of the system."""
    if sys.prefix == sys.base_prefix:
        raise SystemExit('vision_msgs: run this with the Python of a virtual environment')


def relocate_cmake_exports(prefix: Path) -> None:
    """Point the CMake exports of the wheels at the Python of this environment."""
    include = sysconfig.get_path('include')
    packages = sysconfig.get_path('platlib')
    numpy = Path(np.get_include()).relative_to(packages).as_posix()
    for path in prefix.glob('share/*/cmake/*.cmake'):
        text = path.read_text(encoding='utf-8')
        moved = BUILD_INCLUDE.sub(include, BUILD_PACKAGES.sub(packages, text))
        moved = BUILD_NUMPY.sub(numpy, moved)
        if moved != text:
            path.write_text(moved, encoding='utf-8')


def build(prefix: Path) -> None:
    """Configure, compile and install; show the log only when something fails."""
    with tempfile.TemporaryDirectory(prefix='vision_msgs-') as folder:
        run(
            'cmake',
            '-S',
            str(SOURCE),
            '-B',
            folder,
            '-G',
            'Ninja',
            '-DBUILD_TESTING=OFF',
            f'-DCMAKE_PREFIX_PATH={prefix}',
            f'-DCMAKE_INSTALL_PREFIX={prefix}',
            f'-DPython3_EXECUTABLE={sys.executable}',
        )
        run('cmake', '--build', folder)
        run('cmake', '--install', folder)


def run(*command: str) -> None:
    """Run a command with the tools of this environment first in the search path."""
    # The packages of a sourced ROS distribution must not be mixed with those of the wheels.
    hidden = ('AMENT_PREFIX_PATH', 'CMAKE_PREFIX_PATH', 'PYTHONPATH')
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    tools = sysconfig.get_path('scripts')
    environment['PATH'] = os.pathsep.join([tools, environment.get('PATH', os.defpath)])
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        sys.stderr.write(result.stdout[-8000:] + result.stderr[-8000:])
        raise SystemExit(f'vision_msgs: `{" ".join(command[:2])}` failed, see above')


if __name__ == '__main__':
    main()
