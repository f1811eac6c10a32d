"""The independent yardstick of the shared folder, which is not part of this repository."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def flir(shared: Path) -> Path:
    return shared / 'data' / 'flir'


@pytest.fixture
def yardstick(shared: Path) -> ModuleType:
    """Import score.py, which shares no code with ours."""
    pytest.importorskip('PIL')
    spec = importlib.util.spec_from_file_location('score', shared / 'tools' / 'score.py')
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
