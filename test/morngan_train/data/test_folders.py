"""Several data folders in one run: shares, what each may lack, and what is said then."""

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from morngan_train.cli import main
from morngan_train.data.folders import gather
from morngan_train.data.pairing import Pick
from morngan_train.data.reading import DataError
from morngan_train.data.unpaired import UnpairedCrops
from morngan_train.recipe.recipe import DataRecipe


def write(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)


def picture(level: int, shape: tuple[int, ...] = (96, 120), dtype: type = np.uint8) -> np.ndarray:
    noise = np.random.default_rng(level).integers(0, 20, shape)
    return (noise + level).astype(dtype)


@pytest.fixture
def roots(tmp_path: Path) -> list[Path]:
    """A whole set, one of another size with 16 bits and colour at low resolution, and a pool."""
    first, second, pool = (tmp_path / name for name in ('first', 'second', 'pool'))
    for i in range(4):
        write(first / f'trainA/{i}.png', picture(10 * i, (96, 120, 3)))
        write(first / f'trainA_thermal/{i}.png', picture(10 * i))
    write(first / 'trainB/n.png', picture(5))
    write(second / 'trainA/d.png', picture(60, (80, 100, 3)))
    write(second / 'trainA_thermal/d.png', picture(3000, (80, 100), np.uint16))
    write(second / 'trainB/m.png', picture(7000, (80, 100), np.uint16))
    write(second / 'dayLow_color/w.png', picture(90, (32, 32, 3)))
    write(second / 'dayLow_thermal/w.png', picture(90, (80, 100)))
    for i in range(3):
        write(pool / f'thermal/p{i}.png', picture(20 * i))
    return [first, second, pool]


def crops(roots, **options) -> UnpairedCrops:
    recipe = DataRecipe(crop=64, scale=(0.8, 1.0))
    return UnpairedCrops(roots, recipe, 0, **{'aligned': True, **options})


def test_each_kind_is_gathered_from_where_it_is(roots):
    data = crops(roots, low=True)
    assert [p.parent.parent.name for p in data.day] == ['first'] * 4 + ['second']
    assert [p.name for p in data.night] == ['n.png', 'm.png', 'p0.png', 'p1.png', 'p2.png']
    assert [p.name for p in data.low] == ['w.png']
    sample = data[Pick(0)]
    assert sample['day'].shape == sample['day_thermal'].shape == (3, 64, 64)
    assert sample['low_thermal'].shape == (3, 64, 64)
    assert sample['low_color'].shape == (3, 16, 16)
    assert all(torch.isfinite(x).all() for x in sample.values())


def test_partners_lie_beside_their_pictures(roots):
    data = crops(roots)
    pairs = zip(data.day, data.partners, strict=True)
    assert all(a.parent.parent == b.parent.parent for a, b in pairs)


def drawn(data: UnpairedCrops, pictures: str) -> Counter[str]:
    files, stream = getattr(data, pictures), {'day': 0, 'night': 1}[pictures]
    return Counter(files[data._draw(i, stream, files)[0]].parent.parent.name for i in range(3000))


def test_without_shares_every_picture_is_drawn_equally_often(roots):
    assert drawn(crops(roots), 'day')['second'] / 3000 == pytest.approx(1 / 5, abs=0.03)


def test_shares_are_those_of_the_draws(roots):
    data = crops(roots, shares=[1, 2, 1])
    assert drawn(data, 'day')['second'] / 3000 == pytest.approx(2 / 3, abs=0.03)
    night = drawn(data, 'night')
    assert night['second'] / 3000 == pytest.approx(2 / 4, abs=0.03)
    assert night['pool'] / 3000 == pytest.approx(1 / 4, abs=0.03)


def test_a_folder_of_its_own_draws_as_before(roots):
    """A run on one folder must not depend on whether it was given a share."""
    alone, shared = crops(roots[0]), crops([roots[0]], shares=[3])
    assert all(torch.equal(alone[Pick(i)]['day'], shared[Pick(i)]['day']) for i in range(5))


def test_colour_at_low_resolution_is_cut_where_the_thermal_frame_is(tmp_path, roots):
    """A frame whose grey rises to the right, squeezed or not, stays registered."""
    ramp = np.tile(np.linspace(0, 255, 320, dtype=np.uint8), (256, 1))
    write(tmp_path / 'ramp/dayLow_thermal/r.png', ramp)
    squeezed = cv2.resize(ramp, (128, 128), interpolation=cv2.INTER_AREA)
    write(tmp_path / 'ramp/dayLow_color/r.png', cv2.merge([squeezed] * 3))
    data = crops([*roots[:1], tmp_path / 'ramp'], low=True)
    for i in range(5):
        sample = data[Pick(i)]
        shrunk = torch.nn.functional.avg_pool2d(sample['low_thermal'], 4)
        assert (shrunk - sample['low_color']).abs().max() < 0.05


def test_colour_at_low_resolution_is_learnt_at_all_scales(tmp_path, roots):
    """Stripes of 64 pixels: the period in a crop tells its scale, from a half to the whole."""
    stripes = np.tile((np.arange(640) // 64 % 2 * 255).astype(np.uint8), (512, 1))
    write(tmp_path / 'stripes/dayLow_thermal/s.png', stripes)
    write(tmp_path / 'stripes/dayLow_color/s.png', cv2.merge([stripes] * 3))
    recipe = DataRecipe(crop=256, scale=(0.5, 1.0))
    data = UnpairedCrops([roots[0], tmp_path / 'stripes'], recipe, 0, aligned=True, low=True)
    edges = []
    for i in range(30):
        row = data._low(i, data.low)['low_thermal'][0, 64]
        edges.append(int((row.sign().diff() != 0).sum()))
    assert max(edges) >= 6
    assert min(edges) <= 2


def test_noise_does_not_tell_pairs_from_night_frames(roots):
    """Frames without any contrast but the noise of training: half of the crops of each kind."""
    for name in ('trainA_thermal', 'trainB'):
        for path in (roots[0] / name).iterdir():
            write(path, np.repeat(np.arange(0, 240, 2, np.uint8)[None], 96, 0))
    recipe = DataRecipe(crop=64, scale=(1.0, 1.0), thermal={'noise': 0.2})
    data = UnpairedCrops(roots[:1], recipe, 0, aligned=True)
    samples = [data[Pick(i)] for i in range(60)]
    for kind in ('night', 'day_thermal'):
        noisy = [bool(sample[kind][0].diff(dim=0).any()) for sample in samples]
        assert 0.3 < np.mean(noisy) < 0.7


def test_masks_of_night_frames_are_cut_as_their_frames(roots):
    """A mask that copies the grey levels of its frame stays equal to it; others are unlabelled."""
    levels = cv2.imread(str(roots[0] / 'trainB/n.png'), cv2.IMREAD_UNCHANGED)
    write(roots[0] / 'trainB_masks/n.png', levels)
    data = UnpairedCrops(roots, DataRecipe(crop=64), 0, aligned=False, masked=True)
    seen = set()
    for i in range(30):
        sample = data[Pick(i)]
        masked = bool((sample['night_masks'] != 255).any())
        seen.add(masked)
        assert masked == (data.night[int(sample['night_index'])].name == 'n.png')
        if masked:
            gray = (sample['night'][0] + 1) * 127.5
            assert torch.equal(gray.round().long(), sample['night_masks'])
    assert seen == {True, False}


def test_masks_that_are_wanted_must_be_somewhere(roots):
    with pytest.raises(DataError, match='no night frame has a mask'):
        crops(roots, masked=True)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda r: (r[1] / 'trainA_thermal/d.png').unlink(), r'trainA_thermal lacks the partners'),
        (lambda r: (r[1] / 'dayLow_color/w.png').unlink(), r'dayLow_color lacks the partners'),
        (
            lambda r: [p.unlink() for p in (r[2] / 'thermal').iterdir()],
            r'thermal holds no pictures',
        ),
        (lambda r: r.append(r[0] / 'nowhere'), r'nowhere does not exist'),
        (lambda r: r.__delitem__(slice(0, 2)), r'no folder trainA'),
    ],
)
def test_what_is_missing_is_said_before_training(roots, change, message):
    change(roots)
    with pytest.raises(DataError, match=message):
        crops(roots, low=True)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (
            lambda r: write(r[1] / 'trainA_thermal/d.png', picture(1, (40, 50))),
            'register them pixel',
        ),
        (lambda r: (r[0] / 'trainB/n.png').write_bytes(b'no picture'), 'cannot be decoded'),
    ],
)
def test_a_file_of_no_use_is_named_when_it_is_read(roots, change, message):
    change(roots)
    data = crops(roots[:2], shares=[1, 4])
    with pytest.raises(DataError, match=message):
        _ = [data[Pick(i)] for i in range(20)]


def test_shares_must_fit_the_folders(roots, capsys):
    config = Path(__file__).parents[3] / 'config/train/tiny.yaml'
    for shares in (['1'], ['1', '0', '1']):
        options = [o for root in roots for o in ('--data', str(root))]
        assert main(['fit', '--config', str(config), *options, '--shares', *shares]) == 2
        assert 'in the order of --data' in capsys.readouterr().err


def test_no_kind_no_pictures(roots):
    assert gather(roots, ['trainZ'], None) is None
