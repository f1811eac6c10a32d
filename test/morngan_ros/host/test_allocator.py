"""Buffers of frames stay with the process, and all threads share one arena."""

import itertools
from pathlib import Path
import platform
import subprocess
import sys

import pytest
from tiny_models import save_generator

glibc = pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='a setting of glibc')

# Takes and frees what a frame passes through 200 times; prints the pages faulted in for each.
FAULTS = """
import resource, sys, threading
from array import array
from morngan_ros.host.allocator import set_up_allocator
if sys.argv[1] == 'keep':
    assert set_up_allocator()
frame = bytes(640 * 512 * 3)
def work():
    for turn in range(220):
        if turn == 20:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        buffers = [array('B') for _ in range(4)]
        for buffer in buffers:
            buffer.frombytes(frame)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 200)
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""

# Lets four threads allocate; the C library prints its arenas to stderr.
ARENAS = """
import ctypes, sys, threading
from morngan_ros.host.allocator import set_up_allocator
if sys.argv[1] == 'keep':
    assert set_up_allocator()
ready = threading.Barrier(4)
def work():
    ready.wait()
    blocks = [bytearray(2**16) for _ in range(100)]
    ready.wait()
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
ctypes.CDLL(None).malloc_stats()
"""

# Takes what a model takes, something small above it, and frees the large one; prints the MiB left.
HOLE = """
import os
from morngan_ros.host import proc
from morngan_ros.host.allocator import set_up_allocator
assert set_up_allocator()
before = proc.read(os.getpid()).resident
large = bytearray(b'x') * (17 * 2**20)
small = [bytearray(b'x') * 2**18 for _ in range(4)]
del large
print((proc.read(os.getpid()).resident - before) / 2**20)
"""


def faults(mode: str) -> float:
    return float(run(FAULTS, mode).stdout)


def arenas(mode: str) -> int:
    return run(ARENAS, mode).stderr.count('Arena ')


def run(code: str, mode: str) -> 'subprocess.CompletedProcess[str]':
    command = [sys.executable, '-c', code, mode]
    return subprocess.run(command, capture_output=True, text=True, check=True)


@glibc
def test_frames_are_not_faulted_in_again_and_again():
    assert faults('keep') < 10
    assert faults('leave') > 100  # else the setting is of no use any more


@glibc
def test_threads_share_one_arena():
    assert arenas('keep') == 1
    assert arenas('leave') > 1  # else the setting is of no use any more


@glibc
def test_memory_of_a_model_leaves_no_hole():
    assert float(run(HOLE, '').stdout) < 5


@glibc
def test_node_keeps_to_one_arena(tmp_path):
    """Its libraries start a dozen threads; a few may allocate before it is set up."""
    pytest.importorskip('rclpy', reason='needs ROS 2')
    from ros_fixtures import colorizer

    save_generator(tmp_path / 'tiny.onnx')
    with colorizer(tmp_path, '/arenas', model=tmp_path / 'tiny.onnx') as process:
        process.wait_for_log('generator tiny runs on')
        assert reserved_arenas(process.pid) < 4


def reserved_arenas(pid: int) -> int:
    """Count the arenas that threads of a process have of their own.

    Each reserves 64 MiB of addresses, begins at a multiple of that, and can use the beginning.
    """
    size = 64 * 2**20
    spans = []
    for line in Path(f'/proc/{pid}/maps').read_text().splitlines():
        addresses, rights, *_ = line.split()
        begin, end = (int(address, 16) for address in addresses.split('-'))
        spans.append((begin, end, rights))
    return sum(
        (first[2], second[2]) == ('rw-p', '---p')
        and first[1] == second[0]
        and first[0] % size == 0
        and second[1] - first[0] == size
        for first, second in itertools.pairwise(spans)
    )
