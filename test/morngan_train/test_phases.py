"""The schedule as data."""

import pytest

from morngan_train.phases import phase_at
from morngan_train.phases import total_epochs
from morngan_train.recipe import Phase

SCHEDULE = [Phase(name='0a', epochs=10, ssim=0.0), Phase(name='0b', epochs=5)]


def test_a_phase_of_ten_epochs_is_active_in_epochs_one_to_ten():
    names = [phase_at(SCHEDULE, epoch).name for epoch in range(1, 16)]
    assert names == ['0a'] * 10 + ['0b'] * 5
    assert total_epochs(SCHEDULE) == 15


@pytest.mark.parametrize('epoch', [0, 16])
def test_outside_of_the_schedule(epoch):
    with pytest.raises(IndexError):
        phase_at(SCHEDULE, epoch)
