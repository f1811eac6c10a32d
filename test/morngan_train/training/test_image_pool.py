"""The pool of earlier fakes."""

import torch

from morngan_train.training.image_pool import ImagePool


def numbered(i: int) -> torch.Tensor:
    return torch.full((1, 1, 1, 1), float(i))


def test_fills_first_and_then_swaps_half_of_the_time():
    torch.manual_seed(0)
    pool = ImagePool(10)
    assert [pool(numbered(i)).item() for i in range(10)] == list(range(10))
    given = [pool(numbered(i)).item() for i in range(10, 1010)]
    new = sum(value == i for value, i in zip(given, range(10, 1010), strict=True))
    assert 440 < new < 560
    old = [value for value, i in zip(given, range(10, 1010), strict=True) if value != i]
    assert len(set(old)) == len(old)  # what was given back has left the pool


def test_is_detached_and_restores():
    pool = ImagePool(2)
    fake = numbered(1).requires_grad_()
    assert not pool(fake).requires_grad
    other = ImagePool(2)
    other.load_state_dict(pool.state_dict())
    assert torch.equal(other.images[0], pool.images[0])


def test_size_zero_passes():
    assert ImagePool(0)(numbered(3)).item() == 3


def test_a_resumed_pool_gives_fakes_on_their_device():
    """A checkpoint comes back on the CPU; `meta` stands for a GPU."""
    pool = ImagePool(1)
    pool.load_state_dict({'images': [torch.zeros(3, 4, 4)]})
    torch.manual_seed(0)
    given = [pool(torch.zeros(1, 3, 4, 4, device='meta')).device.type for _ in range(20)]
    assert set(given) == {'meta'}
