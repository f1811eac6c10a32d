"""Files are whole or not there; digests tell what changed."""

import os
from pathlib import Path

import pytest

from morngan_train.files import content_digest
from morngan_train.files import state_digest
from morngan_train.files import write_text
from morngan_train.files import written_whole


def test_what_is_interrupted_leaves_the_file_before(tmp_path: Path) -> None:
    path = tmp_path / 'a.txt'
    write_text(path, 'before')

    def write_half() -> None:
        with written_whole(path) as partial:
            partial.write_text('half')
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert path.read_text() == 'before'
    assert [*tmp_path.iterdir()] == [path]


def test_a_digest_of_the_state_sees_any_change(tmp_path: Path) -> None:
    path = tmp_path / 'a.txt'
    path.write_text('one')
    before = state_digest([path])
    assert state_digest([path]) == before
    os.utime(path, ns=(1, 1))
    assert state_digest([path]) != before


def test_a_digest_of_the_content_does_not_depend_on_place_and_time(tmp_path: Path) -> None:
    for folder in ('a', 'b'):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / 'x').write_text('one')
    first, second = tmp_path / 'a' / 'x', tmp_path / 'b' / 'x'
    assert content_digest([first]) == content_digest([second])
    second.write_text('two')
    assert content_digest([first]) != content_digest([second])
