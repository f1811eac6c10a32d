"""Data folders from tiny copies of FLIR and KAIST in their real layouts, and from folders."""

import json
import os
from pathlib import Path

import cv2
import numpy as np
from preparing import draw
from preparing import names
from preparing import record
from preparing import run
from preparing import shape
from preparing import write_lists
import pytest

from morngan_ros.exposure.agc import SAMPLE
from morngan_train.data.edges import canny
from morngan_train.data.reading import DataError
from morngan_train.data.surround import surround_edges
from morngan_train.metrics import canny as matlab
from morngan_train.prepare.flir import select_flir
from morngan_train.prepare.kaist import KaistFrame
from morngan_train.prepare.kaist import PUBLISHED
from morngan_train.prepare.kaist import RULE
from morngan_train.prepare.kaist import select_kaist
from morngan_train.prepare.lists import bare_name
from morngan_train.prepare.lists import read_lists
from morngan_train.prepare.pictures import reshape


@pytest.fixture
def flir_v1(tmp_path: Path) -> Path:
    source = tmp_path / 'src'
    for number in (1, 2, 3, 4):
        part = 'training' if number < 4 else 'validation'
        root = source / 'FLIR_ADAS' / part
        draw(root / 'RGB' / f'FLIR_{number:05d}.jpg', 180, 160, seed=number)
        thermal = root / 'thermal_8_bit' / f'FLIR_{number:05d}.jpeg'
        draw(thermal, 160, 128, color=False, seed=number)
    (source / 'FLIR_ADAS' / 'training' / 'Data').mkdir()
    return source


@pytest.fixture
def flir_v2(tmp_path: Path) -> Path:
    source = tmp_path / 'v2'
    frames = {
        'images_rgb_train': [('day', 'a'), ('night', 'b'), ('dawn/dusk', 'c')],
        'images_thermal_train': [('day', 'd'), ('night', 'e')],
        'images_rgb_val': [('day', 'f')],
        'images_thermal_val': [('night', 'g'), (None, 'h')],
    }
    for part, entries in frames.items():
        images = []
        for number, (hours, letter) in enumerate(entries):
            name = f'video-{letter * 5}-frame-{number:06d}-{letter * 4}.jpg'
            draw(source / part / 'data' / name, 160, 128, color='rgb' in part, seed=number)
            extra = {'hours': hours, 'video_id': letter} if hours else {}
            images.append({'id': number, 'file_name': f'data/{name}', 'extra_info': extra})
        (source / part / 'coco.json').write_text(json.dumps({'images': images}))
    return source


@pytest.fixture
def kaist(tmp_path: Path) -> Path:
    """Frames 0 to 21 of every video that the rule asks for, and of set10; a pixel large."""
    source = tmp_path / 'kaist-cvpr15'
    tiny = cv2.imencode('.jpg', np.zeros((1, 1, 3), np.uint8))[1].tobytes()
    videos = {(s.set, s.video) for samplings in RULE.values() for s in samplings} | {(10, 0)}
    for number, video in videos:
        for channel in ('visible', 'lwir'):
            folder = source / 'images' / f'set{number:02d}' / f'V{video:03d}' / channel
            folder.mkdir(parents=True)
            for frame in range(22):
                (folder / f'I{frame:05d}.jpg').write_bytes(tiny)
    return source


def test_flir_v1_by_lists(flir_v1, tmp_path):
    lists = write_lists(
        tmp_path / 'lists',
        FLIR_trainA_list='FLIR_00001.png\nRGB/FLIR_00003.jpg\n\n',
        FLIR_trainB_list='FLIR_00002\r\n',
        FLIR_testB_list='FLIR_00004.png',
    )
    data = tmp_path / 'data'
    assert run('flir', flir_v1, '--lists', lists, '--out', data, '--jobs', 1) == 0
    assert names(data / 'trainA') == ['FLIR_00001.png', 'FLIR_00003.png']
    assert names(data / 'trainB') == ['FLIR_00002.png']
    assert names(data / 'testB') == ['FLIR_00004.png']
    assert names(data / 'edgesA') == names(data / 'trainA')
    assert names(data / 'edgesB') == names(data / 'trainB')
    assert shape(data / 'trainA' / 'FLIR_00001.png') == (288, 360, 3)
    assert shape(data / 'trainB' / 'FLIR_00002.png') == (288, 360)
    assert record(data)['settings'] == {
        'source': 'FLIR ADAS v1',
        'split': 'lists',
        'size': 'paper',
        'thermal': '8 bits',
        'edgesA': 'matlab',
        'edgesB': 'surround',
    }
    assert record(data)['folders']['trainA'] == {
        'pictures': 2,
        'written': 2,
        'kept': 0,
        'sizes': {'360x288': 2},
    }


def test_flir_v1_needs_lists_and_says_what_they_name_in_vain(flir_v1, tmp_path):
    with pytest.raises(DataError, match='give --lists'):
        select_flir(flir_v1, None)
    lists = write_lists(
        tmp_path / 'lists',
        trainA='FLIR_00001\nFLIR_00077\nFLIR_00078\nFLIR_00079\nFLIR_00080',
        trainB='FLIR_00099',
    )
    with pytest.raises(DataError) as caught:
        run('flir', flir_v1, '--lists', lists, '--out', tmp_path / 'data')
    message = str(caught.value)
    assert '4 of the 5 names for trainA' in message
    assert 'FLIR_00077, FLIR_00078, FLIR_00079, ...' in message
    assert '1 of the 1 names for trainB' in message
    assert 'no pictures for trainB' in message
    assert not (tmp_path / 'data').exists()


def test_flir_v2_by_hours(flir_v2):
    selection = select_flir(flir_v2, None)
    assert not selection.problems
    letters = {
        folder: [picture.name[6] for picture in pictures]
        for folder, pictures in selection.pictures.items()
    }
    assert letters == {'trainA': ['a'], 'trainB': ['e'], 'testB': ['g']}
    assert selection.notes[0] == 'trainA: left out of images_rgb_train: 1 dawn/dusk, 1 night'
    assert '1 unknown' in selection.notes[2]


def test_flir_v2_by_lists(flir_v2, tmp_path):
    lists = write_lists(
        tmp_path / 'lists',
        trainA='video-fffff-frame-000000-ffff.jpg',
        trainB='data/video-ddddd-frame-000000-dddd',
    )
    selection = select_flir(flir_v2, lists)
    assert not selection.problems
    assert [picture.name[6] for picture in selection.pictures['trainA']] == ['f']
    assert [picture.name[6] for picture in selection.pictures['trainB']] == ['d']


def test_flir_v2_says_what_is_missing(flir_v2):
    next((flir_v2 / 'images_thermal_train' / 'data').glob('video-eeeee*')).unlink()
    assert '1 of the 1 night frames' in select_flir(flir_v2, None).problems[0]
    (flir_v2 / 'images_rgb_train' / 'coco.json').write_text('{"images": [{}]}')
    with pytest.raises(DataError, match=r'coco\.json cannot be read'):
        select_flir(flir_v2, None)


def test_sources_that_are_none_are_told_what_was_looked_for(tmp_path):
    with pytest.raises(DataError, match='does not exist'):
        select_flir(tmp_path / 'nowhere', None)
    with pytest.raises(DataError, match='images_thermal_train/data'):
        select_flir(tmp_path, None)
    with pytest.raises(DataError, match='set00/V000/visible'):
        select_kaist(tmp_path, None, aligned=False)


def test_kaist_by_rule(kaist):
    selection = select_kaist(kaist, None, aligned=True)
    assert not selection.problems
    day = {picture.name for picture in selection.pictures['trainA']}
    # Of frames 0 to 21 a video that starts at 0 gives 0 and 20, one that starts at 10 gives 10.
    assert {name for name in day if name.startswith('set0_0_')} == {
        'set0_0_I00000',
        'set0_0_I00020',
    }
    assert {name for name in day if name.startswith('set2_3_')} == {'set2_3_I00010'}
    assert len(day) == 13 * 2 + 7
    night = [picture.name for picture in selection.pictures['trainB']]
    assert len(night) == 4 * 3
    assert 'set4_0_I00010' in night
    test = [picture.name for picture in selection.pictures['testB']]
    assert len(test) == 4 * 2
    assert not any(name.startswith(('set10_', 'set4_0_')) for name in test)
    aligned = selection.pictures['trainA_thermal']
    assert [picture.name for picture in aligned] == sorted(day)
    assert {picture.source.parent.name for picture in aligned} == {'lwir'}
    assert 'trainA has 33 frames, but the paper has 1674' in selection.notes[0]


def test_kaist_rule_gives_the_published_numbers():
    """With the frames of the real videos, of which these are the last multiples of ten."""
    last_day = [2240, 2790, 2490, 1620, 2060, 1520, 1080, 1580, 1980]  # set00
    last_day += [2240, 1140, 1400, 1250, 1640, 300]  # set01
    last_day += [1890, 1860, 1390, 990, 1690]  # set02
    last = {
        'trainA': last_day,
        'trainB': [4390, 2260, 3990, 2910],
        'testB': [3180, 3480, 2000, 1520],
    }
    for folder, samplings in RULE.items():
        counts = [
            len(range(sampling.start, end + 1, sampling.step))
            for sampling, end in zip(samplings, last[folder], strict=True)
        ]
        left_out = 7 + 4 + 2 if folder == 'testB' else 0
        assert sum(counts) - left_out == PUBLISHED[folder]


def test_kaist_by_lists(kaist, tmp_path):
    lists = write_lists(
        tmp_path / 'lists',
        trainA='set0_4_I00003.png\nset00/V004/I00005\nset00/V004/visible/I00007.jpg',
        trainB='set10_0_I00001.png',
    )
    selection = select_kaist(kaist, lists, aligned=False)
    assert not selection.problems
    trained = [picture.name for picture in selection.pictures['trainA']]
    assert trained == ['set0_4_I00003', 'set0_4_I00005', 'set0_4_I00007']
    night = selection.pictures['trainB'][0]
    assert night.source == kaist / 'images' / 'set10' / 'V000' / 'lwir' / 'I00001.jpg'


def test_kaist_says_what_is_missing(kaist, tmp_path):
    for file in (kaist / 'images' / 'set05' / 'V000' / 'lwir').iterdir():
        file.unlink()
    problems = select_kaist(kaist, None, aligned=False).problems
    assert len(problems) == 1
    assert 'set05/V000/lwir is missing' in problems[0]
    lists = write_lists(tmp_path / 'lists', trainA='FLIR_00001', trainB='set3_0_I09999')
    problems = select_kaist(kaist, lists, aligned=False).problems
    assert any(
        '1 of the 1 lines for trainA do not name a frame of KAIST' in text for text in problems
    )
    assert any('set03/V000/lwir/I09999.jpg' in text for text in problems)


def test_kaist_test_frames_are_only_cropped(tmp_path):
    source = tmp_path / 'kaist'
    frames = {
        'trainA': KaistFrame(0, 0, 0),
        'trainB': KaistFrame(3, 0, 0),
        'testB': KaistFrame(9, 0, 0),
    }
    for frame in frames.values():
        for channel in ('visible', 'lwir'):
            draw(frame.path(source, channel), 640, 512, seed=frame.set)
    lists = write_lists(tmp_path / 'lists', **{k: frame.name for k, frame in frames.items()})
    data = tmp_path / 'data'
    run('kaist', source, '--lists', lists, '--aligned', '--out', data, '--jobs', 1)
    whole = cv2.imread(str(frames['testB'].path(source, 'lwir')), cv2.IMREAD_GRAYSCALE)
    cropped = cv2.imread(str(data / 'testB' / 'set9_0_I00000.png'), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(cropped, whole[112:400, 140:500])
    whole = cv2.imread(str(frames['trainB'].path(source, 'lwir')), cv2.IMREAD_GRAYSCALE)
    resized = cv2.resize(whole, (500, 400), interpolation=cv2.INTER_AREA)[56:344, 70:430]
    trained = cv2.imread(str(data / 'trainB' / 'set3_0_I00000.png'), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(trained, resized)
    assert names(data / 'trainA_thermal') == names(data / 'trainA') == ['set0_0_I00000.png']
    assert shape(data / 'trainA_thermal' / 'set0_0_I00000.png') == (288, 360)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    for seed, name in enumerate(('a', 'b')):
        draw(tmp_path / 'day' / f'{name}.jpg', 90, 70, seed=seed)
        draw(tmp_path / 'night' / f'{name}.png', 80, 64, color=False, seed=seed)
    return tmp_path / 'day', tmp_path / 'night'


def arguments(folders: tuple[Path, Path], data: Path) -> list[str | Path]:
    day, night = folders
    return [
        'folder',
        '--day',
        day,
        '--night',
        night,
        '--out',
        data,
        '--jobs',
        1,
        '--size',
        'native',
    ]


def test_native_pictures_stay_as_they_are(folders, tmp_path):
    day, night = folders
    data = tmp_path / 'data'
    run(*arguments(folders, data))
    assert (data / 'trainA' / 'a.jpg').read_bytes() == (day / 'a.jpg').read_bytes()
    frame = cv2.imread(str(night / 'b.png'), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(cv2.imread(str(data / 'trainB' / 'b.png'), cv2.IMREAD_UNCHANGED), frame)
    gray = matlab.gray(cv2.imread(str(day / 'a.jpg'))[..., ::-1])
    edges = cv2.imread(str(data / 'edgesA' / 'a.png'), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(edges, 255 * matlab.canny(gray, 20))
    edges = cv2.imread(str(data / 'edgesB' / 'b.png'), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(edges, surround_edges(frame))


def test_counts_become_8_bits_unless_they_are_kept(folders, tmp_path):
    _, night = folders
    counts = np.linspace(7000, 7999, 64 * 80).astype(np.uint16).reshape(64, 80)
    cv2.imwrite(str(night / 'a.png'), counts)
    run(*arguments(folders, tmp_path / 'data'))
    frame = cv2.imread(str(tmp_path / 'data' / 'trainB' / 'a.png'), cv2.IMREAD_UNCHANGED)
    assert frame.dtype == np.uint8
    # Linear between two percentiles, 1 and 99, of a sample.
    low, high = np.percentile(counts[SAMPLE], (1, 99))
    expected = np.clip((counts - low) / (high - low) * 255, 0, 255)
    np.testing.assert_allclose(frame, expected, atol=1)
    run(*arguments(folders, tmp_path / 'kept'), '--keep-16-bit')
    kept = cv2.imread(str(tmp_path / 'kept' / 'trainB' / 'a.png'), cv2.IMREAD_UNCHANGED)
    assert kept.dtype == np.uint16
    assert np.array_equal(kept, counts)
    edges = [(tmp_path / data / 'edgesB' / 'a.png').read_bytes() for data in ('data', 'kept')]
    assert edges[0] == edges[1]


def test_test_frames_and_day_thermal(folders, tmp_path):
    day, night = folders
    more = ['--test', night, '--day-thermal', night]
    run(*arguments(folders, tmp_path / 'data'), *more)
    assert names(tmp_path / 'data' / 'testB') == ['a.png', 'b.png']
    assert names(tmp_path / 'data' / 'trainA_thermal') == ['a.png', 'b.png']
    draw(day / 'c.jpg', 90, 70)
    with pytest.raises(DataError, match=r'lacks the partners of 1 of the 3 .*c\.jpg'):
        run(*arguments(folders, tmp_path / 'other'), *more)


def test_all_that_is_missing_is_told_at_once(tmp_path):
    (tmp_path / 'day').mkdir()
    draw(tmp_path / 'night' / 'a.png', 80, 64)
    draw(tmp_path / 'night' / 'a.jpg', 80, 64)
    with pytest.raises(DataError) as caught:
        run('folder', '--day', tmp_path / 'day', '--night', tmp_path / 'night',
            '--test', tmp_path / 'none', '--out', tmp_path / 'data')  # fmt: skip
    lines = str(caught.value).splitlines()
    assert len(lines) == 4
    assert 'day holds no pictures' in lines[1]
    assert '1 names of trainB occur twice: a' in lines[2]
    assert 'none does not exist' in lines[3]


def test_a_second_run_does_only_what_is_not_done(folders, tmp_path):
    day, _ = folders
    data = tmp_path / 'data'
    run(*arguments(folders, data))
    first, second = data / 'trainA' / 'a.jpg', data / 'trainA' / 'b.jpg'
    before = first.stat().st_mtime_ns
    second.write_bytes(b'half a pict')
    (data / 'edgesB' / 'a.png').unlink()
    run(*arguments(folders, data))
    assert first.stat().st_mtime_ns == before
    assert second.read_bytes() == (day / 'b.jpg').read_bytes()
    folders_ = record(data)['folders']
    assert {name: (f['written'], f['kept']) for name, f in folders_.items()} == {
        'trainA': (1, 1),
        'trainB': (0, 2),
        'edgesA': (1, 1),
        'edgesB': (1, 1),
    }
    # A source that changed is newer than its picture.
    os.utime(first, (0, 0))
    run(*arguments(folders, data))
    assert record(data)['folders']['trainA']['written'] == 1
    run(*arguments(folders, data), '--overwrite')
    assert record(data)['folders']['trainB']['written'] == 2


def test_two_ways_are_not_mixed(folders, tmp_path):
    data = tmp_path / 'data'
    run(*arguments(folders, data))
    with pytest.raises(DataError, match='edgesB was surround, now canny'):
        run(*arguments(folders, data), '--night-edges', 'canny')
    run(*arguments(folders, data), '--night-edges', 'canny', '--overwrite')
    frame = cv2.imread(str(data / 'trainB' / 'a.png'), cv2.IMREAD_UNCHANGED)
    edges = cv2.imread(str(data / 'edgesB' / 'a.png'), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(edges, canny(frame, 0.1, 0.2))
    draw(data / 'trainB' / 'stranger.png', 80, 64)
    with pytest.raises(DataError, match=r'1 files that are not of this selection \(stranger'):
        run(*arguments(folders, data), '--night-edges', 'canny')


def test_the_source_is_never_written_over(folders, tmp_path):
    day, night = folders
    night.rename(tmp_path / 'trainB')
    with pytest.raises(DataError, match='is the source'):
        run(*arguments((day, tmp_path / 'trainB'), tmp_path))


def test_broken_pictures_are_named_after_all_others_are_done(folders, tmp_path):
    day, _ = folders
    (day / 'a.jpg').write_bytes(b'no picture')
    with pytest.raises(DataError, match=r'trainA: 1 of 2 files failed.*a\.jpg'):
        run(*arguments(folders, tmp_path / 'data'))
    assert names(tmp_path / 'data' / 'trainA') == ['b.jpg']


def test_edges_of_a_data_folder_keep_what_is_there(data):
    (data / 'edgesA').mkdir()
    own = np.full((96, 120), 77, np.uint8)
    cv2.imwrite(str(data / 'edgesA' / 'a.png'), own)
    run('edges', data, '--jobs', 1, '--night-edges', 'canny')
    assert names(data / 'edgesA') == ['a.png', 'b.png', 'c.png']
    assert names(data / 'edgesB') == ['x.png', 'y.png']
    assert cv2.imread(str(data / 'edgesA' / 'a.png'), cv2.IMREAD_UNCHANGED)[0, 0] == 77
    with pytest.raises(DataError, match='edgesB was canny, now surround'):
        run('edges', data, '--jobs', 1)
    with pytest.raises(DataError, match='edgesA was matlab, now canny'):
        run('edges', data, '--jobs', 1, '--day-edges', 'canny', '--night-edges', 'canny')
    run('edges', data, '--jobs', 1, '--overwrite', '--day-edges', 'canny')
    day = cv2.cvtColor(cv2.imread(str(data / 'trainA' / 'a.png')), cv2.COLOR_BGR2GRAY)
    edges = cv2.imread(str(data / 'edgesA' / 'a.png'), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(edges, canny(day, 0.1, 0.2))
    with pytest.raises(DataError, match='does not exist'):
        run('edges', data / 'none', '--jobs', 1)


def test_edges_of_the_day_are_those_of_matlab(data):
    """High threshold 0.2, low 0.1, of grey as rgb2gray makes it; on thermal frames by choice."""
    run('edges', data, '--jobs', 1, '--night-edges', 'matlab')
    day = cv2.imread(str(data / 'trainA' / 'a.png'))[..., ::-1]
    edges = cv2.imread(str(data / 'edgesA' / 'a.png'), cv2.IMREAD_UNCHANGED)
    assert edges.dtype == np.uint8
    assert np.array_equal(edges, 255 * matlab.canny(matlab.gray(day), 20))
    night = cv2.imread(str(data / 'trainB' / 'x.png'), cv2.IMREAD_UNCHANGED)
    edges = cv2.imread(str(data / 'edgesB' / 'x.png'), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(edges, 255 * matlab.canny(night, 20))
    assert not np.array_equal(edges, canny(night, 0.1, 0.2))
    assert record(data)['settings'] == {'edgesA': 'matlab', 'edgesB': 'matlab'}


def test_what_the_label_maps_are_is_recorded(data):
    """Beside the settings of another command, which it does not touch."""
    run('edges', data, '--jobs', 1, '--night-edges', 'canny')
    run('masks', data, '--finished')
    settings = {'edgesA': 'matlab', 'edgesB': 'canny', 'masks': 'finished'}
    assert record(data)['settings'] == settings
    run('edges', data, '--jobs', 1, '--night-edges', 'canny')
    run('masks', data, '--no-finished')
    assert record(data)['settings'] == settings | {'masks': 'teachers'}
    with pytest.raises(DataError, match='does not exist'):
        run('masks', data / 'none', '--finished')


def test_several_processes_give_the_same_files(data, tmp_path):
    trained = data / 'trainA', data / 'trainB'
    for jobs in (1, 2):
        run(*arguments(trained, tmp_path / f'by{jobs}'), '--jobs', jobs)
    for folder in ('trainA', 'trainB', 'edgesA', 'edgesB'):
        one, two = tmp_path / 'by1' / folder, tmp_path / 'by2' / folder
        assert names(one) == names(two)
        assert all((one / name).read_bytes() == (two / name).read_bytes() for name in names(one))


def test_reshape():
    ramp = np.arange(500, dtype=np.uint16)[None].repeat(400, 0)
    assert np.array_equal(reshape(ramp, 'resize+crop'), ramp[56:344, 70:430])
    assert np.array_equal(reshape(ramp, 'crop'), ramp[56:344, 70:430])
    assert reshape(ramp, 'native') is ramp
    # Twice as large: each pixel is the mean of four.
    double = np.kron(np.tile([[0, 100]], (400, 250)), np.ones((2, 2))).astype(np.uint8)
    assert np.array_equal(reshape(double, 'resize+crop')[0, :4], [0, 100, 0, 100])
    assert reshape(np.zeros((60, 80, 3), np.uint8), 'resize+crop').shape == (288, 360, 3)
    with pytest.raises(DataError, match='320x256 is too small'):
        reshape(np.zeros((256, 320), np.uint8), 'crop')


def test_lists(tmp_path):
    lists = write_lists(tmp_path / 'lists', trainA='a\na\n  b \n\n', xtrainB_list='c', testB='')
    assert read_lists(lists) == {'trainA': ['a', 'b'], 'trainB': ['c'], 'testB': []}
    (lists / 'ytrainB.txt').write_text('d')
    with pytest.raises(DataError, match=r'several lists for trainB: xtrainB_list\.txt, ytrainB'):
        read_lists(lists)
    (lists / 'trainB.txt').write_text('e')
    assert read_lists(lists)['trainB'] == ['e']
    with pytest.raises(DataError, match='does not exist'):
        read_lists(tmp_path / 'none')
    (tmp_path / 'empty').mkdir()
    with pytest.raises(DataError, match=r'has no trainA\.txt and no trainB\.txt'):
        read_lists(tmp_path / 'empty')


def test_bare_names():
    assert bare_name('RGB/FLIR_00002.jpg') == 'FLIR_00002'
    assert bare_name('data\\night.v2.PNG') == 'night.v2'
    assert bare_name('night.v2') == 'night.v2'
