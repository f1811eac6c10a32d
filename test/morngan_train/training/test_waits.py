"""How often a step would wait for a GPU: every number that the host asks a device for is a stall.

The device is a fake: a mode that sees every call of torch in Python. What torch draws without being
told a device is on the host, all else is on the device.
"""

from collections import Counter
from typing import Any

from lightning_fabric import Fabric
import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils.data import default_collate

from morngan_train.classes import Label
from morngan_train.data.memory import Memory
from morngan_train.data.pairing import Pick
from morngan_train.losses import collaborative_attention
from morngan_train.recipe import Recipe
from morngan_train.training.memory_writer import MemoryWriter
from morngan_train.training.segmentation import Segmentation
from morngan_train.training.step import Step
from morngan_train.training.trainer import open_data
from morngan_train.training.tuning import Tuning

METHODS = ('item', 'tolist', 'cpu', 'numpy', 'nonzero', 'unique', '__bool__', '__float__')
METHODS += ('__int__', '__index__', '__array__')
WAITS = {getattr(torch.Tensor, name): name.strip('_') for name in METHODS}
WAITS |= {torch.nonzero: 'nonzero', torch.tensor: 'tensor', torch.isin: 'isin'}


class FakeDevice(TorchFunctionMode):
    """Counts what waits.

    Attributes:
        waits: By the name of the function.
    """

    def __init__(self) -> None:
        self.waits: Counter[str] = Counter()
        self._on_host: list[torch.Tensor] = []  # kept alive, so that no other gets the same id

    def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        kwargs = kwargs or {}
        if func == torch.Tensor.is_cpu.__get__:  # a new object at every look
            return False
        if name := self._wait(func, args, kwargs):
            self.waits[name] += 1
        result = func(*args, **kwargs)
        if isinstance(result, torch.Tensor) and self._from_host(func, args, kwargs):
            self._on_host.append(result)
        return result

    def _wait(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
        if args and any(args[0] is tensor for tensor in self._on_host):
            return None
        if func is torch.Tensor.__getitem__ and _is_mask(args[1]):
            return 'mask'
        if func is torch.Tensor.__setitem__ and _is_mask(args[1]):
            return 'mask'
        if func is torch.Tensor.to and 'cpu' in args and not kwargs.get('non_blocking'):
            return 'to'
        return WAITS.get(func)

    def _from_host(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        tensors = [value for value in args if isinstance(value, torch.Tensor)]
        if not tensors:
            return func in (torch.rand, torch.randint) and 'device' not in kwargs
        return all(any(t is tensor for tensor in self._on_host) for t in tensors)


def _is_mask(key: Any) -> bool:
    keys = key if isinstance(key, tuple) else (key,)
    return any(isinstance(k, torch.Tensor) and k.dtype in (torch.bool, torch.uint8) for k in keys)


@pytest.fixture
def batch(tiny, shared_data):
    crops = open_data(tiny, shared_data)
    return default_collate([crops[Pick(draw)] for draw in range(4)])


def make(recipe: Recipe, log_every: int) -> Step:
    torch.manual_seed(0)
    return Step(recipe, Fabric(accelerator='cpu', devices=1), Tuning(log_every=log_every))


@pytest.fixture
def small_objects(monkeypatch):
    """People in both crops, so that ACA and its K-means are computed."""
    parse = Segmentation.__call__

    def labelled(self, *args):
        semantics = parse(self, *args)
        semantics.day_labels[:] = Label.PERSON
        semantics.night_labels[:] = Label.PERSON
        return semantics

    monkeypatch.setattr(Segmentation, '__call__', labelled)


PHASES = ['pairs', '0a', '0b', '1', '2', '3', '4']


@pytest.mark.usefixtures('small_objects')
def test_a_step_of_the_last_phase_waits_once(tiny, batch, monkeypatch):
    """For the sizes of the groups of ACA; losses are read at every tenth step, at once."""
    clustered = []
    real = collaborative_attention.cosine_kmeans
    monkeypatch.setattr(
        collaborative_attention, 'cosine_kmeans', lambda *a: (clustered.append(1), real(*a))[1]
    )
    step, phase = make(tiny, 10), tiny.phases[-1]
    writer = MemoryWriter(Memory(2))
    for number in range(1, 21):
        with FakeDevice() as device:
            values = step(batch, phase, 1)
            writer.note(number - 1, torch.cat(step.night_labels), batch)
        waits = dict(device.waits)
        if number > 2:  # then the memory is full: storing looks at what has been copied
            assert waits == {'tolist': 2 if number % 10 == 0 else 1}, number
        assert bool(values) == (number % 10 == 0)
    assert len(clustered) >= 20


@pytest.mark.parametrize('name', PHASES[:-1])
def test_steps_of_other_phases_wait_for_nothing(tiny, batch, name):
    phase = next(phase for phase in tiny.phases if phase.name == name)
    step = make(tiny, 10)
    for number in range(1, 11):
        with FakeDevice() as device:
            step(batch, phase, 1)
        assert dict(device.waits) == ({'tolist': 1} if number == 10 else {}), number


def test_the_fake_device_sees_what_waits():
    values = torch.ones(3)
    asking = [
        lambda: float(values[0]),
        lambda: bool((values > 0).all()),
        lambda: values[values > 0],
        lambda: values.to('cpu'),
        lambda: values.sum().item(),
        lambda: torch.tensor([1, 2], device='cpu'),
        lambda: int(torch.rand((), device='cpu')),
    ]
    for ask in asking:
        with FakeDevice() as device:
            ask()
        assert device.waits.total() == 1
    with FakeDevice() as device:
        _ = float(torch.rand(())), torch.rand(()) < 0.5 or None, int(torch.randint(4, ()))
        _ = values.sum(), values.to('cpu', non_blocking=True), values[torch.arange(2)]
    assert device.waits.total() == 0
