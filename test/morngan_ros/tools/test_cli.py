"""Tests of what all commands say about what they left out: little, and all of it."""

import pytest

from morngan_ros.bags import DamageError
from morngan_ros.errors import FrameError
from morngan_ros.tools.support import cli


@pytest.fixture
def skipped() -> cli.Skipped:
    return cli.Skipped()


def test_nothing_left_out_is_nothing_to_tell(skipped, capsys):
    assert skipped.exit_code() == 0
    assert capsys.readouterr().err == ''


def test_thousands_of_frames_take_a_line_a_cause_and_a_count(skipped, capsys):
    for index in range(3000):
        cause = 'layout' if index % 3 else 'undecodable'
        skipped(f'{index}.png', FrameError(f'{index} is bad', cause))
    assert skipped.exit_code() == cli.INCOMPLETE
    assert capsys.readouterr().err.splitlines() == [
        'skipped 0.png: 0 is bad',
        'skipped 1.png: 1 is bad',
        '3000 frames were skipped (undecodable 1000, layout 2000): '
        '0.png, 3.png, 6.png, 9.png, 12.png and 2995 more',
    ]


def test_one_frame_is_named_once_however_often_it_is_read(skipped, capsys):
    for _ in range(5):
        skipped('a.png', FrameError('bad', 'layout'))
    assert len(skipped) == 1
    skipped.exit_code()
    assert capsys.readouterr().err.splitlines() == [
        'skipped a.png: bad',
        '1 frames were skipped: a.png',
    ]


def test_damage_of_a_recording_is_no_frame(skipped, capsys):
    skipped('the end of a.mcap', DamageError('cut', 'cut off'))
    skipped('/image message 3', FrameError('bad', 'layout'))
    assert skipped.exit_code() == cli.INCOMPLETE
    told = capsys.readouterr().err.splitlines()
    assert told[2:] == [
        '1 parts of the recording were skipped: the end of a.mcap',
        '1 frames were skipped: /image message 3',
    ]


def test_only_bags_are_replaced_whole(tmp_path):
    bag = tmp_path / 'bag'
    bag.mkdir()
    (bag / 'metadata.yaml').touch()
    (bag / 'bag_0.mcap').touch()
    (bag / 'notes.txt').touch()
    cli.claim_output(bag, 'in', overwrite=True)
    assert (bag / 'notes.txt').exists()
    (bag / 'notes.txt').unlink()
    cli.claim_output(bag, 'in', overwrite=True)
    assert not bag.exists()
