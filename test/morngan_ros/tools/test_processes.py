"""Tests of tools.processes: nothing outlives its context."""

import os
from pathlib import Path
import signal
import time

import pytest

from morngan_ros.tools.support.processes import Child

PATIENCE = 30


def script(folder: Path, text: str) -> dict[str, str]:
    """Save a module `script`; returns an environment in which it can be imported."""
    (folder / 'script.py').write_text(text)
    return {**os.environ, 'PYTHONPATH': str(folder)}


def wait_for(path: Path) -> str:
    """Wait until a child has written a file; returns what it says."""
    deadline = time.monotonic() + PATIENCE
    while not (path.is_file() and path.read_text()):
        assert time.monotonic() < deadline, f'{path} was never written'
        time.sleep(0.02)
    return path.read_text()


def is_alive(pid: int) -> bool:
    """Whether a process still runs; a zombie that nobody has waited for does not."""
    try:
        return Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[0] != 'Z'
    except FileNotFoundError:
        return False


def test_exit_code_and_last_words(tmp_path):
    environment = script(tmp_path, 'print("first"); print("last words\\n\\n"); raise SystemExit(3)')
    with Child('child', ['script'], tmp_path / 'log', environment) as child:
        deadline = time.monotonic() + PATIENCE
        while child.exit_code is None and time.monotonic() < deadline:
            time.sleep(0.02)
    assert child.exit_code == 3
    assert child.last_words() == 'last words'


def test_a_polite_child_ends_by_sigint(tmp_path):
    ready = tmp_path / 'ready'
    text = f"""
import pathlib, signal, time
# A shell that starts tests in the background has them, and their children, ignore SIGINT.
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    pathlib.Path({str(ready)!r}).write_text('yes')
    time.sleep(600)
except KeyboardInterrupt:
    print('finished my file')
"""
    with Child('child', ['script'], tmp_path / 'log', script(tmp_path, text)) as child:
        wait_for(ready)
    assert child.exit_code == 0
    assert child.last_words() == 'finished my file'


@pytest.mark.skipif(not Path('/proc').is_dir(), reason='looks into /proc')
def test_a_stubborn_child_and_its_own_child_are_killed(tmp_path, monkeypatch):
    impatient = tuple((number, 0.2) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL))
    monkeypatch.setattr('morngan_ros.tools.support.processes._REQUESTS', impatient)
    ready = tmp_path / 'ready'
    text = f"""
import pathlib, signal, subprocess, sys, time
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
grandchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])
pathlib.Path({str(ready)!r}).write_text(str(grandchild.pid))
time.sleep(600)
"""
    with Child('child', ['script'], tmp_path / 'log', script(tmp_path, text)) as child:
        grandchild = int(wait_for(ready))
        assert is_alive(grandchild)
    assert child.exit_code == -signal.SIGKILL
    deadline = time.monotonic() + PATIENCE
    while is_alive(grandchild):
        assert time.monotonic() < deadline, 'the grandchild lives on'
        time.sleep(0.02)


def test_an_error_ends_the_child_too(tmp_path):
    environment = script(tmp_path, 'import time; time.sleep(600)')

    def fail() -> None:
        with Child('child', ['script'], tmp_path / 'log', environment) as started:
            children.append(started)
            raise RuntimeError('the demo failed')

    children: list[Child] = []
    with pytest.raises(RuntimeError, match='the demo failed'):
        fail()
    assert children[0].exit_code is not None
