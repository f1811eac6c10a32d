"""Detections from the model that makes the colour, in one pass."""

import numpy as np
import pytest
from tiny_models import expected_color
from tiny_models import save_detector
from tiny_models import save_generator

from morngan_ros.engines import EngineOptions
from morngan_ros.errors import ModelError
from morngan_ros.errors import OutputError
from morngan_ros.generator import Generator
from morngan_ros.model_head import ModelHead
from morngan_ros.pipeline import NO_DETECTOR
from morngan_ros.pipeline import Pipeline

NAMES = ['person', 'car']
BOXES = np.array([[[10, 5, 20, 25], [30, 8, 60, 28], [11, 5, 21, 25]]], np.float32)
SCORES = np.array([[[0.9, 0.0], [0.1, 0.8], [0.7, 0.0]]], np.float32)
FRAME = np.tile(np.arange(64, dtype=np.uint8), (32, 1))


def save(path, boxes=BOXES, scores=SCORES, names=NAMES, **how):
    return save_generator(path, info={'objects': names}, found=(boxes, scores), **how)


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    return save(tmp_path_factory.mktemp('model') / 'finds.onnx')


@pytest.mark.parametrize('provider', ['cpu', 'openvino'])
def test_colour_and_boxes_come_from_one_pass(model, provider):
    pipeline = Pipeline.load(model, EngineOptions(provider))
    result = pipeline(FRAME, 0.0)
    np.testing.assert_array_equal(result.color, expected_color(result.thermal))
    # The third box is the first one again; the second one's score as a person is too low.
    assert [(d.label, d.class_index, round(d.score, 3)) for d in result.detections] == [
        ('person', 0, 0.9),
        ('car', 1, 0.8),
    ]
    assert result.detections[0].box == (10, 5, 20, 25)
    assert pipeline.detector.name == 'head of the model'
    assert pipeline.detector.provider == provider


def test_nobody_asks_nobody_is_told(model):
    assert Pipeline.load(model)(FRAME, 0.0, detect=False).detections == []
    assert Pipeline.load(model, detector=NO_DETECTOR).detector is None


def test_a_file_looks_at_the_colour_instead(model, tmp_path):
    columns = np.array([32, 32, 40, 20, 0.9], np.float32).reshape(1, 5, 1)
    detector = save_detector(tmp_path / 'car.onnx', columns, names={0: 'lorry'})
    pipeline = Pipeline.load(model, EngineOptions('cpu'), detector=detector)
    assert [d.label for d in pipeline(FRAME, 0.0).detections] == ['lorry']
    assert pipeline.detector.name == 'detector car.onnx'


def test_a_model_without_a_head_works_as_before(tmp_path):
    generator = Generator.load(save_generator(tmp_path / 'plain.onnx'))
    assert generator.objects == ()
    _, found = generator.with_objects(FRAME)
    assert len(found.scores) == 0
    assert Pipeline.load(tmp_path / 'plain.onnx').detector is None
    with pytest.raises(ModelError, match='has no head for objects'):
        ModelHead(generator)


def test_threshold_and_classes_change_at_any_time(model):
    pipeline = Pipeline.load(model, EngineOptions('cpu'))
    pipeline.detector.threshold = 0.05
    pipeline.detector.classes = ['person']
    assert [d.label for d in pipeline(FRAME, 0.0).detections] == ['person', 'person']
    with pytest.raises(ModelError, match=r"has no class 'tram'.*person, car"):
        pipeline.detector.classes = ['tram']


def test_what_no_head_should_give_is_left_out_and_counted(tmp_path):
    boxes = np.array([[[np.nan, 5, 20, 25], [40, 8, 30, 28], [1, 1, 9, 9], [1, 1, 9, 9]]])
    scores = np.array([[[0.9, 0], [0.8, 0], [1.5, 0], [np.nan, 0]]])
    pipeline = Pipeline.load(save(tmp_path / 'odd.onnx', boxes, scores), EngineOptions('cpu'))
    assert pipeline(FRAME, 0.0).detections == []
    assert pipeline.detector.counts == {
        'not finite': 2,
        'without extent': 1,
        'score beyond one': 1,
    }


@pytest.mark.parametrize(
    ('boxes', 'scores', 'names', 'told'),
    [
        (BOXES, SCORES, ['person'], r'scores of 2 kinds .* names \[.person.\]'),
        (BOXES, SCORES, [], r'names none'),
        (BOXES[..., :3], SCORES, NAMES, 'not a generator; expected'),
        (BOXES[0], SCORES, NAMES, 'not a generator; expected'),
    ],
)
def test_a_head_that_cannot_be_read_is_refused_at_once(tmp_path, boxes, scores, names, told):
    with pytest.raises(ModelError, match=told):
        Generator.load(save(tmp_path / 'bad.onnx', boxes, scores, names), EngineOptions('cpu'))


def test_boxes_and_scores_that_do_not_belong_together_are_the_models_fault(tmp_path):
    generator = Generator.load(save(tmp_path / 'bad.onnx', BOXES[:, :2]), EngineOptions('cpu'))
    with pytest.raises(OutputError, match=r'gives boxes \[1, 2, 4\] and scores \[1, 3, 2\]'):
        generator.with_objects(FRAME)
    generator(FRAME)  # the colour does not need them


def test_boxes_of_a_model_of_fixed_size_are_in_pixels_of_the_frame(tmp_path):
    generator = Generator.load(save(tmp_path / 'fixed.onnx', size=(64, 128)), EngineOptions('cpu'))
    _, found = generator.with_objects(FRAME)
    np.testing.assert_allclose(found.boxes[0], BOXES[0, 0] / 2)


def test_many_boxes_are_thinned_to_three_hundred(tmp_path):
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 2000, (1, 700, 2))
    boxes = np.concatenate([corner, corner + 3], 2)
    scores = rng.uniform(0.3, 1, (1, 700, 2))
    pipeline = Pipeline.load(save(tmp_path / 'many.onnx', boxes, scores), EngineOptions('cpu'))
    assert len(pipeline(FRAME, 0.0).detections) == 300
