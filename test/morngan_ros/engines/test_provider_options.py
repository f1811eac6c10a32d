"""The exact options that each provider gets."""

from pathlib import Path

import pytest

from morngan_ros.engines.provider_options import cuda_options
from morngan_ros.engines.provider_options import openvino_options
from morngan_ros.engines.provider_options import tensorrt_options

FOLDER = Path('/cache/engine')

KEPT = {
    'trt_engine_cache_enable': 'True',
    'trt_engine_cache_path': '/cache/engine',
    'trt_engine_cache_prefix': 'morngan',
    'trt_timing_cache_enable': 'True',
    'trt_timing_cache_path': '/cache/engine',
}


def test_tensorrt_in_fp16_on_a_desktop() -> None:
    assert tensorrt_options('fp16', FOLDER, machine='x86_64') == {
        'trt_fp16_enable': 'True',
        **KEPT,
        'trt_builder_optimization_level': '3',
        'trt_max_workspace_size': '4294967296',
    }


def test_tensorrt_on_a_jetson_leaves_memory_to_the_rest() -> None:
    assert tensorrt_options('bf16', FOLDER, machine='aarch64') == {
        'trt_bf16_enable': 'True',
        **KEPT,
        'trt_builder_optimization_level': '3',
        'trt_max_workspace_size': '1073741824',
    }


def test_tensorrt_in_fp32_says_nothing_of_precision() -> None:
    options = tensorrt_options('fp32', FOLDER, machine='x86_64')
    assert not any(name.endswith(('16_enable', 'int8_enable')) for name in options)


def test_tensorrt_takes_quantised_files_and_graphs_only_when_asked() -> None:
    plain = tensorrt_options('fp16', FOLDER, machine='x86_64')
    assert tensorrt_options('fp16', FOLDER, int8=True, cuda_graph=True, machine='x86_64') == {
        **plain,
        'trt_int8_enable': 'True',
        'trt_cuda_graph_enable': 'True',
    }


def test_tensorrt_keeps_nothing_without_a_folder() -> None:
    assert tensorrt_options('fp16', None, machine='x86_64') == {
        'trt_fp16_enable': 'True',
        'trt_builder_optimization_level': '3',
        'trt_max_workspace_size': '4294967296',
    }


def test_cuda_on_a_desktop() -> None:
    plain = {
        'cudnn_conv_algo_search': 'EXHAUSTIVE',
        'cudnn_conv_use_max_workspace': '1',
        'prefer_nhwc': '1',
    }
    assert cuda_options('1.32.0', machine='x86_64') == plain
    assert cuda_options('1.32.0', machine='x86_64', cuda_graph=True) == {
        **plain,
        'enable_cuda_graph': '1',
    }


@pytest.mark.parametrize(
    ('version', 'machine'),
    [('1.32.0', 'aarch64'), ('1.19.2', 'x86_64'), ('1.9.0', 'x86_64'), ('unknown', 'x86_64')],
)
def test_cuda_where_channels_last_may_be_left_out_of_the_build(version: str, machine: str) -> None:
    assert cuda_options(version, machine=machine) == {
        'cudnn_conv_algo_search': 'EXHAUSTIVE',
        'cudnn_conv_use_max_workspace': '1',
    }


def test_openvino() -> None:
    assert openvino_options('bf16', 3) == {
        'PERFORMANCE_HINT': 'LATENCY',
        'INFERENCE_PRECISION_HINT': 'bf16',
        'INFERENCE_NUM_THREADS': 3,
    }
    assert openvino_options('fp32') == {
        'PERFORMANCE_HINT': 'LATENCY',
        'INFERENCE_PRECISION_HINT': 'f32',
    }


def test_the_user_wins() -> None:
    level = {'trt_builder_optimization_level': '5', 'trt_dla_enable': 'True'}
    assert level.items() <= tensorrt_options('fp16', FOLDER, overrides=level).items()
    assert cuda_options('1.32.0', overrides={'prefer_nhwc': '0'})['prefer_nhwc'] == '0'
    assert openvino_options('fp32', overrides={'PERFORMANCE_HINT': 'THROUGHPUT'}) == {
        'PERFORMANCE_HINT': 'THROUGHPUT',
        'INFERENCE_PRECISION_HINT': 'f32',
    }
