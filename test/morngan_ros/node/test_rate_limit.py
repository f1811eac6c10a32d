"""The rate is kept on average, and a low one does not outlast its change."""

from morngan_ros.node.rate_limit import RateLimit


def passed(limit: RateLimit, rate: float, camera: float, seconds: float) -> int:
    return sum(limit.allows(100 + frame / camera, rate) for frame in range(round(camera * seconds)))


def test_rate_is_kept_on_average():
    assert passed(RateLimit(), 10.0, 30.0, 10.0) in (100, 101)
    assert passed(RateLimit(), 7.0, 30.0, 10.0) in (70, 71)
    assert passed(RateLimit(), 0.0, 30.0, 10.0) == 300
    assert passed(RateLimit(), 50.0, 30.0, 10.0) == 300


def test_after_a_gap_nothing_is_made_up_for():
    limit = RateLimit()
    assert limit.allows(0.0, 10.0)
    assert sum(limit.allows(60.0 + tick / 1000, 10.0) for tick in range(50)) <= 2


def test_reset_lets_the_next_frame_pass():
    limit = RateLimit()
    assert limit.allows(100.0, 0.001)
    assert not limit.allows(200.0, 0.001)
    limit.reset()
    assert limit.allows(200.1, 1000.0)
