"""What becomes a frame, and what is counted on the way."""

import cv2
import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from morngan_ros.errors import FrameError
from morngan_ros.images.crop import Crop
from morngan_ros.node.health import Health
from morngan_ros.node.intake import Intake
from morngan_ros.node.messages import to_image


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def intake(health: Health) -> Intake:
    return Intake(health, max_pixels=64 * 64)


def frame(second: int, *, side: int = 32, value: int = 7, dtype: type = np.uint8) -> Image:
    header = Header()
    header.stamp.sec = second
    encoding = 'mono8' if dtype is np.uint8 else 'mono16'
    return to_image(np.full((side, side), value, dtype), header, encoding)


def counts(health: Health) -> dict[str, int]:
    return health.snapshot()['counts']


def test_a_frame_is_read_as_it_is(intake: Intake, health: Health) -> None:
    np.testing.assert_array_equal(intake(frame(1)), np.full((32, 32), 7, np.uint8))
    assert counts(health) == {}


@pytest.mark.parametrize(('side', 'cause'), [(65, 'too large'), (15, 'empty')])
def test_sizes_that_no_generator_should_see(intake: Intake, side: int, cause: str) -> None:
    with pytest.raises(FrameError) as caught:
        intake(frame(1, side=side))
    assert caught.value.cause == cause


def test_the_limit_holds_for_compressed_frames_too(intake: Intake) -> None:
    data = cv2.imencode('.png', np.zeros((65, 65), np.uint8))[1].tobytes()
    with pytest.raises(FrameError) as caught:
        intake(CompressedImage(format='png', data=data))
    assert caught.value.cause == 'too large'
    intake.max_pixels = 65 * 65
    assert intake(CompressedImage(format='png', data=data)).shape == (65, 65)


def test_a_crop_is_made_before_all_else(intake: Intake, health: Health) -> None:
    picture = np.arange(32 * 32, dtype=np.uint16).reshape(32, 32)
    message = to_image(picture, frame(1).header, 'mono16')
    intake.crop = Crop(rows=(2, -4), columns=(0, 20))
    np.testing.assert_array_equal(intake(message), picture[2:28, :20])
    assert intake.window == (2, 28, 0, 20, 32, 32)
    assert counts(health) == {}


@pytest.mark.parametrize(
    ('crop', 'cause'),
    [
        (Crop(rows=(0, 33)), 'crop'),
        (Crop(columns=(-33, 0)), 'crop'),
        (Crop(rows=(20, -20)), 'crop'),
        (Crop(rows=(0, 15)), 'empty'),
    ],
)
def test_a_crop_that_leaves_no_picture_is_a_bad_frame(
    intake: Intake, crop: Crop, cause: str
) -> None:
    intake.crop = crop
    with pytest.raises(FrameError) as caught:
        intake(frame(1))
    assert caught.value.cause == cause


def test_the_same_message_again_is_refused(intake: Intake) -> None:
    intake(frame(1))
    with pytest.raises(FrameError) as caught:
        intake(frame(1))
    assert caught.value.cause == 'duplicate'


@pytest.mark.parametrize(
    'again',
    [frame(2), frame(1, value=8), frame(1, side=33)],
    ids=['later', 'other pixels', 'other size'],
)
def test_what_differs_in_stamp_or_pixels_is_no_repetition(intake: Intake, again: Image) -> None:
    intake(frame(1))
    intake(again)


def test_frames_without_stamps_are_never_repetitions(intake: Intake, health: Health) -> None:
    for _ in range(2):
        message = frame(0)
        intake(message)
        assert intake.seconds(message, came=12.5) == 12.5
    assert counts(health) == {'without stamp': 2}


def test_seconds_are_those_of_the_stamp(intake: Intake) -> None:
    message = frame(5)
    message.header.stamp.nanosec = 250_000_000
    assert intake.seconds(message, came=0.0) == 5.25


def test_changes_in_mid_stream_are_counted(intake: Intake, health: Health) -> None:
    intake(frame(3))
    intake(frame(4, side=48))
    intake(frame(5, side=48, dtype=np.uint16))
    assert counts(health) == {'size changed': 1, 'encoding changed': 1}


def jumps(intake: Intake, health: Health, times: list[tuple[float, float]]) -> dict[str, int]:
    """Show frames by stamp and arrival in seconds; returns what was counted."""
    for stamp, came in times:
        message = Image()
        message.header.stamp.sec, rest = divmod(round(stamp * 1e9), 10**9)
        message.header.stamp.nanosec = rest
        intake.seconds(message, came)
    return counts(health)


def live(begin: float, end: float, rate: float = 1.0) -> list[tuple[float, float]]:
    """Ten frames a second, played at a rate: stamps are 1000 seconds ahead of the arrivals."""
    numbers = range(round(begin * 10), round(end * 10))
    return [(1000 + number / 10, number / 10 / rate) for number in numbers]


@pytest.mark.parametrize(
    ('leap', 'name'), [(3.0, 'stamp jumped ahead'), (-0.5, 'stamp jumped back')]
)
def test_jumps_of_the_clock_are_counted_once(
    intake: Intake, health: Health, leap: float, name: str
) -> None:
    after = [(stamp + leap, came) for stamp, came in live(9, 12)]
    assert jumps(intake, health, live(0, 9) + after) == {name: 1}


@pytest.mark.parametrize(
    'times',
    [
        live(0, 9) + live(69, 79),
        live(0, 30, rate=8.0) + live(130, 160, rate=8.0),
        live(0, 30, rate=0.25) + live(130, 160, rate=0.25),
        live(0, 9) + [(stamp, came + 60) for stamp, came in live(9, 12)],
        [*live(0, 9), (1009.0, 14.0), (1009.1, 14.001), (1014.0, 14.002), *live(14.1, 18)],
    ],
    ids=['gap', 'quick bag with a gap', 'slow bag with a gap', 'paused bag', 'held up on the way'],
)
def test_what_is_no_jump_of_the_clock(
    intake: Intake, health: Health, times: list[tuple[float, float]]
) -> None:
    assert jumps(intake, health, times) == {}


def test_frames_without_stamps_between_are_no_jump(intake: Intake, health: Health) -> None:
    assert jumps(intake, health, [(1000, 0), (0, 1), (1100, 2)]) == {'without stamp': 1}
