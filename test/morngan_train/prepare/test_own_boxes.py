"""Data folders from thermal frames with boxes in COCO's JSON, FLIR's index, and YOLO text."""

from collections.abc import Callable
from collections.abc import Sequence
import json
from pathlib import Path
import re

import cv2
import numpy as np
from preparing import draw
from preparing import names
from preparing import notes
from preparing import prepare
from preparing import read
from preparing import run
from preparing import SIZE
import pytest

from morngan_train.data.boxes import OBJECTS
from morngan_train.data.boxes import read_boxes
from morngan_train.data.objects import ObjectBoxes
from morngan_train.data.reading import DataError
from morngan_train.evaluation.dataset import open_test_set
from morngan_train.losses.objects import REGION
from morngan_train.prepare.categories import meaning_of

PERSON, CAR = (8, 12, 24, 36), (32, 24, 64, 48)
CATEGORIES = ('person', 'bike', 'car', 'truck', 'dog')


def annotation(image: int, category: int, corners: Sequence[float], **more: object) -> dict:
    x1, y1, x2, y2 = corners
    bbox = [x1, y1, x2 - x1, y2 - y1]
    return {'id': 0, 'image_id': image, 'category_id': category, 'bbox': bbox, **more}


def document(*annotations: dict, images: Sequence[str] = ('a.png', 'b.png')) -> dict:
    width, height = SIZE
    return {
        'images': [
            {'id': i, 'file_name': f'data/{name}', 'width': width, 'height': height}
            for i, name in enumerate(images)
        ],
        'annotations': list(annotations),
        'categories': [{'id': i, 'name': name} for i, name in enumerate(CATEGORIES)],
    }


def write(file: Path, content: object) -> Path:
    file.write_text(json.dumps(content))
    return file


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    """A person and a car in a; in b a bicycle, a truck, a crowd and a dog."""
    source = tmp_path / 'thermal'
    for seed, name in enumerate('ab'):
        draw(source / 'data' / f'{name}.png', *SIZE, color=False, seed=seed)
    marked = [
        annotation(0, 0, PERSON),
        annotation(0, 2, CAR),
        annotation(1, 1, PERSON),
        annotation(1, 3, CAR),
        annotation(1, 0, (0, 0, 30, 10), iscrowd=1),
        annotation(1, 4, (0, 0, 9, 9)),
    ]
    return write(source / 'coco.json', document(*marked))


@pytest.fixture
def yolo(tmp_path: Path) -> Path:
    """The same in the layout of YOLO; frame c has no file, d an empty one."""
    source = tmp_path / 'set'
    for seed, name in enumerate('abcd'):
        draw(source / 'images' / 'train' / f'{name}.png', *SIZE, color=False, seed=seed)
    labels = source / 'labels' / 'train'
    labels.mkdir(parents=True)
    (labels / 'a.txt').write_text(line(0, PERSON) + line(2, CAR))
    (labels / 'b.txt').write_text(line(1, PERSON) + line(3, CAR) + line(4, (0, 0, 9, 9)))
    (labels / 'd.txt').write_text('')
    (source / 'data.yaml').write_text('names: [person, bike, car, truck, dog]\nnc: 5\n')
    return source / 'images' / 'train'


def line(number: int, corners: Sequence[float]) -> str:
    x1, y1, x2, y2 = np.divide(corners, np.tile(SIZE, 2))
    return f'{number} {(x1 + x2) / 2} {(y1 + y2) / 2} {x2 - x1} {y2 - y1}\n'


def rows(data: Path, kind: str, name: str) -> list[list[float]]:
    boxes = read_boxes(data / f'trainB_{kind}' / f'{name}.txt', *SIZE)
    return np.round(boxes, 3).tolist()


def complaint(*arguments: str | Path, out: Path) -> str:
    """Prepare what cannot be; return the message, after a look that nothing was written."""
    with pytest.raises(DataError) as caught:
        run(*arguments, '--out', out, '--jobs', 1)
    assert not out.exists()
    return str(caught.value)


def test_coco(coco, tmp_path):
    data = prepare('coco', coco, out=tmp_path / 'out')
    assert names(data / 'trainB') == ['a.png', 'b.png']
    assert names(data / 'trainB_boxes') == names(data / 'trainB_ignore') == ['a.txt', 'b.txt']
    assert np.array_equal(read(data / 'trainB' / 'a.png'), read(coco.parent / 'data' / 'a.png'))
    assert rows(data, 'boxes', 'a') == [[0, *PERSON], [2, *CAR]]
    assert rows(data, 'boxes', 'b') == [[1, *PERSON]]
    assert rows(data, 'ignore', 'a') == []
    assert rows(data, 'ignore', 'b') == [[0, *CAR], [0, 0, 0, 30, 10]]
    assert (
        'trainB: boxes taken: 1 bike as bicycle, 1 car, 1 crowd of person as ignore, 1 person, '
        '1 truck as ignore\ntrainB: boxes left out: 1 dog; map a category'
    ) in notes(data)


def test_yolo(yolo, tmp_path):
    data = prepare('yolo', yolo, out=tmp_path / 'out')
    assert names(data / 'trainB') == ['a.png', 'b.png', 'c.png', 'd.png']
    # Nobody has labelled c; d shows nobody.
    assert names(data / 'trainB_boxes') == ['a.txt', 'b.txt', 'd.txt']
    assert rows(data, 'boxes', 'a') == [[0, *PERSON], [2, *CAR]]
    assert rows(data, 'boxes', 'b') == [[1, *PERSON]]
    assert rows(data, 'ignore', 'b') == [[0, *CAR]]
    assert rows(data, 'boxes', 'd') == []
    told = notes(data)
    assert '1 of 4 frames are unlabelled and do not train the head' in told
    assert '1 of 4 frames have labels but no box' in told
    assert re.search(r'class names are from .*data\.yaml', told)


def test_what_the_head_learns_from(yolo, tmp_path):
    data = prepare('yolo', yolo, out=tmp_path / 'out')
    boxes = ObjectBoxes(sorted((data / 'trainB').iterdir()), OBJECTS)
    shape = SIZE[::-1]
    np.testing.assert_allclose(boxes(1, shape), [[1, *PERSON], [REGION, *CAR]], atol=1e-3)
    assert boxes(2, shape) is None
    assert len(boxes(3, shape)) == 0


def test_a_test_set_is_one_that_evaluate_takes(coco, tmp_path):
    data = prepare('coco', coco, out=tmp_path / 'out')
    prepare('coco', coco, '--folder', 'testB', out=data)
    test_set = open_test_set(data)
    assert [path.name for path in test_set.boxes or ()] == ['a.txt', 'b.txt']
    assert [path.name for path in test_set.ignore or ()] == ['a.txt', 'b.txt']
    assert names(data / 'trainB') == ['a.png', 'b.png']


def test_the_index_of_flir(tmp_path):
    name = 'video-Yx3-frame-000012-Zq9'
    draw(tmp_path / 'in' / 'data' / f'{name}.jpg', *SIZE, color=False)
    box = {'x': 8, 'y': 12, 'w': 16, 'h': 24}
    frame = {
        'datasetFrameId': 'Zq9',
        'videoMetadata': {'frameId': 'F', 'videoId': 'Yx3', 'frameIndex': 12},
        'width': SIZE[0],
        'height': SIZE[1],
        'annotations': [
            {'boundingBox': box, 'labels': ['bike']},
            {'boundingBox': box, 'labels': ['other vehicle']},
            {'boundingBox': box, 'labels': []},
        ],
    }
    index = write(tmp_path / 'in' / 'index.json', {'frames': [frame], 'videos': []})
    data = prepare('coco', index, out=tmp_path / 'out')
    assert names(data / 'trainB') == [f'{name}.png']
    assert rows(data, 'boxes', name) == [[1, *PERSON]]
    assert rows(data, 'ignore', name) == [[0, *PERSON]]
    assert 'boxes left out: 1 without name' in notes(data)
    del frame['videoMetadata']['frameIndex']
    write(index, {'frames': [frame]})
    told = complaint('coco', index, out=tmp_path / 'other')
    assert 'frames.0.videoMetadata.frameIndex: Field required' in told


def test_frames_of_16_bits_under_another_suffix(coco, tmp_path):
    counts = np.linspace(20000, 24000, SIZE[0] * SIZE[1]).astype(np.uint16).reshape(SIZE[::-1])
    for name in 'ab':
        (tmp_path / 'counts').mkdir(exist_ok=True)
        assert cv2.imwrite(str(tmp_path / 'counts' / f'{name}.tiff'), counts)
    arguments = ('coco', coco, '--frames', tmp_path / 'counts')
    eight = read(prepare(*arguments, out=tmp_path / 'out') / 'trainB' / 'a.png')
    assert (eight.dtype, eight.min(), eight.max()) == (np.uint8, 0, 255)
    data = prepare(*arguments, '--keep-16-bit', out=tmp_path / 'kept')
    assert np.array_equal(read(data / 'trainB' / 'a.png'), counts)
    assert rows(data, 'boxes', 'a') == [[0, *PERSON], [2, *CAR]]


@pytest.mark.parametrize(
    ('category', 'meaning'),
    [
        ('People', 'person'),
        ('rider', 'person'),
        ('bike', 'bicycle'),
        ('Van', 'car'),
        ('Other_Vehicle', 'ignore'),
        ('person?', 'ignore'),
        ('motor', 'ignore'),
        ('deer', 'none'),
    ],
)
def test_meanings_by_default(category, meaning):
    assert meaning_of(category, {}) == meaning


def test_meanings_of_the_user_go_first(coco, tmp_path):
    own = ('--class', 'dog=person', '--class', 'car=none', '--class', 'truck=car')
    data = prepare('coco', coco, *own, out=tmp_path / 'out')
    assert rows(data, 'boxes', 'a') == [[0, *PERSON]]
    assert rows(data, 'boxes', 'b') == [[1, *PERSON], [2, *CAR], [0, 0, 0, 9, 9]]
    told = complaint('coco', coco, '--class', 'cart=car', out=tmp_path / 'other')
    assert '--class cart: no such category; choose from bike, car, dog, person, truck' in told


@pytest.mark.parametrize('text', ['dog', 'dog=cat', '=car'])
def test_a_meaning_that_is_none(coco, text, capsys):
    with pytest.raises(SystemExit):
        run('coco', coco, '--class', text, '--out', 'x')
    assert 'must be NAME=CLASS, with person, bicycle, car, ignore, none as CLASS' in (
        capsys.readouterr().err
    )


BOXES: dict[str, tuple[list[dict], list[list[float]], str]] = {
    'over the border': ([annotation(0, 0, (-5, -5, 20, 60))], [[0, 0, 0, 20, 48]], ''),
    'outside': (
        [annotation(0, 2, (70, 0, 90, 20)), annotation(0, 0, PERSON)],
        [[0, *PERSON]],
        '1 car (outside the frame, or without area)',
    ),
    'without area': (
        [annotation(0, 2, (9, 9, 9, 20)), annotation(0, 0, PERSON)],
        [[0, *PERSON]],
        '1 car (outside the frame, or without area)',
    ),
    'duplicate': ([annotation(0, 0, PERSON)] * 3, [[0, *PERSON]], '2 person (duplicate)'),
    'category without name': (
        [annotation(0, 0, PERSON), annotation(0, 77, CAR)],
        [[0, *PERSON]],
        'boxes left out: 1 category 77',
    ),
    'no frame': (
        [annotation(0, 0, PERSON), annotation(9, 0, CAR)],
        [[0, *PERSON]],
        'belong to frames that it does not list',
    ),
}


@pytest.mark.parametrize(('marked', 'expected', 'note'), BOXES.values(), ids=BOXES.keys())
def test_odd_annotations(coco, tmp_path, marked, expected, note):
    write(coco, document(*marked))
    data = prepare('coco', coco, out=tmp_path / 'out')
    assert rows(data, 'boxes', 'a') == expected
    assert note in notes(data)
    assert ('boxes left out' in notes(data)) == (note != '' and 'belong' not in note)


def shrink(path: Path) -> None:
    draw(path, SIZE[0] // 2, SIZE[1] // 2)


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


@pytest.mark.parametrize(
    ('spoil', 'note'),
    [
        (
            Path.unlink,
            r'1 of the 2 frames that .*coco\.json lists are not in .*: data/b\.png; name',
        ),
        (cut_off, r'leaves out 1 of 2 frames: .*b\.png cannot be decoded'),
        (shrink, r'leaves out 1 of 2 .*describes a picture of 64x48, .*b\.png is 32x24; name'),
    ],
)
def test_an_odd_frame_of_coco_is_left_out_and_named(
    coco, tmp_path, spoil: Callable[[Path], None], note
):
    spoil(coco.parent / 'data' / 'b.png')
    data = prepare('coco', coco, out=tmp_path / 'out')
    assert re.search(note, notes(data))
    for folder, suffix in (('trainB', 'png'), ('trainB_boxes', 'txt'), ('trainB_ignore', 'txt')):
        assert names(data / folder) == [f'a.{suffix}']
    spoil(coco.parent / 'data' / 'a.png')
    assert re.search(note.replace('1 of', '2 of')[:40], complaint('coco', coco, out=tmp_path / 'o'))


def test_a_frame_that_coco_does_not_list_is_not_labelled(coco, tmp_path):
    draw(coco.parent / 'data' / 'z.png', *SIZE)
    data = prepare('coco', coco, out=tmp_path / 'out')
    assert names(data / 'trainB') == ['a.png', 'b.png']
    assert re.search(r'1 pictures of .*data are not in .*: z\.png', notes(data))


def double_id(content: dict) -> None:
    content['images'][1]['id'] = 0


def double_file(content: dict) -> None:
    content['images'][1]['file_name'] = 'data/a.png'


def no_box(content: dict) -> None:
    del content['annotations'][1]['bbox']


def no_number(content: dict) -> None:
    content['annotations'][0]['bbox'][0] = float('nan')


def no_road_user(content: dict) -> None:
    content['annotations'] = content['annotations'][-1:]


def no_frame(content: dict) -> None:
    content['images'] = []


@pytest.mark.parametrize(
    ('spoil', 'message'),
    [
        (double_id, r'each image needs a unique id, but these occur twice: 0'),
        (double_file, r'1 names of trainB occur twice: a'),
        (no_box, r'annotations\.1\.bbox: Field required'),
        (no_number, r'annotations\.0\.bbox\.0: Input should be a finite number'),
        (no_road_user, r'no box is a person or bicycle or car; (.|\n)*left out: 1 dog'),
        (no_frame, r'0 of the 0 frames that .* lists'),
    ],
)
def test_a_file_of_coco_that_is_wrong(coco, tmp_path, spoil, message):
    content = json.loads(coco.read_text())
    spoil(content)
    write(coco, content)
    assert re.search(message, complaint('coco', coco, out=tmp_path / 'out'))


def test_no_file_of_coco(coco, tmp_path):
    out = tmp_path / 'out'
    assert 'nowhere.json cannot be read' in complaint('coco', tmp_path / 'nowhere.json', out=out)
    assert 'elsewhere does not exist' in complaint('coco', coco, '--frames', 'elsewhere', out=out)
    for text, message in (
        ('{', 'cannot be read as COCO JSON'),
        ('[]', 'is not JSON of COCO or FLIR'),
    ):
        coco.write_text(text)
        assert message in complaint('coco', coco, out=out)


@pytest.mark.parametrize(
    ('name', 'text'),
    [
        ('data.yaml', 'names: {0: person, 1: bike, 2: car, 3: truck, 4: dog}'),
        ('classes.txt', 'person\nbike\ncar\ntruck\ndog\n'),
    ],
)
def test_names_of_yolo(yolo, tmp_path, name, text):
    """The file may lie beside the labels, above them, or where --names says."""
    (yolo.parents[1] / 'data.yaml').unlink()
    labels = yolo.parents[1] / 'labels' / 'train'
    for i, folder in enumerate((labels, yolo.parents[1], tmp_path)):
        (folder / name).write_text(text)
        option = ('--names', folder / name) if folder == tmp_path else ()
        data = prepare('yolo', yolo, *option, out=tmp_path / f'out{i}')
        assert rows(data, 'boxes', 'b') == [[1, *PERSON]]
        (folder / name).unlink()
    told = complaint('yolo', yolo, out=tmp_path / 'out')
    assert 'class names are unknown; no data.yaml or classes.txt in' in told
    data = prepare('yolo', yolo, '--names', 'car', 'person', out=tmp_path / 'given')
    assert rows(data, 'boxes', 'a') == [[2, *PERSON]]
    assert 'boxes left out: 1 class 2, 1 class 3, 1 class 4' in notes(data)


@pytest.mark.parametrize('text', ['nc: 5', 'names: 5', '[', 'names: {a: b}'])
def test_names_that_are_none(yolo, tmp_path, text):
    (yolo.parents[1] / 'data.yaml').write_text(text)
    assert 'cannot be read as class names' in complaint('yolo', yolo, out=tmp_path / 'out')


def test_labels_beside_the_frames_or_elsewhere(yolo, tmp_path):
    labels = yolo.parents[1] / 'labels' / 'train'
    elsewhere = labels.rename(tmp_path / 'elsewhere')
    told = complaint('yolo', yolo, out=tmp_path / 'out')
    assert 'none of the 4 frames of' in told
    assert 'name the folder of the text files with --labels' in told
    data = prepare('yolo', yolo, '--labels', elsewhere, out=tmp_path / 'given')
    assert rows(data, 'boxes', 'b') == [[1, *PERSON]]
    for file in elsewhere.iterdir():
        file.rename(yolo / file.name)
    data = prepare('yolo', yolo, out=tmp_path / 'beside')
    assert rows(data, 'boxes', 'b') == [[1, *PERSON]]
    told = complaint('yolo', yolo, '--labels', tmp_path / 'nowhere', out=tmp_path / 'out')
    assert 'nowhere does not exist' in told


@pytest.mark.parametrize('text', ['0 0.5 0.5 0.1\n', '0 0.5 1.5 0.1 0.1\n', '0 a b c d\n', '\xff'])
def test_a_bad_file_of_yolo_is_left_out_and_named(yolo, tmp_path, text):
    bad = yolo.parents[1] / 'labels' / 'train' / 'b.txt'
    bad.write_bytes(text.encode('latin-1'))
    data = prepare('yolo', yolo, out=tmp_path / 'out')
    assert re.search(r'leaves out 1 of 4 frames: .*b\.txt', notes(data))
    assert names(data / 'trainB') == ['a.png', 'c.png', 'd.png']


def test_odd_files_of_yolo(yolo, tmp_path):
    (yolo.parents[1] / 'labels' / 'train' / 'z.txt').write_text(line(0, PERSON))
    data = prepare('yolo', yolo, out=tmp_path / 'out')
    assert re.search(r'1 files of .*labels/train have no frame in .*images/train: z', notes(data))
    draw(yolo / 'a.jpg', *SIZE)
    assert '1 names of trainB occur twice: a' in complaint('yolo', yolo, out=tmp_path / 'other')


def test_a_second_run_follows_the_labels(yolo, tmp_path):
    data = prepare('yolo', yolo, out=tmp_path / 'out')
    assert len(rows(data, 'ignore', 'b')) == 1
    prepare('yolo', yolo, '--class', 'truck=car', out=data)
    assert rows(data, 'ignore', 'b') == []
    assert rows(data, 'boxes', 'b') == [[1, *PERSON], [2, *CAR]]
