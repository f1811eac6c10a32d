"""Finding the model that ships."""

from pathlib import Path

import pytest

from morngan_ros import shipped
from morngan_ros.errors import ModelError


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that is installed somewhere else, without models beside it."""
    folder = tmp_path / 'site-packages' / 'morngan_ros'
    folder.mkdir(parents=True)
    monkeypatch.setattr(shipped, '_PACKAGE', folder)
    monkeypatch.delenv('AMENT_PREFIX_PATH', raising=False)
    return folder


def put(folder: Path) -> Path:
    folder.mkdir(parents=True)
    path = folder / 'morngan_context.onnx'
    path.write_bytes(b'')
    return path


def test_source_tree_comes_first(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = put(tmp_path / 'prefix' / 'share' / 'morngan_ros' / 'models')
    monkeypatch.setenv('AMENT_PREFIX_PATH', f'{tmp_path / "other"}:{tmp_path / "prefix"}')
    assert shipped.default_model() == installed
    beside = put(package.parent / 'models')
    assert shipped.default_model() == beside


def test_absent_model_names_the_places(package: Path) -> None:
    with pytest.raises(ModelError, match=r'morngan_context\.onnx: .* not found in .*/models; give'):
        shipped.default_model()


@pytest.mark.parametrize(
    ('provider', 'built_for', 'name'),
    [
        ('auto', ['CPUExecutionProvider'], 'morngan_context.onnx'),
        ('auto', ['CUDAExecutionProvider', 'CPUExecutionProvider'], 'morngan_context_fp32.onnx'),
        ('tensorrt', ['CPUExecutionProvider'], 'morngan_context_fp32.onnx'),
        ('openvino', ['CUDAExecutionProvider'], 'morngan_context.onnx'),
    ],
)
def test_gpus_take_the_file_in_float32(
    monkeypatch: pytest.MonkeyPatch, provider: str, built_for: list[str], name: str
) -> None:
    """TensorRT refuses the int8 file, whose activations have a zero point."""
    onnxruntime = pytest.importorskip('onnxruntime')
    monkeypatch.setattr(onnxruntime, 'get_available_providers', lambda: built_for)
    assert shipped.default_model(provider).name == name
