"""Names, sizes, strides and tasks in every spelling that exporters write."""

import json
from pathlib import Path

import pytest

from morngan_ros.adapters.detector_metadata import class_names
from morngan_ros.adapters.detector_metadata import input_size
from morngan_ros.adapters.detector_metadata import task
from morngan_ros.engines.model_file import ModelFile
from morngan_ros.errors import ModelError

NAMES = ('person', 'bicycle', 'car')
ELEVEN = tuple(f'thing {n}' for n in range(11))


def file(**metadata: str) -> ModelFile:
    return ModelFile(Path('yolo.onnx'), '', metadata)


@pytest.mark.parametrize(
    'metadata',
    [
        {'names': "{0: 'person', 1: 'bicycle', 2: 'car'}"},
        {'names': '{"0": "person", "1": "bicycle", "2": "car"}'},
        {'names': '{"2": "car", "0": "person", "1": "bicycle"}'},
        {'names': "['person', 'bicycle', 'car']"},
        {'names': '["person", "bicycle", "car"]'},
        {'names': "('person', 'bicycle', 'car')"},
        {'names': "{'person': 0, 'bicycle': 1, 'car': 2}"},
        {'names': 'person,bicycle, car'},
        {'names': 'person\nbicycle\ncar\n'},
        {'names': 'person;bicycle;car'},
        {'class_names': '["person", "bicycle", "car"]'},
        {'classes': 'person,bicycle,car'},
        {'CLASSES': "['person', 'bicycle', 'car']"},
        {'labels': '{"person": "0", "bicycle": "1", "car": "2"}'},
        {'id2label': '{"0": "person", "1": "bicycle", "2": "car"}'},
        {'categories': '[{"id": 1, "name": "person"}, {"name": "bicycle"}, {"name": "car"}]'},
        {'names': '0: person\n1: bicycle\n2: car'},
        {'names': '{"names": {"0": "person", "1": "bicycle", "2": "car"}}'},
        {'names': '', 'labels': '["person", "bicycle", "car"]'},
        {'classes': '3', 'labels': '["person", "bicycle", "car"]'},
    ],
    ids=str,
)
def test_names(metadata: dict[str, str]) -> None:
    assert class_names(file(**metadata)) == NAMES


def test_numbers_as_text_are_sorted_as_numbers() -> None:
    """As text, '10' stands before '2'."""
    assert class_names(file(names=json.dumps(dict(enumerate(ELEVEN))))) == ELEVEN


def test_gaps_keep_their_numbers() -> None:
    assert class_names(file(names="{1: 'person', 3: 'car'}")) == (
        *('class 0', 'person', 'class 2', 'car'),
    )


@pytest.mark.parametrize('text', ['', '80', '{}', '[]', 'None', '{"a": "b"}', '{-1: "a"}'])
def test_no_names(text: str) -> None:
    assert class_names(file(names=text)) == ()


def test_half_a_mapping_is_told_with_the_cure() -> None:
    with pytest.raises(ModelError, match=r"cannot read its metadata 'names'.*detector_class_names"):
        class_names(file(names="{0: 'person', 1:"))


@pytest.mark.parametrize(
    ('text', 'size'),
    [
        ('[480, 640]', (480, 640)),
        ('(480, 640)', (480, 640)),
        ('480, 640', (480, 640)),
        ('["480", "640"]', (480, 640)),
        ('640x480', (480, 640)),
        ('[1, 3, 480, 640]', (480, 640)),
        ('{"height": 480, "width": 640}', (480, 640)),
        ('640', (640, 640)),
        ('640.0', (640, 640)),
        ('[640]', (640, 640)),
        ('"640"', (640, 640)),
        ('', None),
        ('0', None),
        ('[]', None),
        ('-640', None),
        ('[640, "wide"]', None),
        ('1000000000', None),
        ('640.5', None),
    ],
)
def test_sizes(text: str, size: tuple[int, int] | None) -> None:
    assert input_size(file(imgsz=text)) == size
    assert input_size(file(input_size=text)) == size


@pytest.mark.parametrize(
    ('stride', 'size'),
    [
        ('32', (384, 416)),
        ('[8, 16, 32]', (384, 416)),
        ('32.0', (384, 416)),
        ('64', (384, 448)),
        ('', (380, 400)),
        ('fine', (380, 400)),
        ('0', (380, 400)),
    ],
)
def test_sizes_are_multiples_of_the_stride(stride: str, size: tuple[int, int]) -> None:
    assert input_size(file(imgsz='[380, 400]', stride=stride)) == size


@pytest.mark.parametrize(
    ('metadata', 'said'),
    [({'task': 'segment'}, 'segment'), ({'task': '"Pose"'}, 'pose'), ({'Task': 'obb '}, 'obb')],
)
def test_tasks(metadata: dict[str, str], said: str) -> None:
    assert task(file(**metadata)) == said
    assert task(file()) == ''
