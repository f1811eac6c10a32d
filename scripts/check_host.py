"""Say what to install when this machine cannot build the environment.

Runs on the bare Python of the system, before anything is downloaded.
"""

import importlib.util
import os
from pathlib import Path
import shutil
import sys
import sysconfig

OLDEST = (3, 10)
NEWEST = (3, 14)


def missing_packages() -> list[str]:
    """Return the Debian packages that this machine lacks, empty when all is there."""
    missing = []
    if importlib.util.find_spec('ensurepip') is None:
        missing.append('python3-venv')
    # vision_msgs is compiled: it has no wheel.
    if shutil.which(os.environ.get('CXX', 'g++').split()[0]) is None:
        missing.append('g++')
    if not (Path(sysconfig.get_path('include')) / 'Python.h').is_file():
        missing.append('python3-dev')
    return missing


def main() -> None:
    """Stop with one message when something is missing.

    Raises:
        SystemExit: Python is too old or too new, or a package is missing.
    """
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        raise SystemExit(
            f'{sys.executable} is Python {sys.version_info[0]}.{sys.version_info[1]}, but '
            'the ROS wheels are for 3.10 to 3.14: make PYTHON=python3.12 ...'
        )
    if packages := missing_packages():
        raise SystemExit(f'This machine lacks some parts: sudo apt install {" ".join(packages)}')


if __name__ == '__main__':
    main()
