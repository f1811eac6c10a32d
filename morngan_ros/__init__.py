"""Turn nighttime thermal video into daytime colour, live, and detect road users in it."""

from importlib import import_module
from typing import Any
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from morngan_ros.engines import EngineOptions
    from morngan_ros.pipeline import Pipeline
    from morngan_ros.shipped import default_model

__all__ = ['EngineOptions', 'Pipeline', 'default_model']

# Imported on first use: launch files and commands need neither numpy nor OpenCV to start.
_ROOMS = {
    'EngineOptions': 'morngan_ros.engines',
    'Pipeline': 'morngan_ros.pipeline',
    'default_model': 'morngan_ros.shipped',
}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(import_module(_ROOMS[name]), name)
