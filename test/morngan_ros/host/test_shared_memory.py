"""Segments of dead processes go, those of living ones stay."""

import fcntl
import os
from pathlib import Path
import time

import pytest

from morngan_ros.host.shared_memory import remove_leftovers

SIZE = 4096


def segment(folder: Path, name: str, age: float = 60.0) -> Path:
    """Make what Fast DDS leaves; returns the lock."""
    (folder / name).write_bytes(bytes(SIZE))
    lock = folder / f'{name}_el'
    lock.touch()
    os.utime(lock, (time.time() - age,) * 2)
    return lock


@pytest.mark.parametrize('kind', ['fastdds', 'fastrtps'])
def test_what_nobody_holds_is_removed(tmp_path, kind):
    segment(tmp_path, f'{kind}_0123456789abcdef')
    held = segment(tmp_path, f'{kind}_fedcba9876543210')
    with held.open('r+b') as owner:
        fcntl.flock(owner, fcntl.LOCK_EX)
        assert remove_leftovers(tmp_path) == SIZE
        left = {path.name for path in tmp_path.iterdir()}
    assert left == {f'{kind}_fedcba9876543210', f'{kind}_fedcba9876543210_el'}


def test_young_segments_and_files_of_others_stay(tmp_path):
    segment(tmp_path, 'fastdds_0123456789abcdef', age=1.0)
    segment(tmp_path, 'fastdds_port7411')  # Fast DDS takes ports over by itself
    segment(tmp_path, 'other_0123456789abcdef')
    before = sorted(tmp_path.iterdir())
    assert remove_leftovers(tmp_path) == 0
    assert sorted(tmp_path.iterdir()) == before


def test_a_lock_without_its_segment_goes_and_no_folder_is_no_error(tmp_path):
    lock = segment(tmp_path, 'fastdds_0123456789abcdef')
    (tmp_path / 'fastdds_0123456789abcdef').unlink()
    assert remove_leftovers(tmp_path) == 0
    assert not lock.exists()
    assert remove_leftovers(tmp_path / 'none') == 0
