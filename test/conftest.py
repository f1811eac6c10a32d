"""What several tests need: material that is not part of the repository, and tiny models."""

from pathlib import Path
import sys

import pytest

sys.path.insert(0, str(Path(__file__).parent))

SHARED = Path(__file__).resolve().parents[2] / 'shared'


@pytest.fixture
def shared() -> Path:
    """Folder of real data beside the repository; the test is skipped where there is none."""
    if not SHARED.is_dir():
        pytest.skip(f'needs the shared data folder {SHARED}')
    return SHARED
