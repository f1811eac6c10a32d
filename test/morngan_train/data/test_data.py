"""Crops that belong together, replayed by number; folders that are wrong are named."""

from dataclasses import replace
import shutil

import cv2
import numpy as np
from preparing import run
import pytest
import torch

from morngan_ros.exposure.agc import SAMPLE
from morngan_train.classes import Label
from morngan_train.classes import PALETTE
from morngan_train.data.crops import Crop
from morngan_train.data.crops import CropError
from morngan_train.data.crops import draw_crop
from morngan_train.data.crops import focus
from morngan_train.data.edges import canny
from morngan_train.data.enhance import enhance_day
from morngan_train.data.enhance import jitter_thermal
from morngan_train.data.enhance import tone_curve
from morngan_train.data.memory import Window
from morngan_train.data.pairing import Pick
from morngan_train.data.reading import DataError
from morngan_train.data.reading import read_thermal
from morngan_train.data.unpaired import UnpairedCrops
from morngan_train.labels.denoising import denoise_day
from morngan_train.labels.fusion import fuse
from morngan_train.recipe.recipe import DataRecipe
from morngan_train.recipe.recipe import DayEnhancement
from morngan_train.recipe.recipe import LabelRecipe
from morngan_train.recipe.recipe import ThermalJitter

CLASSES = [label for label in Label if label != Label.RIDER]  # riders are fused with persons


@pytest.fixture
def labelled(data):
    """Day pictures painted in the colours of their labels, in blocks of eight pixels."""
    rng = np.random.default_rng(1)
    shutil.rmtree(data / 'masks_coco')
    for name in 'abc':
        blocks = rng.choice([*CLASSES, 255], (12, 15)).astype(np.uint8)
        mask = np.kron(blocks, np.ones((8, 8), np.uint8))
        cv2.imwrite(str(data / 'masks_cityscapes' / f'{name}.png'), mask)
        cv2.imwrite(str(data / 'trainA' / f'{name}.png'), PALETTE[mask][..., ::-1])
    return data


def load(root, recipe=None, **options):
    """Open a data folder with crops of 48 pixels, without changes of contrast."""
    options = {'aligned': False} | options
    return UnpairedCrops(root, recipe or DataRecipe(crop=48), seed=0, **options)


def pixels(image):
    """Undo image_tensor: float32 [3, S, S] -> uint8 [S, S, 3]."""
    return image.add(1).mul(127.5).round().byte().permute(1, 2, 0).numpy()


def test_a_draw_is_always_the_same(data, recipe):
    crops = UnpairedCrops(data, recipe.data, seed=3, aligned=True)
    for name, value in crops[Pick(7)].items():
        assert torch.equal(value, crops[Pick(7)][name])
    assert not torch.equal(crops[Pick(7)]['night'], crops[Pick(8)]['night'])
    other = UnpairedCrops(data, recipe.data, seed=4, aligned=True)
    assert not torch.equal(crops[Pick(7)]['night'], other[Pick(7)]['night'])


def test_shapes_and_ranges(data, recipe):
    sample = UnpairedCrops(data, recipe.data, seed=0, aligned=True)[Pick(0)]
    for name in ('day', 'night', 'day_thermal'):
        assert sample[name].shape == (3, 64, 64)
        assert sample[name].dtype == torch.float32
        assert sample[name].min() >= -1
        assert sample[name].max() <= 1
    assert torch.equal(sample['night'][0], sample['night'][2])
    assert set(sample['day_edges'].unique().tolist()) <= {0.0, 1.0}
    assert sample['day_edges'].shape == sample['night_edges'].shape == (1, 64, 64)
    assert sample['day_labels'].dtype == torch.int64
    assert torch.equal(sample['day_labels'], torch.full((64, 64), 255)), 'not labelled'
    assert sample['night_window'].shape == (3,)


def test_partners_get_the_same_window(data):
    """The thermal partner is 255 − grey by construction: so must the crops be."""
    crops = load(data, aligned=True)
    for draw in range(8):
        sample = crops[Pick(draw)]
        gray = cv2.cvtColor(pixels(sample['day']), cv2.COLOR_RGB2GRAY).astype(float)
        thermal = pixels(sample['day_thermal'])[..., 0]
        np.testing.assert_allclose(thermal, 255 - gray, atol=1)


# Night crops that the memory picks ---------------------------------------------------------------


def test_a_picked_night_crop_leaves_the_day_crop_alone(data, recipe):
    crops = UnpairedCrops(data, recipe.data, seed=0, aligned=True)
    drawn = crops[Pick(7)]
    for pick in (Pick(7, 0), Pick(7, 1), Pick(7, 1, Window(3, 4, 70))):
        sample = crops[pick]
        assert all(torch.equal(sample[k], drawn[k]) for k in drawn if k.startswith('day'))
        assert sample['night_index'] == pick.night
        assert sample['guided'] == (pick.window is not None)
    j = int(drawn['night_index'])
    assert all(torch.equal(value, drawn[k]) for k, value in crops[Pick(7, j)].items())
    assert not torch.equal(crops[Pick(7, 1 - j)]['night'], drawn['night'])


def test_a_remembered_window_is_cut_again_with_a_fresh_flip(data):
    crops = load(data)
    window = Window(20, 31, 48)
    frame = cv2.imread(str(data / 'trainB' / 'y.png'), cv2.IMREAD_GRAYSCALE)[20:68, 31:79]
    flips = set()
    for draw in range(12):
        sample = crops[Pick(draw, 1, window)]
        assert sample['night_window'].tolist() == [20, 31, 48]
        night = pixels(sample['night'])[..., 0]
        flipped = np.array_equal(night, frame[:, ::-1])
        assert flipped or np.array_equal(night, frame)
        np.testing.assert_array_equal(
            sample['night_edges'][0] * 255, canny(np.ascontiguousarray(night), 0.1, 0.2)
        )
        flips.add(flipped)
    assert flips == {True, False}


def test_the_window_of_a_drawn_crop_can_be_replayed(data, recipe):
    """What the trainer remembers of a sample gives the same crop in the same draw."""
    crops = UnpairedCrops(data, recipe.data, seed=0, aligned=False)
    drawn = crops[Pick(3)]
    again = crops[Pick(3, int(drawn['night_index']), Window(*drawn['night_window'].tolist()))]
    assert torch.equal(again['night'], drawn['night'])


# Labels ------------------------------------------------------------------------------------------


def test_labels_are_cut_and_flipped_with_the_picture(labelled):
    crops = load(labelled, labelled=True, denoise=False)
    for draw in range(8):
        sample = crops[Pick(draw)]
        labels = sample['day_labels'].numpy().astype(np.uint8)
        np.testing.assert_array_equal(PALETTE[labels], pixels(sample['day']))


@pytest.mark.parametrize('scale', [0.6, 1.7])
def test_labels_are_scaled_with_the_picture(labelled, scale):
    """No new ids; where no border blurs the colours, they are those of the labels."""
    crops = load(labelled, DataRecipe(crop=48, scale=(scale, scale)), labelled=True, denoise=False)
    for draw in range(4):
        sample = crops[Pick(draw)]
        labels = sample['day_labels'].numpy().astype(np.uint8)
        assert set(np.unique(labels)) <= {*CLASSES, 255}
        inside = np.ones((3, 3), np.uint8)
        flat = cv2.erode(labels, inside) == cv2.dilate(labels, inside)
        agree = np.abs(PALETTE[labels].astype(int) - pixels(sample['day'])).max(axis=-1) <= 1
        assert flat.mean() > 0.2
        # A border may lie half a pixel beside where the interpolation of the picture sees it.
        assert agree[flat].mean() > 0.98


def test_label_crops_are_centred():
    """Every third pixel is the middle one of three, so that a flip before or after is the same."""
    labels = np.tile(np.arange(9, dtype=np.uint8), (9, 1))
    crop = Crop(0, 0, 9, 3, False)
    assert crop.labels(labels)[0].tolist() == [1, 4, 7]
    assert replace(crop, flip=True).labels(labels)[0].tolist() == [7, 4, 1]


def test_crops_move_to_what_is_small():
    """A person of one pixel in a corner is seen as often as many lights, anywhere in the crop."""
    labels = np.full((60, 80), Label.ROAD, np.uint8)
    labels[:10, :10] = Label.LIGHT
    labels[59, 79] = Label.PERSON
    rng = np.random.default_rng(0)
    crop = Crop(25, 30, 16, 8, True)
    moved = [focus(crop, labels, 0.5, rng) for _ in range(2000)]
    assert {(c.side, c.size, c.flip) for c in moved} == {(16, 8, True)}
    seen = [labels[c.top : c.top + 16, c.left : c.left + 16] for c in moved]
    assert all(cut.shape == (16, 16) for cut in seen)
    shares = [
        np.mean([(cut == label).any() for cut in seen]) for label in (Label.PERSON, Label.LIGHT)
    ]
    assert shares == pytest.approx([0.25, 0.25], abs=0.03)
    inner = np.full((60, 80), Label.ROAD, np.uint8)
    inner[30, 40] = Label.SIGN
    tops = [focus(crop, inner, 1.0, rng).top for _ in range(500)]
    assert set(tops) == set(range(15, 31))
    assert focus(crop, np.zeros_like(labels), 1.0, rng) == crop


def test_the_memory_asks_for_the_labels_that_are_trained(labelled):
    """Crops that moved to small things, with labels that moved along."""
    crops = load(labelled, DataRecipe(crop=48, focus=0.7), labelled=True, denoise=False)
    still = load(labelled, labelled=True, denoise=False)
    for draw in range(8):
        labels = crops[Pick(draw)]['day_labels'].numpy()
        np.testing.assert_array_equal(labels, crops.day_labels(draw))
        np.testing.assert_array_equal(
            PALETTE[labels.astype(np.uint8)], pixels(crops[Pick(draw)]['day'])
        )
    assert any((crops.day_labels(d) != still.day_labels(d)).any() for d in range(8))


@pytest.mark.parametrize('fusion', ['panoptic', 'objects'])
@pytest.mark.parametrize('denoise', [True, False])
def test_masks_are_fused_and_denoised_on_the_raw_picture(labelled, recipe, fusion, denoise):
    """`recipe` enhances the day pictures: denoising must not see that."""
    rng = np.random.default_rng(2)
    (labelled / 'masks_coco').mkdir()
    for name in 'abc':
        coco = rng.choice([*CLASSES, 255], (96, 120)).astype(np.uint8)
        cv2.imwrite(str(labelled / 'masks_coco' / f'{name}.png'), coco)
        noise = rng.integers(0, 256, (96, 120, 3), np.uint8)
        cv2.imwrite(str(labelled / 'trainA' / f'{name}.png'), noise)
    choice = recipe.data.labels.model_copy(update={'fusion': fusion})
    data = recipe.data.model_copy(update={'labels': choice, 'scale': (1.0, 1.0)})
    crops = load(labelled, data, labelled=True, denoise=denoise)
    # In a small picture few pixels of a class are noise; a denoised map has to differ at all.
    changed = 0
    for i, name in enumerate('abc'):
        masks = [
            cv2.imread(str(labelled / folder / f'{name}.png'), cv2.IMREAD_UNCHANGED)
            for folder in ('masks_cityscapes', 'masks_coco')
        ]
        rgb = cv2.imread(str(labelled / 'trainA' / f'{name}.png'))[..., ::-1]
        fused = fuse(*masks, fusion)
        expected = denoise_day(fused, np.ascontiguousarray(rgb)) if denoise else fused
        changed += np.count_nonzero(expected != fused)
        for _ in range(2):  # made, then remembered
            np.testing.assert_array_equal(crops.labels(i), expected)
    assert (changed > 0) == denoise


def test_finished_label_maps_are_left_alone_in_their_folder(labelled, tmp_path):
    """Two data folders alike but for the record: the first is finished, the second is denoised."""
    noise = np.random.default_rng(2).integers(0, 256, (96, 120, 3), np.uint8)
    for name in 'abc':
        cv2.imwrite(str(labelled / 'trainA' / f'{name}.png'), noise)
    teachers = shutil.copytree(labelled, tmp_path / 'teachers')
    run('masks', labelled, '--finished')
    maps = load([labelled, teachers], labelled=True).labels
    mask = cv2.imread(str(labelled / 'masks_cityscapes/a.png'), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(maps(0), fuse(mask, None, 'panoptic'))
    np.testing.assert_array_equal(
        maps(3), denoise_day(fuse(mask, None, 'panoptic'), np.ascontiguousarray(noise[..., ::-1]))
    )
    assert (maps(0) != maps(3)).any()
    run('masks', labelled, '--no-finished')
    again = load([labelled, teachers], labelled=True).labels
    np.testing.assert_array_equal(again(0), maps(3))


def test_panoptic_fusion_with_masks_of_objects_alone_is_refused(labelled):
    """It would erase every building, and nobody would see why."""
    for name in 'abc':
        mask = cv2.imread(str(labelled / f'masks_cityscapes/{name}.png'), cv2.IMREAD_GRAYSCALE)
        mask[mask < Label.PERSON] = 255
        (labelled / 'masks_coco').mkdir(exist_ok=True)
        cv2.imwrite(str(labelled / f'masks_coco/{name}.png'), mask)
    with pytest.raises(DataError, match=r'no building in 3 masks.*fusion: objects'):
        load(labelled, labelled=True)
    objects = DataRecipe(crop=48, labels=LabelRecipe(fusion='objects'))
    load(labelled, objects, labelled=True)


def test_day_labels_are_those_of_the_sample(labelled, recipe):
    """Whichever is asked first, and with pictures of other sizes and remembered maps."""
    small = cv2.imread(str(labelled / 'masks_cityscapes' / 'b.png'), cv2.IMREAD_UNCHANGED)[:50, :70]
    cv2.imwrite(str(labelled / 'masks_cityscapes' / 'b.png'), small)
    cv2.imwrite(str(labelled / 'trainA' / 'b.png'), PALETTE[small][..., ::-1])
    sampler = load(labelled, recipe.data, labelled=True)
    worker = load(labelled, recipe.data, labelled=True)
    maps = [sampler.day_labels(draw) for draw in range(12)]
    for draw, labels in enumerate(maps):
        assert labels.dtype == np.uint8
        np.testing.assert_array_equal(labels, worker[Pick(draw)]['day_labels'].numpy())
        np.testing.assert_array_equal(labels, worker.day_labels(draw))
    assert len({labels.tobytes() for labels in maps}) > 6
    assert (load(labelled).day_labels(0) == 255).all()


def test_missing_masks_are_named_with_the_cure(labelled):
    load(labelled, labelled=True)  # masks_coco may be absent
    (labelled / 'masks_coco').mkdir()
    with pytest.raises(DataError, match=r'masks_coco lacks .* of 3 .* 3 pictures .* first a\.png'):
        load(labelled, labelled=True)
    (labelled / 'masks_cityscapes' / 'b.png').unlink()
    problem = r'masks_cityscapes lacks .* of 1 of the 3 .* first b\.png; .*morngan_train masks'
    with pytest.raises(DataError, match=problem):
        load(labelled, labelled=True)
    load(labelled)  # an unlabelled run needs none


@pytest.mark.parametrize(
    ('mask', 'problem'),
    [
        (np.zeros((96, 119), np.uint8), r'b\.png is 119x96, but its picture is 120x96'),
        (np.zeros((96, 120, 3), np.uint8), r'b\.png is uint8 \[96, 120, 3\].*single channel'),
        (np.zeros((96, 120), np.uint16), r'b\.png is uint16'),
        (np.full((96, 120), 26, np.uint8), r'b\.png .*26.*only trainIds'),
    ],
)
def test_wrong_masks_are_named(labelled, mask, problem):
    cv2.imwrite(str(labelled / 'masks_cityscapes' / 'b.png'), mask)
    crops = load(labelled, labelled=True)
    with pytest.raises(DataError, match=problem):
        crops.labels(1)


def test_real_labels(shared):
    root = shared / 'data' / 'flir'
    if not root.is_dir():
        pytest.skip(f'needs {root}')
    labels = DataRecipe().labels.model_copy(update={'fusion': 'objects'})
    crops = load(root, DataRecipe(crop=160, scale=(0.5, 1.0), labels=labels), labelled=True)
    samples = [crops[Pick(draw)] for draw in range(6)]
    maps = torch.stack([sample['day_labels'] for sample in samples])
    assert set(maps.unique().tolist()) <= {*CLASSES, 255}
    assert (maps != 255).float().mean() > 0.6
    for draw, sample in enumerate(samples):
        np.testing.assert_array_equal(crops.day_labels(draw), sample['day_labels'].numpy())


# Edges -------------------------------------------------------------------------------------------


@pytest.fixture
def drawn_edges(data):
    """Edge maps that are the grey pictures themselves: soft, and easy to compare."""
    for edges, pictures in (('edgesA', 'trainA'), ('edgesB', 'trainB')):
        (data / edges).mkdir()
        for path in (data / pictures).iterdir():
            gray = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
            cv2.imwrite(str(data / edges / path.name), gray)
    return data


def test_edge_files_are_cut_with_the_picture(drawn_edges):
    crops = load(drawn_edges, DataRecipe(crop=48, edges='files'))
    for draw in range(6):
        sample = crops[Pick(draw)]
        gray = cv2.cvtColor(pixels(sample['day']), cv2.COLOR_RGB2GRAY).astype(float)
        np.testing.assert_allclose(sample['day_edges'][0] * 255, gray, atol=1)
        night = pixels(sample['night'])[..., 0]
        np.testing.assert_allclose(sample['night_edges'][0] * 255, night, atol=1e-3)


def test_missing_and_wrong_edge_files_are_named(drawn_edges):
    recipe = DataRecipe(crop=48, edges='files')
    cv2.imwrite(str(drawn_edges / 'edgesA' / 'a.png'), np.zeros((5, 5), np.uint8))
    crops = load(drawn_edges, recipe)
    with pytest.raises(DataError, match=r'edgesA.a\.png is 5x5, but its picture is 120x96'):
        [crops[Pick(draw)] for draw in range(20)]
    (drawn_edges / 'edgesB' / 'x.png').unlink()
    with pytest.raises(DataError, match=r'edgesB lacks .* 1 of the 2 .*x\.png; .*train prepare'):
        load(drawn_edges, recipe)
    load(drawn_edges)  # canny needs none


@pytest.mark.parametrize('value', [0, 7, 255])
def test_pictures_without_contrast_stay_finite(labelled, recipe, value):
    for folder, names in {'trainA': 'abc', 'trainA_thermal': 'abc', 'trainB': 'xy'}.items():
        for name in names:
            flat = np.full((96, 120), value, np.uint8)
            cv2.imwrite(str(labelled / folder / f'{name}.png'), flat)
    sample = load(labelled, recipe.data, aligned=True, labelled=True)[Pick(0)]
    assert all(torch.isfinite(tensor).all() for tensor in sample.values())
    assert not sample['day_edges'].any()


# Crops and pictures ------------------------------------------------------------------------------


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
    with pytest.raises(DataError, match='nowhere does not exist'):
        UnpairedCrops(tmp_path / 'nowhere', recipe.data, 0, aligned=False)
    (data / 'trainA_thermal' / 'b.png').unlink()
    problem = r'trainA_thermal lacks .* 1 of the 3 .*b\.png; set aligned: 0'
    with pytest.raises(DataError, match=problem):
        UnpairedCrops(data, recipe.data, 0, aligned=True)
    UnpairedCrops(data, recipe.data, 0, aligned=False)  # unpaired needs no partners
    (data / 'trainB' / 'x.png').write_bytes(b'not a picture')
    (data / 'trainB' / 'y.png').write_bytes(b'')
    with pytest.raises(DataError, match=r'trainB.[xy]\.png cannot be decoded'):
        UnpairedCrops(data, recipe.data, 0, aligned=False)[Pick(0)]


def test_misregistered_partners_are_named(data):
    for name in 'abc':
        cv2.imwrite(str(data / 'trainA_thermal' / f'{name}.png'), np.zeros((90, 120), np.uint8))
    with pytest.raises(DataError, match=r'trainA_thermal.[abc]\.png is 120x90.*register them'):
        load(data, aligned=True)[Pick(0)]


def test_mixed_sizes_and_small_pictures_give_equal_crops(labelled):
    """A picture smaller than the crop is enlarged with its labels."""
    for name, size in {'a': (30, 40), 'b': (200, 90)}.items():
        mask = np.full(size, Label.CAR, np.uint8)
        cv2.imwrite(str(labelled / 'masks_cityscapes' / f'{name}.png'), mask)
        cv2.imwrite(str(labelled / 'trainA' / f'{name}.png'), PALETTE[mask])
    cv2.imwrite(str(labelled / 'trainB' / 'x.png'), np.zeros((30, 40), np.uint8))
    crops = load(labelled, labelled=True)
    samples = [crops[Pick(draw)] for draw in range(10)]
    assert {tuple(sample['day'].shape) for sample in samples} == {(3, 48, 48)}
    assert {tuple(sample['day_labels'].shape) for sample in samples} == {(48, 48)}
    assert {int(sample['night_window'][2]) for sample in samples} == {30, 48}


@pytest.mark.parametrize('suffix', ['png', 'tif'])
def test_deep_thermal_frames_are_stretched(tmp_path, suffix):
    """16 bits: linear between the 1st and the 99th percentile of the frame, cut off beyond."""
    rng = np.random.default_rng(0)
    counts = rng.normal(7000, 300, (64, 80)).round()
    path = tmp_path / f'deep.{suffix}'
    cv2.imwrite(str(path), counts.astype(np.uint16))
    low, high = np.percentile(counts[SAMPLE], (1, 99), method='inverted_cdf')
    expected = np.clip((counts - low) / (high - low) * 255, 0, 255)
    frame = read_thermal(path)
    assert frame.dtype == np.uint8
    np.testing.assert_allclose(frame, expected, atol=0.51)


def test_thermal_frames_of_8_bits_are_not_touched(tmp_path):
    counts = np.random.default_rng(0).integers(90, 120, (64, 80), np.uint8)
    cv2.imwrite(str(tmp_path / 'frame.png'), counts)
    np.testing.assert_array_equal(read_thermal(tmp_path / 'frame.png'), counts)


def test_thermal_frames_of_floats_are_refused(tmp_path):
    cv2.imwrite(str(tmp_path / 'kelvin.tif'), np.full((64, 80), np.nan, np.float32))
    with pytest.raises(DataError, match=r'kelvin\.tif holds float32; convert it'):
        read_thermal(tmp_path / 'kelvin.tif')
