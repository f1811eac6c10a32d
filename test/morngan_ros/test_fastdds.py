"""How much shared memory a profile gives."""

from pathlib import Path

import pytest

from morngan_ros.fastdds import profile_variable
from morngan_ros.fastdds import segment_bytes
from morngan_ros.fastdds import set_profile

DEFAULT = 512 * 1024
COLOR_640X512 = 640 * 512 * 3


def test_without_a_profile_it_is_less_than_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(profile_variable(), raising=False)
    assert segment_bytes() == DEFAULT < COLOR_640X512


def test_the_profile_that_ships_holds_many_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(profile_variable(), 'so that it is restored')
    monkeypatch.delenv(profile_variable())
    set_profile()
    assert segment_bytes() > 10 * COLOR_640X512


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('<dds><segment_size>1000</segment_size><segment_size>3000</segment_size></dds>', 3000),
        ('<dds xmlns="x"><segment_size>2000</segment_size></dds>', 2000),
        ('<dds/>', DEFAULT),
        ('<dds>', DEFAULT),
        ('<dds><segment_size>much</segment_size></dds>', DEFAULT),
    ],
)
def test_profiles_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: int
) -> None:
    profile = tmp_path / 'profile.xml'
    profile.write_text(text)
    monkeypatch.setenv(profile_variable(), str(profile))
    assert segment_bytes() == expected


def test_a_profile_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(profile_variable(), '/nowhere.xml')
    assert segment_bytes() == DEFAULT
