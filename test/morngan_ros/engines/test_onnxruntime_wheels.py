"""Wheels of ONNX Runtime that overwrite each other are found and explained."""

import logging
from pathlib import Path
import sys
import types

import pytest

from morngan_ros.engines import onnxruntime_wheels
from morngan_ros.engines.onnxruntime_engine import import_onnxruntime
from morngan_ros.errors import ProviderError


def install(folder: Path, *wheels: str) -> None:
    """Write the metadata that pip leaves of each 'name version'."""
    for wheel in wheels:
        name, version = wheel.split()
        info = folder / f'{name.replace("-", "_")}-{version}.dist-info'
        info.mkdir(parents=True)
        (info / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n')


def test_finds_wheels_and_nothing_else(tmp_path: Path) -> None:
    install(tmp_path, 'onnxruntime_gpu 1.31.0', 'onnxruntime 1.32.0', 'onnxruntime-tools 1.7.0')
    (tmp_path / 'broken-1.0.dist-info').mkdir()
    assert onnxruntime_wheels.installed_wheels([str(tmp_path)]) == {
        'onnxruntime': '1.32.0',
        'onnxruntime-gpu': '1.31.0',
    }


def test_one_wheel_is_no_conflict(tmp_path: Path) -> None:
    install(tmp_path, 'onnxruntime-gpu 1.31.0')
    wheels = onnxruntime_wheels.installed_wheels([str(tmp_path)])
    assert onnxruntime_wheels.conflict(wheels) == ''


def test_conflict_names_both() -> None:
    text = onnxruntime_wheels.conflict({'onnxruntime': '1.32.0', 'onnxruntime-gpu': '1.31.0'})
    assert text.startswith('onnxruntime 1.32.0 and onnxruntime-gpu 1.31.0 are installed together')


@pytest.mark.parametrize(
    ('provider', 'wheels', 'words'),
    [
        ('cuda', {}, '`pip install onnxruntime-gpu`, or on a Jetson'),
        ('cpu', {}, '`pip install onnxruntime`'),
        (
            'cuda',
            {'onnxruntime': '1'},
            '`pip uninstall -y onnxruntime`, then `pip install onnxruntime-gpu`',
        ),
        (
            'tensorrt',
            {'onnxruntime': '1', 'onnxruntime-gpu': '1'},
            '`pip uninstall -y onnxruntime onnxruntime-gpu`, then `pip install onnxruntime-gpu`',
        ),
        ('tensorrt', {'onnxruntime-gpu': '1.31.0'}, 'has the right name'),
    ],
)
def test_cure_fits_what_is_there(provider: str, wheels: dict[str, str], words: str) -> None:
    assert words in onnxruntime_wheels.hint(provider, wheels)


def test_conflict_is_logged_once_and_part_of_the_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    onnxruntime = pytest.importorskip('onnxruntime')
    if 'CUDAExecutionProvider' in onnxruntime.get_available_providers():
        pytest.skip('this ONNX Runtime can use a GPU')
    install(tmp_path, 'onnxruntime 1.32.0', 'onnxruntime-gpu 1.31.0')
    monkeypatch.syspath_prepend(str(tmp_path))
    onnxruntime_wheels.warn_of_conflict.cache_clear()
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            with pytest.raises(ProviderError, match=r'overwrite each other.*pip uninstall -y onnx'):
                import_onnxruntime('cuda')
    onnxruntime_wheels.warn_of_conflict.cache_clear()
    assert [record.levelname for record in caplog.records] == ['WARNING']
    assert 'are installed together' in caplog.text


def test_remains_of_a_removed_wheel_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Uninstalling one of two wheels leaves an empty package behind."""
    monkeypatch.setitem(sys.modules, 'onnxruntime', types.ModuleType('onnxruntime'))
    with pytest.raises(ProviderError, match=r'provider cpu: .*get_available_providers'):
        import_onnxruntime('cpu')
