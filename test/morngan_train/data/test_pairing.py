"""Night crops by memory: the right stage, and the same run for any loader and any interruption."""

import cv2
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from morngan_train.classes import Label
from morngan_train.data.memory import distribution
from morngan_train.data.memory import Memory
from morngan_train.data.memory import Window
from morngan_train.data.pairing import GuidedDraws
from morngan_train.data.pairing import LAG
from morngan_train.data.pairing import Pick
from morngan_train.data.unpaired import UnpairedCrops
from morngan_train.recipe.recipe import DataRecipe

pytestmark = pytest.mark.filterwarnings('ignore:This DataLoader will create 3 worker')

# What three workers run ahead at torch's prefetch factor of 2, and the step itself.
SHORT_LAG = 7
STEPS, EPOCH, BATCH = 70, 25, 2


class Days:
    """Day crops of one class each, by draw number."""

    def __init__(self, *classes, seed=0):
        self.classes = classes
        self.seed = seed

    def day_labels(self, draw):
        return np.full((8, 8), self.classes[draw % len(self.classes)], np.uint8)


def remember(memory, images, *, step=0, label=Label.PERSON):
    vector = distribution(np.array([[label]], np.uint8))
    for i in images:
        memory.store(i, Window(i, i + 1, 32), vector, step)


def picks(memory, first, last, *, days=None, batch_size=1, active=True, **options):
    days = days or Days(Label.PERSON)
    return list(GuidedDraws(days, memory, first, last, batch_size, active=active, **options))


def test_draws_are_numbered_over_steps_and_ranks():
    memory = Memory(4)
    sampler = GuidedDraws(Days(0), memory, 5, 8, 2, active=False)
    assert list(sampler) == [Pick(draw) for draw in range(10, 16)]
    assert len(sampler) == 6
    ranks = [picks(memory, 5, 7, batch_size=2, active=False, rank=r, world=3) for r in range(3)]
    assert [[p.draw for p in picked] for picked in ranks] == [
        [30, 31, 36, 37],
        [32, 33, 38, 39],
        [34, 35, 40, 41],
    ]


@pytest.mark.parametrize('images', [6, 7])
def test_stages_follow_what_is_stored(images):
    """Random below half, then only images that are missing, then the remembered partner."""
    memory = Memory(images)
    for stored in range(images):
        drawn = picks(memory, 100, 200)
        assert all(pick.window is None for pick in drawn)
        nights = {pick.night for pick in drawn}
        assert nights == ({None} if stored < images / 2 else set(range(stored, images)))
        remember(memory, [stored])
    drawn = picks(memory, 100, 200)
    assert {pick.night for pick in drawn} == set(range(images))
    assert all(pick.window == Window(pick.night, pick.night + 1, 32) for pick in drawn)


def test_an_inactive_sampler_ignores_a_full_memory():
    memory = Memory(2)
    remember(memory, [0, 1])
    assert picks(memory, 100, 103, active=False) == [Pick(100), Pick(101), Pick(102)]


def test_partners_hold_what_the_day_crop_holds():
    memory = Memory(9)
    remember(memory, [0, 1, 2])
    remember(memory, [3, 4, 5], label=Label.SIGN)
    remember(memory, [6, 7, 8], label=Label.ROAD)
    days = Days(Label.PERSON, Label.SIGN, Label.BUS, Label.CAR)
    drawn = picks(memory, 40, 80, days=days)
    nights = [{pick.night for pick in drawn if pick.draw % 4 == n} for n in range(4)]
    assert nights == [{0, 1, 2}, {3, 4, 5}, {None}, {None}]


def test_the_lag_is_exact():
    """An entry of step 50 is first used `lag` steps later."""
    memory = Memory(1)
    remember(memory, [0], step=50)
    drawn = picks(memory, 50, 60, lag=4)
    assert [pick.draw for pick in drawn if pick.window is not None] == list(range(54, 60))
    with pytest.raises(ValueError, match='at least 1, got 0'):
        picks(memory, 50, 60, lag=0)
    assert LAG > 16 * 2, 'sixteen workers, two steps ahead each'


def test_an_epoch_knows_all_that_was_stored_before_it():
    """Whatever the lag: no loader of this epoch ran ahead of its first step."""
    memory = Memory(2)
    remember(memory, [0], step=49)
    remember(memory, [1], step=50)
    drawn = picks(memory, 50, 56, lag=4, settled=50)
    assert [pick.night for pick in drawn[:4]] == [1] * 4, 'image 1 is missing'
    assert all(pick.window is not None for pick in drawn[4:])
    assert picks(memory, 53, 56, lag=4, settled=50) == drawn[3:], 'interrupted within the epoch'


def test_choices_depend_on_draw_and_seed_alone():
    memory = Memory(50)
    remember(memory, range(50))
    whole = picks(memory, 100, 140)
    assert picks(memory, 120, 140) == whole[20:]
    assert picks(memory, 100, 140, days=Days(Label.PERSON, seed=1)) != whole
    ranks = [picks(memory, 50, 70, rank=rank, world=2) for rank in (0, 1)]
    assert [pick for pair in zip(*ranks, strict=True) for pick in pair] == whole


@pytest.fixture
def crops(tmp_path):
    """Four labelled day pictures with something to look for, eleven night frames, 48x40."""
    rng = np.random.default_rng(0)
    for folder in ('trainA', 'trainB', 'masks_cityscapes'):
        (tmp_path / folder).mkdir()
    for i in range(4):
        cv2.imwrite(f'{tmp_path}/trainA/{i}.png', rng.integers(0, 256, (40, 48, 3), np.uint8))
        blocks = rng.choice((Label.ROAD, Label.PERSON, Label.SIGN), (5, 6)).astype(np.uint8)
        mask = np.kron(blocks, np.ones((8, 8), np.uint8))
        cv2.imwrite(f'{tmp_path}/masks_cityscapes/{i}.png', mask)
    for i in range(11):
        cv2.imwrite(f'{tmp_path}/trainB/{i:02}.png', rng.integers(0, 256, (40, 48), np.uint8))
    recipe = DataRecipe(crop=32, scale=(0.8, 1.0))
    return UnpairedCrops(tmp_path, recipe, seed=5, aligned=False, labelled=True)


def train(crops, memory, first, last, workers):
    """Run a loop that stores what it has seen after each step; return what it saw."""
    return [
        batch
        for epoch in range(first // EPOCH * EPOCH, last, EPOCH)
        for batch in train_epoch(
            crops, memory, max(first, epoch), min(last, epoch + EPOCH), workers, epoch
        )
    ]


def train_epoch(crops, memory, first, last, workers, settled):
    sampler = GuidedDraws(
        crops, memory, first, last, BATCH, active=True, settled=settled, top_k=2, lag=SHORT_LAG
    )
    seen = []
    loader = DataLoader(crops, batch_size=BATCH, sampler=sampler, num_workers=workers)
    for step, batch in enumerate(loader, first):
        seen.append(batch)
        for index, window in zip(batch['night_index'], batch['night_window'], strict=True):
            label = (Label.PERSON, Label.SIGN)[int(index) % 2]
            vector = distribution(np.array([[label, label, Label.ROAD, Label.LIGHT]], np.uint8))
            memory.store(int(index), Window(*window.tolist()), vector, step)
    return seen


def same(batch, other):
    return all(torch.equal(value, other[name]) for name, value in batch.items())


def test_a_run_is_the_same_for_any_number_of_workers(crops):
    runs = [train(crops, Memory(11), 0, STEPS, workers) for workers in (0, 1, 3)]
    guided = [int(batch['guided'].sum()) for batch in runs[0]]
    assert sum(guided[:10]) == 0, 'the memory is filling'
    assert sum(guided) > STEPS / 2, 'the memory guides'
    for run in runs[1:]:
        assert all(map(same, runs[0], run))


def test_a_run_goes_on_from_any_step(crops):
    whole = train(crops, Memory(11), 0, STEPS, workers=0)
    memory = Memory(11)
    for step in range(STEPS):
        resumed = Memory(11)
        resumed.load_state_dict(memory.state_dict())
        memory = resumed
        assert same(train(crops, memory, step, step + 1, workers=0)[0], whole[step])


@pytest.mark.parametrize('step', [9, 30])
def test_a_run_with_workers_goes_on(crops, step):
    """While the memory fills, and while it guides."""
    whole = train(crops, Memory(11), 0, STEPS, workers=0)
    before = Memory(11)
    train(crops, before, 0, step, workers=3)
    after = Memory(11)
    after.load_state_dict(before.state_dict())
    assert all(map(same, train(crops, after, step, STEPS, workers=3), whole[step:]))
