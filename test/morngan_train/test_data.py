"""Crops that belong together, replayed by number; folders that are wrong are named."""

import cv2
import numpy as np
import pytest
import torch

from morngan_train.data.crops import Crop
from morngan_train.data.crops import CropError
from morngan_train.data.crops import draw_crop
from morngan_train.data.edges import canny
from morngan_train.data.enhance import enhance_day
from morngan_train.data.enhance import jitter_thermal
from morngan_train.data.enhance import tone_curve
from morngan_train.data.unpaired import DataError
from morngan_train.data.unpaired import UnpairedCrops
from morngan_train.recipe import DataRecipe
from morngan_train.recipe import DayEnhancement
from morngan_train.recipe import ThermalJitter


def test_a_draw_is_always_the_same(data, recipe):
    crops = UnpairedCrops(data, recipe.data, seed=3, aligned=True)
    for name, value in crops[7].items():
        assert torch.equal(value, crops[7][name])
    assert not torch.equal(crops[7]['night'], crops[8]['night'])
    other = UnpairedCrops(data, recipe.data, seed=4, aligned=True)
    assert not torch.equal(crops[7]['night'], other[7]['night'])


def test_shapes_and_ranges(data, recipe):
    sample = UnpairedCrops(data, recipe.data, seed=0, aligned=True)[0]
    for name in ('day', 'night', 'day_thermal'):
        assert sample[name].shape == (3, 64, 64)
        assert sample[name].min() >= -1
        assert sample[name].max() <= 1
    assert torch.equal(sample['night'][0], sample['night'][2])
    assert set(sample['day_edges'].unique().tolist()) <= {0.0, 1.0}


def test_partners_get_the_same_window(data):
    """The thermal partner is 255 − grey by construction: so must the crops be."""
    crops = UnpairedCrops(data, DataRecipe(crop=48), seed=0, aligned=True)
    for draw in range(8):
        sample = crops[draw]
        day = sample['day'].add(1).mul(127.5).round().byte().permute(1, 2, 0).numpy()
        thermal = sample['day_thermal'][0].add(1).mul(127.5).round().numpy()
        gray = cv2.cvtColor(day, cv2.COLOR_RGB2GRAY).astype(float)
        np.testing.assert_allclose(thermal, 255 - gray, atol=1)


def test_all_windows_and_both_flips_are_drawn():
    rng = np.random.default_rng(0)
    drawn = [draw_crop(66, 65, 64, (1.0, 1.0), rng) for _ in range(200)]
    assert {(c.top, c.left) for c in drawn} == {(t, s) for t in range(3) for s in range(2)}
    assert {c.flip for c in drawn} == {True, False}


def test_crop_scales_and_flips():
    image = np.arange(64, dtype=np.uint8).reshape(8, 8)
    assert np.array_equal(Crop(2, 1, 4, 4, True)(image), image[2:6, 1:5][:, ::-1])
    assert Crop(0, 0, 8, 4, False)(image).shape == (4, 4)


def test_small_pictures_are_enlarged_and_tiny_ones_refused():
    crop = draw_crop(40, 50, 64, (1.0, 1.0), np.random.default_rng(0))
    assert crop.side == 40
    assert crop(np.zeros((40, 50, 3), np.uint8)).shape == (64, 64, 3)
    with pytest.raises(CropError, match='3x40'):
        draw_crop(40, 3, 64, (1.0, 1.0), np.random.default_rng(0))


def test_tone_curve_reaches_the_mean():
    rng = np.random.default_rng(0)
    hazy = rng.integers(120, 200, (64, 64, 3), np.uint8)
    curve = tone_curve(hazy, DayEnhancement(low=1.0, high=99.0, mean=0.4))
    toned = enhance_day(hazy, curve, 1.0)
    assert toned.mean() / 255 == pytest.approx(0.4, abs=0.05)
    assert toned.min() < 5
    assert toned.max() > 250


def test_defaults_change_nothing():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (16, 16, 3), np.uint8)
    same = enhance_day(picture, tone_curve(picture, DayEnhancement()), 1.0)
    assert np.array_equal(same, picture)
    assert np.array_equal(jitter_thermal(picture[..., 0], ThermalJitter(), rng), picture[..., 0])


def test_saturation_keeps_grey_grey():
    grey = np.full((4, 4, 3), 90, np.uint8)
    curve = np.arange(256, dtype=np.uint8)
    assert np.array_equal(enhance_day(grey, curve, 2.0), grey)
    colored = enhance_day(np.full((1, 1, 3), (100, 120, 140), np.uint8), curve, 2.0)[0, 0]
    assert colored[2] - colored[0] == pytest.approx(80, abs=1)


def test_canny_finds_a_step_and_nothing_in_a_flat_picture():
    step = np.zeros((32, 32), np.uint8)
    step[:, 16:] = 100
    columns = np.flatnonzero(canny(step, 0.1, 0.2)[5:-5].all(0))
    assert len(columns) == 1
    assert columns[0] in (15, 16)
    assert not canny(np.full((32, 32), 9, np.uint8), 0.1, 0.2).any()


def test_wrong_folders_are_named(data, recipe, tmp_path):
    with pytest.raises(DataError, match='trainA'):
        UnpairedCrops(tmp_path / 'nowhere', recipe.data, 0, aligned=False)
    (data / 'trainA_thermal' / 'b.png').unlink()
    with pytest.raises(DataError, match=r'lacks the day thermal of 1 frames.*b\.png'):
        UnpairedCrops(data, recipe.data, 0, aligned=True)
    UnpairedCrops(data, recipe.data, 0, aligned=False)  # unpaired needs no partners
    (data / 'trainB' / 'x.png').write_bytes(b'not a picture')
    (data / 'trainB' / 'y.png').write_bytes(b'')
    with pytest.raises(DataError, match='cannot be decoded'):
        UnpairedCrops(data, recipe.data, 0, aligned=False)[0]
