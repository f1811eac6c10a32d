"""Data folders from tiny copies of M3FD and LLVIP in their published layouts."""

from collections import Counter
from itertools import pairwise
from pathlib import Path
import re

import numpy as np
from preparing import names
from preparing import notes
from preparing import pair
from preparing import prepare
from preparing import run
from preparing import SIZE
from preparing import sized
from preparing import voc
from preparing import write_lists
import pytest

from morngan_train.data.boxes import read_boxes
from morngan_train.data.reading import DataError
from morngan_train.prepare.m3fd import role_of
from morngan_train.prepare.m3fd import select_m3fd


@pytest.fixture
def m3fd(tmp_path: Path) -> Path:
    """All in one folder: daytime 719 and 1995, night 400, test 1227, overcast 1."""
    source = tmp_path / 'M3FD_Detection'
    for stem in ('00719', '01995', '00400', '01227', '00001'):
        m3fd_frame(source, stem)
    return source


def m3fd_frame(folder: Path, stem: str) -> None:
    pair(folder / 'Vis' / f'{stem}.png', folder / 'Ir' / f'{stem}.png', int(stem))
    (folder / 'Annotation').mkdir(exist_ok=True)
    voc(
        folder / 'Annotation' / f'{stem}.xml',
        ('People', 8, 12, 24, 36),
        ('Car', 32, 24, 64, 48),
        ('Lamp', 1, 1, 5, 5),
        size=sized(*SIZE),
    )


@pytest.fixture
def llvip(tmp_path: Path) -> Path:
    source = tmp_path / 'LLVIP'
    (source / 'Annotations').mkdir(parents=True)
    for part, stems in (('train', ('010001', '020001')), ('test', ('190001',))):
        for stem in stems:
            color, thermal = (source / kind / part for kind in ('visible', 'infrared'))
            pair(color / f'{stem}.jpg', thermal / f'{stem}.jpg', int(stem))
            person = ('person', 8, 12, 24, 36)
            voc(source / 'Annotations' / f'{stem}.xml', person, size=sized(*SIZE))
    return source


def test_m3fd_by_number(m3fd, tmp_path):
    data = prepare('m3fd', m3fd.parent, out=tmp_path / 'data')
    assert names(data / 'trainA') == names(data / 'trainA_thermal') == ['00719.png', '01995.png']
    assert names(data / 'trainB') == ['00400.png']
    assert names(data / 'testB') == names(data / 'testB_visible') == ['01227.png']
    assert names(data / 'thermal') == ['00001.png']
    assert names(data / 'trainA_thermal_boxes') == ['00719.txt', '01995.txt']
    boxes = read_boxes(data / 'trainB_boxes' / '00400.txt', *SIZE)
    np.testing.assert_allclose(boxes, [[0, 8, 12, 24, 36], [2, 32, 24, 64, 48]], atol=1e-3)
    assert not (data / 'thermal_boxes').exists()
    assert 'thermal has the 1 frames that are neither daytime nor night' in notes(data)
    assert 'objects of other classes than person, bicycle, car are left out: 4 Lamp' in notes(data)


def test_m3fd_by_the_folder_of_the_scenario(tmp_path):
    source = tmp_path / 'src'
    scenes = {
        'Daytime/Alley': '00001',  # by its number it were in the pool
        'Night/Basement': '00002',
        'Night/Street': '01227',
        'Overcast/Atrium': '00719',
        'Challenge/Beach': '01995',
    }
    for scene, stem in scenes.items():
        m3fd_frame(source / 'M3FD' / scene, stem)
    pair(source / 'M3FD_Fusion/Vis/00003.png', source / 'M3FD_Fusion/Ir/00003.png', 3)
    (source / '__MACOSX' / 'Night' / 'Vis').mkdir(parents=True)
    selection = select_m3fd(source, None, 1)
    assert not selection.problems
    chosen = {folder: [p.name for p in each] for folder, each in selection.pictures.items()}
    assert chosen == {
        'trainA': ['00001'],
        'trainA_thermal': ['00001'],
        'trainB': ['00002'],
        'testB': ['01227'],
        'testB_visible': ['01227'],
        'thermal': ['00719', '01995'],
    }
    assert '1 folders have no Annotation and are left out' in selection.notes[0]
    assert 'M3FD_Fusion' in selection.notes[0]
    m3fd_frame(source / 'M3FD' / 'Night' / 'Square', '00002')
    problem = select_m3fd(source, None, 1).problems
    assert problem == ['1 names of trainB occur twice: 00002']


def test_m3fd_knows_the_scenarios_of_the_published_lists():
    """Of numbers 0 to 4199, 1513 are daytime and 736 night; 01863 is the beach of the README."""
    roles = [role_of(f'{number:05d}', 'M3FD_Detection') for number in range(4200)]
    assert Counter(roles) == {'day': 1513, 'night': 736 - 124, 'test': 124, 'pool': 1951}
    assert roles[1863] == 'pool'
    # No test frame has a neighbour in training.
    assert ('night', 'test') not in pairwise(roles)
    assert ('test', 'night') not in pairwise(roles)
    assert role_of('a_name', 'M3FD_Detection') == 'pool'


@pytest.mark.parametrize(
    ('content', 'note'),
    [
        (
            '<annotation><object>',
            r'leaves out 1 of 2 frames: .*00719\.xml cannot be read as Pascal VOC boxes',
        ),
        (
            f'<annotation>{sized(48, 64)}</annotation>',
            'describes a picture of 48x64, but its frame is',
        ),
    ],
)
def test_a_bad_xml_is_left_out_and_named(m3fd, tmp_path, content, note):
    (m3fd / 'Annotation' / '00719.xml').write_text(content)
    data = prepare('m3fd', m3fd, out=tmp_path / 'data')
    assert re.search(note, notes(data))
    assert names(data / 'trainA') == ['01995.png']


def test_llvip_has_night_alone(llvip, tmp_path):
    data = prepare('llvip', llvip, out=tmp_path / 'data')
    folders = {folder.name: names(folder) for folder in data.iterdir() if folder.is_dir()}
    assert folders == {
        'trainB': ['010001.png', '020001.png'],
        'trainB_boxes': ['010001.txt', '020001.txt'],
        'testB': ['190001.png'],
        'testB_boxes': ['190001.txt'],
        'testB_visible': ['190001.jpg'],
    }
    assert 'two of the 26 show the day' in notes(data)
    # Edge maps of what is there, now or later.
    edged = prepare('llvip', llvip, '--night-edges', 'canny', out=tmp_path / 'edged')
    run('edges', data, '--night-edges', 'canny', '--jobs', 1)
    for folder in (edged, data):
        assert names(folder / 'edgesB') == names(data / 'trainB')
        assert not (folder / 'edgesA').exists()


def test_llvip_by_lists(llvip, tmp_path):
    lists = write_lists(tmp_path / 'lists', trainB='010001')
    data = prepare('llvip', llvip, '--lists', lists, out=tmp_path / 'data')
    assert names(data / 'trainB') == ['010001.png']
    assert not (data / 'testB').exists()
    (lists / 'trainA.txt').write_text('020001')
    data = prepare('llvip', llvip, '--lists', lists, out=tmp_path / 'with_day')
    assert names(data / 'trainA') == ['020001.jpg']
    assert names(data / 'trainA_thermal') == ['020001.png']
    (lists / 'trainB.txt').unlink()
    with pytest.raises(DataError, match=r'has no trainB\.txt'):
        run('llvip', llvip, '--lists', lists, '--out', tmp_path / 'other')


def test_llvip_needs_its_annotations(llvip, tmp_path):
    (llvip / 'Annotations').rename(tmp_path / 'elsewhere')
    with pytest.raises(DataError) as caught:
        run('llvip', llvip, '--out', tmp_path / 'data', '--jobs', 1)
    assert str(caught.value).count('Annotations is missing') == 1


def test_it_is_told_why_no_frame_of_a_folder_is_left(m3fd, tmp_path):
    for file in (m3fd / 'Annotation').iterdir():
        file.rename(file.with_stem(f'annotation_{file.stem}'))
    with pytest.raises(DataError) as caught:
        run('m3fd', m3fd, '--out', tmp_path / 'data', '--jobs', 1)
    assert 'no pictures for trainA' in str(caught.value)
    assert re.search(r'5 frames of .*Ir have no partner in .*Annotation', str(caught.value))


def test_several_processes_give_the_same_files(llvip, tmp_path):
    one, two = (tmp_path / f'by{jobs}' for jobs in (1, 2))
    run('llvip', llvip, '--out', one, '--jobs', 1)
    run('llvip', llvip, '--out', two, '--jobs', 2)
    files = {file.relative_to(one) for file in one.rglob('*') if file.is_file()}
    assert files == {file.relative_to(two) for file in two.rglob('*') if file.is_file()}
    assert all((one / file).read_bytes() == (two / file).read_bytes() for file in files)
