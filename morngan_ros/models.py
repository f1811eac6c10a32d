"""Find the generator that ships with the package."""

from pathlib import Path

from morngan_ros.errors import ModelError
from morngan_ros.share import find_shared
from morngan_ros.share import shared_folders

DEFAULT_MODEL = 'morngan_compact.onnx'


def default_model() -> Path:
    """Find the model that ships, in the source tree or where colcon installed it.

    Returns:
        Path of an existing file.

    Raises:
        ModelError: there is none.
    """
    path = find_shared(f'models/{DEFAULT_MODEL}')
    if path is None:
        folders = ', '.join(str(folder / 'models') for folder in shared_folders())
        raise ModelError(
            f'{DEFAULT_MODEL}: the model that ships was not found in {folders}; '
            'give the path of a model'
        )
    return path
