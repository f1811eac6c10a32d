"""A Ray cluster of this machine alone, for tests, and its processes."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
import os
from pathlib import Path
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from typing import Any

import pytest

CORES = 2
PATIENCE = 120


def free_port() -> int:
    """Return a port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return int(probe.getsockname()[1])


@contextmanager
def local_ray() -> Iterator[str]:
    """Run a cluster of two cores for as long as the block lasts; give its address.

    Ray reports nothing, and listens on the loopback address behind a token. What is started in the
    block finds that token in its environment.
    """
    # Not imported here: Ray reads its switches when it is.
    if find_spec('ray') is None:
        pytest.skip('needs requirements/cluster.txt')
    # A short path: Ray's sockets lie deep in it.
    folder = Path(tempfile.mkdtemp(prefix='ray'))
    address = f'127.0.0.1:{free_port()}'
    with pytest.MonkeyPatch.context() as patched:
        # Jobs of tests find modules of tests.
        patched.setenv('PYTHONPATH', str(Path(__file__).parent))
        patched.setenv('RAY_AUTH_MODE', 'token')
        patched.setenv('RAY_AUTH_TOKEN', secrets.token_hex(32))
        patched.setenv('RAY_USAGE_STATS_ENABLED', '0')
        # Workers are as urgent as the test that waits for them.
        patched.setenv('RAY_worker_niceness', '0')
        # Ray's own switch for machines that shall not talk to others.
        patched.setenv('RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER', '0')
        head = _start(address, folder)
        try:
            yield address
        finally:
            _end(head)
            shutil.rmtree(folder, ignore_errors=True)


def _start(address: str, folder: Path) -> subprocess.Popen[bytes]:
    host, port = address.split(':')
    options: dict[str, Any] = {
        '--num-cpus': CORES,
        '--num-gpus': 0,
        '--node-ip-address': host,
        '--port': port,
        '--include-dashboard': False,
        '--temp-dir': folder,
        '--object-store-memory': 100_000_000,
    }
    words = [str(word) for option in options.items() for word in option]
    # By this Python: the first line of the script names the one that it was installed by.
    ray = Path(sys.executable).with_name('ray')
    log = folder / 'start.log'
    with log.open('wb') as file:
        head = subprocess.Popen(
            [sys.executable, ray, 'start', '--head', '--block', '--disable-usage-stats', *words],
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    deadline = time.monotonic() + PATIENCE
    while b'runtime started' not in log.read_bytes():
        assert head.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)
    return head


def _end(head: subprocess.Popen[bytes]) -> None:
    """End the cluster by its own way, then whatever is left of its session."""
    head.terminate()
    try:
        head.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(head.pid, signal.SIGKILL)
        head.wait()


def workers(name: str) -> list[int]:
    """List the processes that do a job of that name."""
    title = f'ray::{name}'.encode()
    found = []
    for file in Path('/proc').glob('[0-9]*/cmdline'):
        try:
            if file.read_bytes().rstrip(b'\0 ') == title:
                found.append(int(file.parent.name))
        except OSError:  # it has ended meanwhile
            continue
    return found
