"""What several tests need: material that is not part of the repository, and tiny models."""

from pathlib import Path
import sys

import pytest

sys.path.insert(0, str(Path(__file__).parent))

SHARED = Path(__file__).resolve().parents[2] / 'shared'

SLOW = {
    'nodes and processes that talk over DDS': (
        'morngan_ros/node/test_autostart.py',
        'morngan_ros/node/test_colorize_node.py',
        'morngan_ros/node/test_interface.py',
        'morngan_ros/node/test_node_',
        'morngan_ros/node/test_respawn.py',
        'morngan_ros/node/test_subscriptions',
        'morngan_ros/node/test_transitions.py',
        'morngan_ros/node/test_wiring.py',
        'morngan_ros/test_security.py',
        'morngan_ros/tools/test_load_test.py',
        'morngan_ros/tools/test_processes.py',
        'morngan_ros/tools/test_replay',
        'morngan_ros/tools/test_ros.py',
        'morngan_ros/tools/test_soak.py',
        'morngan_ros/tools/test_status.py',
    ),
    'builds, launches, and compiles of models': (
        'morngan_ros/adapters/test_float_generator.py',
        'morngan_ros/launching/',
        'morngan_ros/test_packaging.py',
        'morngan_ros/tools/test_archive.py',
        'morngan_ros/tools/test_build_engine.py',
        'morngan_ros/tools/test_cluster.py',
        'morngan_ros/tools/test_colorize.py',
        'benchmarks/',
    ),
    'training runs, exports and whole evaluations': (
        'morngan_train/data/test_folders.py',
        'morngan_train/evaluation/test_evaluate.py',
        'morngan_train/evaluation/test_film.py',
        'morngan_train/evaluation/test_journal.py',
        'morngan_train/experiments/test_experiments.py',
        'morngan_train/experiments/test_kaist.py',
        'morngan_train/experiments/test_ray.py',
        'morngan_train/export/',
        'morngan_train/losses/test_gradients.py',
        'morngan_train/prepare/',
        'morngan_train/recipe/test_baselines.py',
        'morngan_train/report/',
        'morngan_train/scene_parser/test_training.py',
        'morngan_train/test_cli.py',
        'morngan_train/training/',
    ),
}
"""Files, by how their path begins, that `make check` leaves to `make test`."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of these files as slow."""
    begins = tuple(f'test/{begin}' for files in SLOW.values() for begin in files)
    for item in items:
        if item.nodeid.startswith(begins):  # the pytest of Ubuntu 22.04 knows no item.path
            item.add_marker('slow')


@pytest.fixture
def shared() -> Path:
    """Folder of real data beside the repository; the test is skipped where there is none."""
    if not SHARED.is_dir():
        pytest.skip(f'needs the shared data folder {SHARED}')
    return SHARED
