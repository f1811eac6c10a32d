"""What a step found: read together, named when it is not finite."""

import pytest
import torch

from morngan_train.training.ledger import Ledger
from morngan_train.training.ledger import Means
from morngan_train.training.ledger import NonFiniteLossError

NAN, INFINITE = float('nan'), float('inf')


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(torch.device('cpu'))


def note(ledger: Ledger, step: int, norm: float = 1.0, **losses: float) -> None:
    ledger.losses(step, {name: torch.tensor(value) for name, value in losses.items()})
    ledger.gradients(step, {'generators': torch.tensor(norm)})


def test_means_over_the_steps_since_the_last_reading(ledger):
    note(ledger, 0, a=1.0, b=2.0)
    note(ledger, 1, a=3.0, b=4.0)
    assert ledger.read() == {'a': 2.0, 'b': 3.0}
    assert ledger.read() == {}
    note(ledger, 2, a=5.0)
    assert ledger.read() == {'a': 5.0}


@pytest.mark.parametrize(
    ('losses', 'norm', 'message'),
    [
        ({'a': 1.0, 'b': NAN}, 1.0, 'b is not finite at step 7'),
        ({'a': INFINITE, 'b': NAN}, NAN, 'a, b is not finite at step 7'),
        ({'a': 1.0, 'b': 1.0}, INFINITE, 'the gradient of the generators is not finite at step 7'),
    ],
)
def test_the_first_that_is_not_finite_is_named(ledger, losses, norm, message):
    note(ledger, 6, a=1.0, b=1.0)
    note(ledger, 7, norm, **losses)
    note(ledger, 8, NAN, a=NAN, b=NAN)
    assert ledger.spoilt == 1
    with pytest.raises(NonFiniteLossError, match=f'^{message}$') as caught:
        ledger.read()
    assert caught.value.step == 7
    assert ledger.spoilt == 0


def test_spoilt_stays_so_until_it_is_read(ledger):
    note(ledger, 0, a=1.0)
    assert ledger.spoilt == 0
    note(ledger, 1, a=NAN)
    note(ledger, 2, a=1.0)
    assert ledger.spoilt == 1


def test_means_of_an_epoch_weigh_readings_by_their_steps():
    """Ten steps of 1 and two of 4, read after the tenth and the twelfth: 18 / 12."""
    means = Means(100)
    for step in range(101, 110):
        means.read({}, step)
    means.read({'a': 1.0}, 110)
    means.read({}, 111)
    means.read({'a': 4.0}, 112)
    means.add({'b': 12.0}, 1)
    assert means.values() == {'a': 1.5, 'b': 1.0}
