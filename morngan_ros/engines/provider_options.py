"""The options of each provider, as dictionaries: what OpenVINO and ONNX Runtime document.

Whatever a user passes on comes last and wins.
"""

from collections.abc import Mapping
from pathlib import Path
import platform

# GPU and processor of a Jetson share one memory: a builder that takes 4 GiB starves the rest.
_WORKSPACE = 4 << 30
_WORKSPACE_JETSON = 1 << 30
_NHWC_SINCE = (1, 20)
# The Python binding takes these words for TensorRT and refuses '1'; CUDA takes both.
_TRUE = 'True'


def openvino_options(
    precision: str, threads: int = 0, overrides: Mapping[str, str] | None = None
) -> dict[str, object]:
    """Make the properties with which OpenVINO compiles for the CPU.

    Neither a cache of models nor pinned threads is among them: the cache saves a third of a
    second at the start and has to be cleared when a file changes under its name, pinning is
    not measurable.

    Args:
        precision: 'bf16' or 'fp32'.
        threads: processor threads; 0 leaves the choice to OpenVINO.
        overrides: of the user.
    """
    return {
        'PERFORMANCE_HINT': 'LATENCY',
        'INFERENCE_PRECISION_HINT': 'bf16' if precision == 'bf16' else 'f32',
        **({'INFERENCE_NUM_THREADS': threads} if threads > 0 else {}),
        **(overrides or {}),
    }


def cuda_options(
    onnxruntime: str,
    *,
    cuda_graph: bool = False,
    machine: str = '',
    overrides: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Make the options of ONNX Runtime's CUDA provider.

    The search for the best convolutions runs once, in the warm-up. Channels last is what tensor
    cores want, but a build without it does not start with it: only the wheels for desktops have
    it for sure, from 1.20 on.

    Args:
        onnxruntime: version.
        cuda_graph: replay the whole model as one launch.
        machine: architecture; '' asks this machine.
        overrides: of the user.
    """
    release = tuple(int(part) for part in onnxruntime.split('.')[:2] if part.isdigit())
    nhwc = release >= _NHWC_SINCE and (machine or platform.machine()) == 'x86_64'
    return {
        'cudnn_conv_algo_search': 'EXHAUSTIVE',
        'cudnn_conv_use_max_workspace': '1',
        **({'prefer_nhwc': '1'} if nhwc else {}),
        **({'enable_cuda_graph': '1'} if cuda_graph else {}),
        **(overrides or {}),
    }


def tensorrt_options(
    precision: str,
    folder: Path | None,
    *,
    int8: bool = False,
    cuda_graph: bool = False,
    machine: str = '',
    overrides: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Make the options of ONNX Runtime's TensorRT provider, for one engine of a fixed shape.

    Instance norms need no option in fp16: TensorRT 10 computes its normalization layers, which
    its ONNX parser takes for them, in fp32 unless told otherwise. `trt_layer_norm_fp32_fallback`
    would do nothing for them, as it looks for Pow and ReduceMean; `trt_op_types_to_exclude` would
    cut the graph at every one of them.

    Args:
        precision: 'fp32', 'fp16' or 'bf16'.
        folder: where the engine and the timings of its kernels are kept, for this engine only;
            None keeps nothing.
        int8: the file is quantised (QDQ); TensorRT refuses such a graph without leave.
        cuda_graph: replay the whole model as one launch.
        machine: architecture; '' asks this machine.
        overrides: of the user.
    """
    jetson = (machine or platform.machine()) == 'aarch64'
    kept = {
        'trt_engine_cache_enable': _TRUE,
        'trt_engine_cache_path': str(folder),
        'trt_engine_cache_prefix': 'morngan',
        'trt_timing_cache_enable': _TRUE,
        'trt_timing_cache_path': str(folder),
    }
    return {
        **({f'trt_{precision}_enable': _TRUE} if precision != 'fp32' else {}),
        **({'trt_int8_enable': _TRUE} if int8 else {}),
        **(kept if folder is not None else {}),
        'trt_builder_optimization_level': '3',
        'trt_max_workspace_size': str(_WORKSPACE_JETSON if jetson else _WORKSPACE),
        **({'trt_cuda_graph_enable': _TRUE} if cuda_graph else {}),
        **(overrides or {}),
    }
