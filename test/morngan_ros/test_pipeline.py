"""The whole path of a frame, without ROS."""

from pathlib import Path
import subprocess
import sys

import numpy as np
import pytest
from tiny_models import expected_color
from tiny_models import save_generator
from tiny_models import save_probe_detector

from morngan_ros.detector import Detector
from morngan_ros.engines import EngineOptions
from morngan_ros.errors import FrameError
from morngan_ros.exposure import Exposure
from morngan_ros.generator import Generator
from morngan_ros.pipeline import Pipeline
from morngan_ros.simulation import ThermalScene


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    return Pipeline.load(
        save_generator(tmp_path / 'generator.onnx'),
        EngineOptions(precision='fp32', threads=1),
        detector=save_probe_detector(tmp_path / 'detector.onnx'),
    )


def test_8_bit_frame_goes_through_every_stage(pipeline: Pipeline) -> None:
    thermal = np.full((64, 64), 255, np.uint8)
    result = pipeline(thermal, 0.0)
    np.testing.assert_array_equal(result.thermal, thermal)
    np.testing.assert_array_equal(result.color, expected_color(thermal))
    assert [d.label for d in result.detections] == ['red']  # white becomes (255, 0, 51)
    assert result.detections[0].score == pytest.approx(1.0)
    assert set(result.seconds) == {'exposure', 'generator', 'detector'}
    assert all(seconds >= 0 for seconds in result.seconds.values())


def test_16_bit_frames_go_through_the_exposure(pipeline: Pipeline) -> None:
    scene = ThermalScene(160, 128, seed=1)
    reference = Exposure()
    for stamp in (0.0, 0.1, 0.2):
        counts = scene.render(stamp).counts
        result = pipeline(counts, stamp)
        np.testing.assert_array_equal(result.thermal, reference(counts, stamp))
        np.testing.assert_array_equal(result.color, expected_color(result.thermal))


def test_detection_can_be_left_out(pipeline: Pipeline) -> None:
    result = pipeline(np.full((64, 64), 255, np.uint8), 0.0, detect=False)
    assert result.detections == []
    assert set(result.seconds) == {'exposure', 'generator'}


def test_works_without_a_detector(tmp_path: Path) -> None:
    pipeline = Pipeline.load(save_generator(tmp_path / 'a.onnx'))
    pipeline.warm_up(8, 8)
    assert pipeline(np.zeros((8, 8), np.uint8), 0.0).detections == []


def test_parts_can_be_given(tmp_path: Path) -> None:
    generator = Generator.load(save_generator(tmp_path / 'a.onnx'))
    detector = Detector.load(save_probe_detector(tmp_path / 'b.onnx'))
    exposure = Exposure(low=0, high=100)
    pipeline = Pipeline(generator, detector, exposure)
    pipeline.warm_up(16, 16)
    assert (pipeline.generator, pipeline.detector) == (generator, detector)
    assert pipeline.exposure is exposure


def test_a_detector_that_fell_back_is_told_too(pipeline: Pipeline, tmp_path: Path) -> None:
    assert pipeline.fallback_reason == ''
    path = save_probe_detector(tmp_path / 'other.onnx')
    detector = Detector.load(path, EngineOptions('tensorrt', allow_fallback=True))
    if detector.provider == 'tensorrt':
        pytest.skip('this machine has TensorRT: nothing falls back')
    assert 'tensorrt' in Pipeline(pipeline.generator, detector).fallback_reason


def test_bad_frame_leaves_the_pipeline_alive(pipeline: Pipeline) -> None:
    with pytest.raises(FrameError):
        pipeline(np.zeros((0, 64), np.uint8), 0.0)
    with pytest.raises(FrameError):
        pipeline(np.zeros((64, 64), np.float64), 0.0)
    assert pipeline(np.zeros((64, 64), np.uint8), 0.1).color.shape == (64, 64, 3)


def test_runtime_imports_neither_torch_nor_ros() -> None:
    check = (
        'import sys, morngan_ros.pipeline, morngan_ros.simulation.thermal_scene, '
        'morngan_ros.overlay, morngan_ros.shipped, '
        'morngan_ros.node.health, morngan_ros.node.mailbox; '
        'print([m for m in ("torch", "rclpy", "openvino", "onnx") if m in sys.modules])'
    )
    done = subprocess.run(
        [sys.executable, '-c', check],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.strip() == '[]'
