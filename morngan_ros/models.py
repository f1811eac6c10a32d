"""Find the generator that ships with the package."""

from importlib import import_module
from pathlib import Path

from morngan_ros.errors import ModelError
from morngan_ros.share import find_shared
from morngan_ros.share import shared_folders

DEFAULT_MODEL = 'morngan_context.onnx'
"""In int8, for processors."""

GPU_MODEL = 'morngan_context_fp32.onnx'
"""The same in float32, which GPUs run in fp16."""

_ON_GPU = {'tensorrt': 'TensorrtExecutionProvider', 'cuda': 'CUDAExecutionProvider'}


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
