"""Files that ship beside the code: in the source tree, or where colcon installed them."""

from collections.abc import Iterator
from importlib import import_module
import os
from pathlib import Path

from morngan_ros.errors import ModelError

DEFAULT_MODEL = 'morngan_context.onnx'
"""In int8, for processors."""

GPU_MODEL = 'morngan_context_fp32.onnx'
"""The same in float32, which GPUs run in fp16."""

_ON_GPU = {'tensorrt': 'TensorrtExecutionProvider', 'cuda': 'CUDAExecutionProvider'}

_PACKAGE = Path(__file__).resolve().parent


def shared_folders() -> Iterator[Path]:
    """Yield the folders in which `models/` and `config/` may lie, the source tree first."""
    yield _PACKAGE.parent
    for prefix in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep):
        if prefix:
            yield Path(prefix) / 'share' / _PACKAGE.name


def find_shared(name: str) -> Path | None:
    """Find a file by its path in the source tree, such as `config/fastdds.xml`."""
    return next((f / name for f in shared_folders() if (f / name).is_file()), None)


def default_model(provider: str = 'auto') -> Path:
    """Find the model that ships, in the source tree or where colcon installed it.

    Args:
        provider: What will run it; the int8 file is of no use to TensorRT and slow with CUDA.

    Returns:
        Path of an existing file.

    Raises:
        ModelError: there is none.
    """
    name = GPU_MODEL if _is_gpu(provider) else DEFAULT_MODEL
    path = find_shared(f'models/{name}')
    if path is None:
        folders = ', '.join(str(folder / 'models') for folder in shared_folders())
        raise ModelError(
            f'{name}: the model that ships was not found in {folders}; give the path of a model'
        )
    return path


def _is_gpu(provider: str) -> bool:
    """Whether a provider runs on a GPU; `auto` does if ONNX Runtime was built for one."""
    if provider != 'auto':
        return provider in _ON_GPU
    try:
        available = import_module('onnxruntime').get_available_providers()
    except ImportError:
        return False
    return any(name in available for name in _ON_GPU.values())
