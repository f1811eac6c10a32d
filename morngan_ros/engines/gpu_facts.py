"""What an engine that was built here depends on: the GPU and the version of TensorRT."""

import ctypes
from importlib import metadata
from pathlib import Path
import shutil
import subprocess

UNKNOWN = 'unknown'

_DEVICE_TREE = Path('/proc/device-tree/model')
_LIBRARIES = ('libnvinfer.so.11', 'libnvinfer.so.10', 'libnvinfer.so.8', 'libnvinfer.so')
_WHEELS = ('tensorrt-cu13-libs', 'tensorrt-cu12-libs', 'tensorrt-libs', 'tensorrt')
_QUERY = ('--query-gpu=name,compute_cap', '--format=csv,noheader')


def describe_gpus(device_tree: Path = _DEVICE_TREE) -> str:
    """Name the GPUs of this machine with their compute capability.

    Args:
        device_tree: file with the name of the board; on a Jetson it tells more than nvidia-smi.

    Returns:
        For instance 'NVIDIA GeForce RTX 4070, 8.9'; several are joined by '; ', as which of them
        is used depends on the environment. 'unknown' where nothing can be told.
    """
    try:
        board = device_tree.read_text(errors='replace').rstrip('\0\n')
    except OSError:
        board = ''
    if 'Jetson' in board:
        return board
    command = shutil.which('nvidia-smi')
    if command is None:
        return UNKNOWN
    try:
        done = subprocess.run(
            [command, *_QUERY], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return UNKNOWN
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    return '; '.join(lines) or UNKNOWN


def tensorrt_version() -> str:
    """Ask the TensorRT library which version it is, or its wheel: '10.3.0', or 'unknown'."""
    for name in _LIBRARIES:
        try:
            number = ctypes.CDLL(name).getInferLibVersion()
        except (OSError, AttributeError):
            continue
        return version_text(number)
    for wheel in _WHEELS:
        try:
            return metadata.version(wheel)
        except metadata.PackageNotFoundError:
            continue
    return UNKNOWN


def version_text(number: int) -> str:
    """Read a version as TensorRT encodes it: 8602 is 8.6.2, and from 10 on 100300 is 10.3.0."""
    major_unit = 10_000 if number >= 10_000 else 1_000
    return f'{number // major_unit}.{number % major_unit // 100}.{number % 100}'
