"""Which values the parameters take, alone and together."""

from dataclasses import fields
from dataclasses import replace
import math
from pathlib import Path
from typing import Any

import pytest
from tiny_models import save_generator

pytest.importorskip('rclpy', reason='needs ROS 2')

import rclpy
from rclpy.context import Context
from rclpy.node import Node
from rclpy.parameter import Parameter

from morngan_ros.engines import EngineOptions
from morngan_ros.engines import load_engine
from morngan_ros.engines import PRECISIONS
from morngan_ros.engines import PROVIDERS
from morngan_ros.engines.interface import PRECISIONS_OF
from morngan_ros.errors import ProviderError
from morngan_ros.node.intake import MIN_SIDE
from morngan_ros.node.parameter_table import is_float
from morngan_ros.node.parameter_table import unknown_parameters
from morngan_ros.node.parameters import Settings

SENSELESS = [
    ({'precision': 'fp17'}, "precision is 'fp17', but must be one of auto, fp32, bf16, fp16"),
    ({'warm_up_size': [640000, 512000]}, r'327680000000 pixels, more than max_pixels \(4194304\)'),
    ({'warm_up_size': [8, 8]}, 'each at least 16'),
    ({'warm_up_size': [640, -512]}, 'each at least 16'),
    ({'warm_up_size': [640]}, r'must be \[width, height\]'),
    ({'max_pixels': 327679}, r'\[640, 512\] has 327680 pixels, more than max_pixels \(327679\)'),
    ({'model_input_range': [1.0, -1.0]}, r'model_input_range is \[1.0, -1.0\], but must be two'),
    ({'model_input_range': [0.0, 0.0]}, 'the lower one first'),
    ({'model_input_range': [0.0]}, 'two finite numbers'),
    ({'model_output_range': [math.nan, 1.0]}, 'model_output_range is .* finite'),
    ({'model_output_range': [0.0, math.inf]}, 'model_output_range is .* finite'),
    ({'crop_rows': [2]}, r'crop_rows is \[2\], but must be two numbers'),
    ({'crop_rows': [5, 5]}, 'the first one to keep, and the one after the last'),
    ({'crop_columns': [-2, -9]}, 'crop_columns is'),
    ({'exposure_range_low': -math.inf}, 'must be finite'),
    ({'max_rate': -1}, 'max_rate is -1, out of range 0 to 1000'),
    ({'exposure_low': 101}, 'exposure_low is 101, out of range 0 to 100'),
    ({'detection_threshold': 2}, 'detection_threshold is 2, out of range'),
    ({'max_rate': 'fast'}, "max_rate is 'fast', but must be a number"),
    ({'max_rate': True}, 'must be a number'),
    ({'max_rate': [5]}, 'must be a number'),
    ({'model_input_range': 'wide'}, 'must be a list of numbers'),
    ({'model_input_range': 1}, 'must be a list of numbers'),
    ({'model_input_range': ['0', '1']}, 'must be a list of numbers'),
    ({'model_input_range': [False, True]}, 'must be a list of numbers'),
    (
        {'provider': 'cpu', 'precision': 'fp16', 'allow_fallback': False},
        'precision is fp16, but provider cpu only has auto, fp32; .* allow_fallback',
    ),
]

SENSIBLE = [
    {'warm_up_size': [MIN_SIDE, MIN_SIDE], 'max_pixels': 4096},
    {'max_pixels': 327680},
    {'model_input_range': [0.0, 1.0]},
    {'crop_rows': [2, 0], 'crop_columns': [0, -8]},
    {'crop_rows': [-512, -2]},
    {'provider': 'openvino', 'precision': 'bf16', 'allow_fallback': False},
    {'provider': 'auto', 'precision': 'fp16', 'allow_fallback': False},
    {'provider': 'cpu', 'precision': 'fp16'},  # the precision gives way
]


def given(values: dict[str, Any]) -> list[Parameter]:
    return [Parameter(name, value=value) for name, value in values.items()]


@pytest.fixture(scope='module')
def context():
    opened = Context()
    rclpy.init(context=opened)
    yield opened
    rclpy.shutdown(context=opened)


@pytest.fixture
def start(context):
    """Start nodes with parameters; they end with the test."""
    nodes = []

    def start(values: dict[str, Any]) -> Node:
        overrides = given(values)
        nodes.append(Node('settings', context=context, parameter_overrides=overrides))
        return nodes[-1]

    yield start
    for node in nodes:
        node.destroy_node()


@pytest.mark.parametrize(('values', 'reason'), SENSELESS)
def test_nonsense_is_refused_live_and_at_the_start(start, values, reason):
    settings = Settings()
    with pytest.raises(ValueError, match=reason):
        settings.changed(given(values))
    with pytest.raises(ValueError, match=reason):
        Settings.declare(start(values))


@pytest.mark.parametrize('name', sorted(e.name for e in fields(Settings) if is_float(e.default)))
def test_integers_are_taken_for_floats(start, name):
    default = getattr(Settings(), name)
    whole = [-1, 1] if isinstance(default, tuple) else 80
    if name.endswith(('threshold', 'low')):
        whole = 1
    wanted = tuple(map(float, whole)) if isinstance(whole, list) else float(whole)
    if name == 'exposure_clahe_clip':
        whole, wanted = 3, 3.0
    node = start({name: whole})
    for settings in (Settings.declare(node), Settings().changed(given({name: whole}))):
        value = getattr(settings, name)
        assert value == wanted
        assert {type(number) for number in (value if isinstance(value, tuple) else (value,))} == {
            float
        }
    assert node.set_parameters(given({name: whole}))[0].successful or name == 'autostart_retry'


def test_unknown_parameters_are_named_with_the_nearest(start):
    node = start({'exposure_mod': 'clahe', 'max_rat': 5, 'fps': 30, 'jpeg_quality': 50})
    Settings.declare(node)
    words = unknown_parameters(node)
    assert words.count('\n') == 0
    assert 'exposure_mod (did you mean exposure_mode?)' in words
    assert 'max_rat (did you mean max_rate?)' in words
    assert 'fps' in words
    assert 'jpeg_quality' not in words
    known = start({'jpeg_quality': 50, 'use_sim_time': True})
    Settings.declare(known)
    assert unknown_parameters(known) == ''


@pytest.mark.parametrize('values', SENSIBLE)
def test_sense_is_taken_live_and_at_the_start(start, values):
    settings = Settings().changed(given(values))
    assert settings == Settings.declare(start(values))
    assert settings != Settings()


def test_descriptors_tell_the_limits(start):
    node = start({})
    Settings.declare(node)

    def constraints(name: str) -> str:
        return node.describe_parameter(name).additional_constraints

    assert constraints('precision').startswith('One of auto, fp32, bf16, fp16. Without allow_fall')
    assert (
        constraints('warm_up_size') == 'Each is at least 16; their product is at most max_pixels.'
    )
    assert constraints('model_input_range') == 'Two finite numbers, the lower one first.'
    assert constraints('overlay') == ''


@pytest.mark.parametrize('provider', PROVIDERS[1:])
def test_what_is_refused_together_could_not_be_loaded(tmp_path: Path, provider: str):
    path = save_generator(tmp_path / 'a.onnx')
    named = replace(Settings(), provider=provider, allow_fallback=False)
    for precision in set(PRECISIONS) - set(PRECISIONS_OF[provider]):
        with pytest.raises(ValueError, match='precision is'):
            replace(named, precision=precision).checked()
        with pytest.raises(ProviderError):
            load_engine(path, EngineOptions(provider, precision=precision))
