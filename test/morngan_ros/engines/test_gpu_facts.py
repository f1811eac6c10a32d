"""What machines tell of their GPU and of TensorRT."""

import ctypes.util
from pathlib import Path

import pytest

from morngan_ros.engines import gpu_facts


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose nvidia-smi is a script that the test writes."""
    monkeypatch.setenv('PATH', f'{tmp_path}:/usr/bin:/bin')
    script = tmp_path / 'nvidia-smi'
    script.write_text('#!/bin/sh\necho "NVIDIA GeForce RTX 4070, 8.9"\n')
    script.chmod(0o755)
    return script


NO_BOARD = Path('/nowhere/model')


def test_desktop_asks_nvidia_smi(smi: Path) -> None:
    assert gpu_facts.describe_gpus(NO_BOARD) == 'NVIDIA GeForce RTX 4070, 8.9'


def test_every_gpu_counts(smi: Path) -> None:
    smi.write_text('#!/bin/sh\necho "NVIDIA A, 8.9"\necho "NVIDIA B, 9.0"\n')
    assert gpu_facts.describe_gpus(NO_BOARD) == 'NVIDIA A, 8.9; NVIDIA B, 9.0'


@pytest.mark.parametrize('body', ['exit 9', 'true'])
def test_driver_that_says_nothing_is_unknown(smi: Path, body: str) -> None:
    smi.write_text(f'#!/bin/sh\n{body}\n')
    assert gpu_facts.describe_gpus(NO_BOARD) == 'unknown'


def test_no_driver_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('PATH', str(tmp_path))
    assert gpu_facts.describe_gpus(NO_BOARD) == 'unknown'


def test_jetson_is_told_by_its_board(smi: Path, tmp_path: Path) -> None:
    board = tmp_path / 'model'
    board.write_bytes(b'NVIDIA Jetson AGX Orin Developer Kit\0')
    assert gpu_facts.describe_gpus(board) == 'NVIDIA Jetson AGX Orin Developer Kit'
    board.write_bytes(b'Raspberry Pi 5\0')
    assert gpu_facts.describe_gpus(board) == 'NVIDIA GeForce RTX 4070, 8.9'


@pytest.mark.parametrize(
    ('number', 'version'),
    [(8602, '8.6.2'), (8503, '8.5.3'), (100300, '10.3.0'), (101303, '10.13.3'), (110001, '11.0.1')],
)
def test_versions_are_read_in_both_codes(number: int, version: str) -> None:
    assert gpu_facts.version_text(number) == version


def test_wheel_tells_where_the_library_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if ctypes.util.find_library('nvinfer'):
        pytest.skip('this machine has TensorRT')
    info = tmp_path / 'tensorrt_cu12_libs-10.9.0.34.dist-info'
    info.mkdir()
    (info / 'METADATA').write_text('Name: tensorrt_cu12_libs\nVersion: 10.9.0.34\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    assert gpu_facts.tensorrt_version() == '10.9.0.34'
