"""How much shared memory a profile gives."""

from pathlib import Path

import pytest

from morngan_ros.host.fastdds import profile_variable
from morngan_ros.host.fastdds import segment_bytes
from morngan_ros.host.fastdds import set_profile
from morngan_ros.host.fastdds import SHIPPED_SEGMENT
from morngan_ros.host.fastdds import too_large

DEFAULT = 512 * 1024
COLOR_640X512 = 640 * 512 * 3


def own(
    *,
    size: str = '3000',
    kind: str = 'SHM',
    used: str = 'mine',
    builtin: str = 'false',
    default: str = 'true',
    xmlns: str = '',
) -> str:
    """Write a profile with a transport of its own."""
    return (
        f'<dds xmlns="{xmlns}"><profiles><transport_descriptors><transport_descriptor>'
        f'<transport_id>mine</transport_id><type>{kind}</type>'
        f'<segment_size>{size}</segment_size></transport_descriptor></transport_descriptors>'
        f'<participant profile_name="p" is_default_profile="{default}"><rtps><userTransports>'
        f'<transport_id>{used}</transport_id></userTransports>'
        f'<useBuiltinTransports>{builtin}</useBuiltinTransports>'
        '</rtps></participant></profiles></dds>'
    )


def test_without_a_profile_it_is_less_than_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(profile_variable(), raising=False)
    assert segment_bytes() == DEFAULT < COLOR_640X512


def test_the_profile_that_ships_holds_many_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(profile_variable(), 'so that it is restored')
    monkeypatch.delenv(profile_variable())
    set_profile()
    assert segment_bytes() == SHIPPED_SEGMENT > 10 * COLOR_640X512


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        (own(), 3000),
        (own(xmlns='x'), 3000),
        (own(builtin='true'), DEFAULT),
        (own(builtin=''), DEFAULT),
        (own(default='false'), DEFAULT),
        (own(used='other'), DEFAULT),
        (own(size='much'), DEFAULT),
        (own(size=''), DEFAULT),
        (own(kind='UDPv4'), DEFAULT),
        ('<dds><segment_size>3000000</segment_size></dds>', DEFAULT),
        ('<dds/>', DEFAULT),
        ('<dds>', DEFAULT),
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


@pytest.mark.parametrize(
    ('image', 'segment', 'words'),
    [
        (COLOR_640X512, DEFAULT, ('do not fit into', 'lose most', 'config/fastdds.xml of morngan')),
        (18_000_000, SHIPPED_SEGMENT, ('do not fit twice', 'lose some', 'at least 36000000')),
        (40_000_000, SHIPPED_SEGMENT, ('do not fit into', 'lose most', 'at least 80000000')),
    ],
)
def test_the_cure_fits_the_frame(image, segment, words):
    said = too_large(image, segment)
    assert all(word in said for word in words), said
