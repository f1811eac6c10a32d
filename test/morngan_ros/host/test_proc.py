"""Figures of a process that is known."""

from multiprocessing.shared_memory import SharedMemory
import os
import subprocess
import sys
import threading

import pytest

from morngan_ros.host import proc


def test_threads_descriptors_memory_and_time_of_this_process(tmp_path):
    before = proc.read(os.getpid())
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    with (tmp_path / 'file').open('w'):
        ballast = bytearray(64 * 2**20)
        ballast[::4096] = b'x' * len(ballast[::4096])
        while proc.read(os.getpid()).cpu < before.cpu + 0.1:
            sum(range(10_000))
        after = proc.read(os.getpid())
    done.set()
    thread.join()
    assert after.threads == before.threads + 1
    assert after.descriptors == before.descriptors + 1
    assert 60 * 2**20 < after.resident - before.resident < 90 * 2**20


def test_shared_memory_is_told_apart():
    before = proc.read(os.getpid())
    memory = SharedMemory(create=True, size=16 * 2**20)
    try:
        memory.buf[::4096] = b'x' * len(memory.buf[::4096])
        after = proc.read(os.getpid())
    finally:
        memory.close()
        memory.unlink()
    assert 15 * 2**20 < after.shared - before.shared < 20 * 2**20
    assert after.resident - before.resident > 15 * 2**20
    assert after.shared < after.resident


def test_a_process_that_is_gone_is_an_os_error():
    child = subprocess.Popen([sys.executable, '-c', ''])
    child.wait()
    with pytest.raises(OSError, match='No such'):
        proc.read(child.pid)
