"""Imports fall one way, ROS stays in its rooms, and no file grows too long."""

from collections.abc import Callable
from pathlib import Path
import shutil

import pytest
import rooms

ROOT = Path(__file__).parents[1]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The source, to be spoilt."""
    for package in rooms.PACKAGES:
        ignored = shutil.ignore_patterns('__pycache__')
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignored)
    return tmp_path


def add(path: Path, line: str) -> None:
    path.write_text(f'{path.read_text(encoding="utf-8")}\n{line}\n', encoding='utf-8')


def test_only_node_and_tools_import_ros() -> None:
    assert rooms.ros_outside_its_rooms(ROOT) == []


def test_training_needs_no_ros() -> None:
    assert rooms.ros_behind_training(ROOT) == []


def test_imports_fall_one_way() -> None:
    assert rooms.circle(ROOT) == []


def test_no_file_is_too_long() -> None:
    assert rooms.long_files(ROOT) == []


@pytest.mark.parametrize(
    ('check', 'file', 'line', 'words'),
    [
        (
            rooms.ros_outside_its_rooms,
            'morngan_ros/exposure/agc.py',
            'import rclpy',
            'morngan_ros/exposure/agc.py: rclpy',
        ),
        (
            rooms.ros_outside_its_rooms,
            'morngan_train/data/reading.py',
            '    import sensor_msgs.msg',
            'morngan_train/data/reading.py: sensor_msgs.msg',
        ),
        (
            rooms.ros_behind_training,
            'morngan_train/data/reading.py',
            'from morngan_ros.node.messages import to_image',
            'morngan_ros/node/messages.py',
        ),
        (
            rooms.circle,
            'morngan_train/losses/cycle.py',
            'from morngan_train.training.step import Step',
            'morngan_train/losses',
        ),
        (
            rooms.circle,
            'morngan_ros/exposure/agc.py',
            'from morngan_ros.pipeline import Pipeline',
            'morngan_ros/exposure',
        ),
        (rooms.long_files, 'morngan_ros/errors.py', '#\n' * 400, 'morngan_ros/errors.py: 4'),
    ],
)
def test_what_breaks_the_order_is_named(
    copy: Path, check: Callable[[Path], list[str]], file: str, line: str, words: str
) -> None:
    indented = f'if True:\n{line}' if line.startswith(' ') else line
    add(copy / file, indented)
    assert any(words in found for found in check(copy))
