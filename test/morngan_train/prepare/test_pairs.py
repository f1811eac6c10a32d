"""Data folders from tiny copies of MSRS in its published layout, and what may be wrong in it."""

from collections.abc import Callable
from pathlib import Path
import re

import cv2
import numpy as np
from preparing import draw
from preparing import names
from preparing import notes
from preparing import pair
from preparing import prepare
from preparing import read
from preparing import record
from preparing import run
from preparing import shape
from preparing import SIZE
from preparing import write_lists
import pytest

from morngan_train.data.boxes import read_boxes
from morngan_train.data.reading import DataError
from morngan_train.evaluation.dataset import open_test_set
from morngan_train.evaluation.dataset import read_mask
from morngan_train.prepare.pictures import reshape_boxes


@pytest.fixture
def msrs(tmp_path: Path) -> Path:
    """Two day and three night frames for training, one of each for test; a square of each class."""
    source = tmp_path / 'MSRS-main'
    parts = {'train': ('00001D', '00002D', '00003N', '00005N', '00007N'), 'test': ('4N', '8D')}
    for part, stems in parts.items():
        for seed, stem in enumerate(stems):
            pair(source / part / 'vi' / f'{stem}.png', source / part / 'ir' / f'{stem}.png', seed)
            mask = np.zeros(SIZE[::-1], np.uint8)
            for number in range(1, 9):
                mask[5:20, 7 * number : 7 * number + 5] = number
            (source / part / 'Segmentation_labels').mkdir(exist_ok=True)
            cv2.imwrite(str(source / part / 'Segmentation_labels' / f'{stem}.png'), mask)
    return source


@pytest.fixture
def msrs_boxes(msrs: Path, tmp_path: Path) -> Path:
    """A car around the square of class 1, and nothing by day."""
    folder = tmp_path / 'MSRS-detection-label'
    for part in ('train', 'test'):
        (folder / 'infrared' / part).mkdir(parents=True)
        for file in (msrs / part / 'ir').iterdir():
            line = '' if file.stem.endswith('D') else '2 0.1484375 0.2604167 0.078125 0.3125\n'
            (folder / 'infrared' / part / f'{file.stem}.txt').write_text(line)
    return folder


def test_msrs_by_the_letter_of_the_name(msrs, msrs_boxes, tmp_path):
    data = prepare('msrs', msrs.parent, '--boxes', msrs_boxes, out=tmp_path / 'data')
    expected = {
        'trainA': ['00001D.png', '00002D.png'],
        'trainA_thermal': ['00001D.png', '00002D.png'],
        'trainA_thermal_boxes': ['00001D.txt', '00002D.txt'],
        'trainA_thermal_masks': ['00001D.png', '00002D.png'],
        'trainB': ['00003N.png', '00005N.png', '00007N.png'],
        'trainB_boxes': ['00003N.txt', '00005N.txt', '00007N.txt'],
        'trainB_masks': ['00003N.png', '00005N.png', '00007N.png'],
        'testB': ['4N.png'],
        'testB_visible': ['4N.png'],
        'testB_boxes': ['4N.txt'],
        'testB_masks': ['4N.png'],
    }
    assert {folder.name: names(folder) for folder in data.iterdir() if folder.is_dir()} == expected
    day = msrs / 'train' / 'vi' / '00001D.png'
    assert (data / 'trainA' / '00001D.png').read_bytes() == day.read_bytes()
    assert (data / 'trainA_thermal_boxes' / '00001D.txt').read_text() == ''
    boxes = read_boxes(data / 'trainB_boxes' / '00003N.txt', *SIZE)
    np.testing.assert_allclose(boxes, [[2, 7, 5, 12, 20]], atol=1e-3)
    settings = record(data)['settings']
    assert (settings['source'], settings['split'], settings['size']) == ('MSRS', 'parts', 'native')
    assert '1 day pairs of test are left out' in notes(data)


def test_thermal_frames_in_colour_files_become_grey(msrs, tmp_path):
    tinted = msrs / 'train' / 'ir' / '00003N.png'
    draw(tinted, *SIZE, seed=9)
    data = prepare('msrs', msrs, out=tmp_path / 'data')
    for name, folder in (('00001D', 'trainA_thermal'), ('00005N', 'trainB'), ('4N', 'testB')):
        part = 'test' if folder == 'testB' else 'train'
        source = read(msrs / part / 'ir' / f'{name}.png')
        assert source.ndim == 3
        assert np.array_equal(read(data / folder / f'{name}.png'), source[..., 0])
    gray = cv2.cvtColor(read(tinted), cv2.COLOR_BGR2GRAY).astype(int)
    assert abs(read(data / 'trainB' / '00003N.png') - gray).max() <= 1


def test_label_maps_of_msrs_become_trainids(msrs, tmp_path):
    data = prepare('msrs', msrs, out=tmp_path / 'data')
    mask = read(data / 'trainB_masks' / '00003N.png')
    # Car, person and bike by the palette that MSRS publishes; no other class is Cityscapes'.
    numbers = [mask[10, 7 * number + 2] for number in range(1, 9)]
    assert numbers == [13, 11, 18, 255, 255, 255, 255, 255]
    assert mask[0, 0] == 255
    assert mask.shape == SIZE[::-1]


def test_what_evaluation_reads(msrs, msrs_boxes, tmp_path):
    data = prepare('msrs', msrs, '--boxes', msrs_boxes, out=tmp_path / 'data')
    test_set = open_test_set(data)
    assert test_set.boxes is not None
    assert test_set.masks is not None
    frame = read(test_set.frames[0])
    assert set(np.unique(read_mask(test_set.masks[0], frame))) == {11, 13, 18, 255}


def test_labels_follow_the_size_of_the_paper(msrs, msrs_boxes, tmp_path):
    """The square that is cut out of the mask is the one that the box surrounds."""
    stem = '00003N'
    for kind in ('vi', 'ir'):
        draw(msrs / 'train' / kind / f'{stem}.png', 640, 480)
    mask = np.zeros((480, 640), np.uint8)
    mask[200:301, 300:421] = 3  # in the middle
    mask[100:401, 50:120] = 3  # its centre is cut off
    mask[200:260, 440:600] = 3  # its right is cut off
    cv2.imwrite(str(msrs / 'train' / 'Segmentation_labels' / f'{stem}.png'), mask)
    corners = ((300, 200, 421, 301), (50, 100, 120, 401), (440, 200, 600, 260))
    (msrs_boxes / 'infrared' / 'train' / f'{stem}.txt').write_text(
        ''.join(
            f'1 {(x1 + x2) / 1280} {(y1 + y2) / 960} {(x2 - x1) / 640} {(y2 - y1) / 480}\n'
            for x1, y1, x2, y2 in corners
        )
    )
    arguments = ['--boxes', msrs_boxes, '--size', 'paper']
    data = prepare('msrs', msrs, *arguments, out=tmp_path / 'data')
    assert shape(data / 'trainB' / f'{stem}.png') == (288, 360)
    moved = read(data / 'trainB_masks' / f'{stem}.png')
    assert moved.shape == (288, 360)
    assert set(np.unique(moved)) == {18, 255}
    boxes = read_boxes(data / 'trainB_boxes' / f'{stem}.txt', 360, 288)
    assert len(boxes) == 2
    _, blobs = cv2.connectedComponents((moved == 18).astype(np.uint8))
    for _, x1, y1, x2, y2 in boxes:
        blob = blobs == blobs[int((y1 + y2) / 2), int((x1 + x2) / 2)]
        rows, columns = np.nonzero(blob)
        seen = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        np.testing.assert_allclose(seen, (x1, y1, x2, y2), atol=1)


def test_boxes_of_frames_that_are_only_cut():
    boxes = np.array([[0, 150, 120, 170, 140], [1, 0, 0, 140, 112], [2, 480, 380, 540, 420]])
    moved, size = reshape_boxes(boxes, (640, 512), 'crop')
    assert size == (360, 288)
    assert moved.tolist() == [[0, 10, 8, 30, 28]]  # the centre of the last lies on the corner
    assert reshape_boxes(boxes, (640, 512), 'native')[0].tolist() == boxes.tolist()


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


def shrink(path: Path) -> None:
    cv2.imwrite(str(path), cv2.resize(read(path), (32, 24), interpolation=cv2.INTER_NEAREST))


def recolor(path: Path) -> None:
    cv2.imwrite(str(path), cv2.merge([read(path)] * 3))


def renumber(path: Path) -> None:
    cv2.imwrite(str(path), read(path) + 30)


def misspell(path: Path) -> None:
    path.write_text('2 0.5 0.5\n')


ODD: dict[str, tuple[str, Callable[[Path], None], str]] = {
    'thermal lacks colour': ('vi', Path.unlink, r'1 frames of .*ir have no partner in .*vi'),
    'colour lacks thermal': ('ir', Path.unlink, r'1 frames of .*vi have no partner in .*ir'),
    'no mask': ('Segmentation_labels', Path.unlink, 'no partner in .*Segmentation_labels'),
    'no boxes': ('boxes', Path.unlink, 'no partner in .*infrared'),
    'broken thermal': ('ir', cut_off, r'trainA_thermal leaves out 1 of 2 .*ir.*cannot be decoded'),
    'broken colour': ('vi', cut_off, r'leaves out 1 of 2 frames: .*vi.*cannot be decoded'),
    'broken mask': ('Segmentation_labels', cut_off, r'leaves out 1 of 2 .*cannot be decoded'),
    'small thermal': (
        'ir',
        shrink,
        r'leaves out 1 of 2 frames: .* is 32x24, but its picture is 64x48',
    ),
    'small colour': (
        'vi',
        shrink,
        r'leaves out 1 of 2 frames: .* is 64x48, but its picture is 32x24',
    ),
    'small mask': ('Segmentation_labels', shrink, r'_labels.* is 32x24, but its picture is 64x48'),
    'colour mask': ('Segmentation_labels', recolor, r'must be a single channel of 8 bits'),
    'strange mask': ('Segmentation_labels', renumber, r'unknown classes: 30, 31, 32, \.\.\.'),
    'bad boxes': ('boxes', misspell, r'leaves out 1 of 2 frames: .*00001D\.txt, line 1: expected'),
}


@pytest.mark.parametrize(('kind', 'spoil', 'note'), ODD.values(), ids=ODD.keys())
def test_an_odd_frame_is_left_out_and_named(msrs, msrs_boxes, tmp_path, kind, spoil, note):
    labels = msrs_boxes / 'infrared' / 'train' / '00001D.txt'
    spoil(labels if kind == 'boxes' else msrs / 'train' / kind / '00001D.png')
    data = prepare('msrs', msrs, '--boxes', msrs_boxes, out=tmp_path / 'data')
    assert [line for line in record(data)['notes'] if re.search(note, line) and '00001D' in line]
    for folder in ('trainA', 'trainA_thermal', 'trainA_thermal_boxes', 'trainA_thermal_masks'):
        assert [name[:6] for name in names(data / folder)] == ['00002D']
    assert len(names(data / 'trainB')) == 3


def test_hidden_files_are_no_frames(msrs, tmp_path):
    for folder in ('ir', 'vi', 'Segmentation_labels'):
        (msrs / 'train' / folder / '._00001D.png').write_bytes(b'\0\5\x16\7')
    data = prepare('msrs', msrs, out=tmp_path / 'data')
    assert names(data / 'trainA') == ['00001D.png', '00002D.png']
    assert notes(data).count('holds 1 hidden files, which are left out: ._00001D.png') == 3
    assert 'leaves out' not in notes(data)


def test_nothing_is_written_if_no_frame_of_a_folder_is_left(msrs, tmp_path):
    for file in (msrs / 'train' / 'Segmentation_labels').glob('*N.png'):
        recolor(file)
    with pytest.raises(DataError) as caught:
        run('msrs', msrs, '--out', tmp_path / 'data', '--jobs', 1)
    message = str(caught.value)
    assert 'MSRS is incomplete, nothing was written' in message
    assert 'trainB leaves out 3 of 3 frames' in message
    assert 'without palette' in message
    assert not (tmp_path / 'data').exists()


def test_all_missing_folders_are_told_at_once(msrs, msrs_boxes, tmp_path):
    (msrs / 'train' / 'vi').rename(tmp_path / 'elsewhere')
    (msrs_boxes / 'infrared' / 'test').rename(tmp_path / 'else')
    for file in (msrs / 'test' / 'ir').iterdir():
        file.unlink()
    with pytest.raises(DataError) as caught:
        run('msrs', msrs, '--boxes', msrs_boxes, '--out', tmp_path / 'data', '--jobs', 1)
    lines = str(caught.value).splitlines()[1:]
    assert [line.rsplit(' ', 2)[0].rsplit('/', 2)[-2:] for line in lines] == [
        ['train', 'vi'],
        ['infrared', 'test'],
    ]
    (tmp_path / 'elsewhere').rename(msrs / 'train' / 'vi')
    with pytest.raises(DataError, match=r'test/ir holds no pictures'):
        run('msrs', msrs, '--out', tmp_path / 'data', '--jobs', 1)
    assert not (tmp_path / 'data').exists()


@pytest.mark.parametrize(
    ('source', 'looked_for'),
    [('msrs', 'train/ir'), ('m3fd', 'Vis, Ir and Annotation'), ('llvip', 'infrared/train')],
)
def test_sources_that_are_none_are_told_what_was_looked_for(tmp_path, source, looked_for):
    with pytest.raises(DataError, match='nowhere does not exist'):
        run(source, tmp_path / 'nowhere', '--out', tmp_path / 'data')
    with pytest.raises(DataError, match=looked_for):
        run(source, tmp_path, '--out', tmp_path / 'data')


def test_msrs_without_labels_says_so(msrs, tmp_path):
    for part in ('train', 'test'):
        (msrs / part / 'Segmentation_labels').rename(tmp_path / part)
    data = prepare('msrs', msrs, out=tmp_path / 'data')
    assert 'no label maps of train' in notes(data)
    assert 'no boxes: MSRS does not contain any; see --boxes' in notes(data)
    assert not [folder for folder in data.iterdir() if folder.name.endswith(('_masks', '_boxes'))]


def test_msrs_by_lists(msrs, tmp_path):
    lists = {'trainA': '00002D\n8D.png', 'trainB': '00003N', 'testB': 'ir/00005N.png'}
    folder = write_lists(tmp_path / 'lists', **lists)
    data = prepare('msrs', msrs, '--lists', folder, out=tmp_path / 'data')
    assert names(data / 'trainA') == names(data / 'trainA_thermal') == ['00002D.png', '8D.png']
    assert names(data / 'trainB_masks') == ['00003N.png']
    assert names(data / 'testB_visible') == ['00005N.png']
    (folder / 'trainB.txt').write_text('00003N\n00004N\n')
    with pytest.raises(DataError, match='1 of the 2 names for trainB are not complete pairs'):
        run('msrs', msrs, '--lists', folder, '--out', tmp_path / 'other', '--jobs', 1)


def test_a_second_run_does_only_what_is_not_done(msrs, msrs_boxes, tmp_path):
    out = tmp_path / 'data'
    prepare('msrs', msrs, '--boxes', msrs_boxes, out=out)
    (out / 'trainB_boxes' / '00003N.txt').write_text('0 0.5 0.5 0.1 0.1\n')
    (out / 'trainB_masks' / '00005N.png').unlink()
    prepare('msrs', msrs, '--boxes', msrs_boxes, out=out)
    counts = {name: (f['written'], f['kept']) for name, f in record(out)['folders'].items()}
    assert counts['trainB'] == (0, 3)
    assert counts['trainB_boxes'] == counts['trainB_masks'] == (1, 2)
    assert (out / 'trainB_boxes' / '00003N.txt').read_text().startswith('2 ')
    (out / 'trainB_boxes' / 'stranger.txt').write_text('')
    with pytest.raises(DataError, match=r'1 files that are not of this selection \(stranger\.txt'):
        prepare('msrs', msrs, '--boxes', msrs_boxes, out=out)
