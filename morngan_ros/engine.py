"""Run one ONNX file through OpenVINO or ONNX Runtime behind one small interface.

An engine belongs to one thread: its inference requests and buffers are reused from call to call.
Give every worker an engine of its own.
"""

from collections import OrderedDict
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
import logging
from pathlib import Path
from typing import Any
from typing import Protocol

import numpy as np

from morngan_ros.errors import FrameError
from morngan_ros.errors import ModelError
from morngan_ros.errors import ProviderError
from morngan_ros.model_file import ModelFile
from morngan_ros.model_file import read_model_file

LOGGER = logging.getLogger(__name__)

PROVIDERS = ('auto', 'tensorrt', 'cuda', 'openvino', 'cpu')
PRECISIONS = ('auto', 'fp32', 'bf16', 'fp16')

_ORT_NAMES = {
    'tensorrt': 'TensorrtExecutionProvider',
    'cuda': 'CUDAExecutionProvider',
    'cpu': 'CPUExecutionProvider',
}
_ORT_DTYPES = {
    'tensor(uint8)': np.uint8,
    'tensor(int8)': np.int8,
    'tensor(uint16)': np.uint16,
    'tensor(int32)': np.int32,
    'tensor(int64)': np.int64,
    'tensor(float16)': np.float16,
    'tensor(float)': np.float32,
    'tensor(double)': np.float64,
}
# A camera has one size; a folder of pictures has a few. Each compiled shape holds its own buffers.
_COMPILED_SHAPES = 4


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name, shape and type of an input or output; None stands for an axis of any size."""

    name: str
    shape: tuple[int | None, ...]
    dtype: np.dtype

    def __str__(self) -> str:
        axes = ', '.join('?' if axis is None else str(axis) for axis in self.shape)
        return f'{self.name!r} {self.dtype} [{axes}]'

    def accepts(self, array: np.ndarray) -> bool:
        """Tell whether an array has this type and shape."""
        return (
            array.dtype == self.dtype
            and array.ndim == len(self.shape)
            and all(a is None or a == b for a, b in zip(self.shape, array.shape, strict=True))
        )


class Engine(Protocol):
    """A loaded model: arrays in, fresh arrays out. For one caller thread."""

    provider: str
    precision: str
    path: Path
    sha256: str
    metadata: dict[str, str]
    inputs: list[TensorSpec]
    outputs: list[TensorSpec]

    def __call__(self, *arrays: np.ndarray) -> list[np.ndarray]:
        """Run the model.

        Args:
            *arrays: one array for each of `inputs`, in their order, of their type and shape.

        Returns:
            One array for each of `outputs`; they are the caller's to keep.

        Raises:
            FrameError: an array has another type or shape than the model takes.
            ModelError: the model fails on this input.
        """


def load_engine(
    path: str | Path,
    provider: str = 'auto',
    *,
    precision: str = 'auto',
    threads: int = 0,
    options: Mapping[str, str] | None = None,
) -> Engine:
    """Load an ONNX file.

    Args:
        path: the ONNX file.
        provider: one of `PROVIDERS`; 'auto' takes the first of TensorRT, CUDA, OpenVINO and
            ONNX Runtime on the CPU that really loads the file, and logs why others did not.
        precision: one of `PRECISIONS`; 'auto' is bf16 with OpenVINO on a processor that has it,
            fp32 otherwise. The precision of the weights in the file is not its concern.
        threads: processor threads to compute with; 0 leaves the choice to the runtime.
        options: options of the provider, passed through as they are (for instance
            `trt_engine_cache_path`); with 'auto' they go to whichever provider is chosen.

    Returns:
        The engine; its `provider` and `precision` are what really runs.

    Raises:
        ModelError: the file is missing, broken or unusable.
        ProviderError: this machine cannot run the provider or the precision asked for.
    """
    if provider not in PROVIDERS:
        raise ProviderError(f'unknown provider {provider!r}; choose from {", ".join(PROVIDERS)}')
    if precision not in PRECISIONS:
        raise ProviderError(f'unknown precision {precision!r}; choose from {", ".join(PRECISIONS)}')
    file = read_model_file(path)
    settings = dict(options or {})
    if provider == 'auto':
        return _load_first(file, precision, threads, settings)
    engine = _load(file, provider, precision, threads, settings)
    LOGGER.info('%s: runs on %s in %s', file.path, engine.provider, engine.precision)
    return engine


def _load_first(file: ModelFile, precision: str, threads: int, options: dict[str, str]) -> Engine:
    failures: list[ModelError | ProviderError] = []
    for provider in PROVIDERS[1:]:
        try:
            engine = _load(file, provider, precision, threads, options)
        except (ModelError, ProviderError) as error:
            failures.append(error)
            continue
        LOGGER.info('%s: runs on %s in %s', file.path, engine.provider, engine.precision)
        for failure in failures:
            LOGGER.info('passed over: %s', failure)
        return engine
    kind = ModelError if any(isinstance(f, ModelError) for f in failures) else ProviderError
    reasons = '; '.join(str(failure) for failure in failures)
    raise kind(f'{file.path}: no provider can run it: {reasons}')


def _load(
    file: ModelFile, provider: str, precision: str, threads: int, options: dict[str, str]
) -> Engine:
    if provider == 'openvino':
        return OpenVinoEngine(file, precision, threads, options)
    return OnnxRuntimeEngine(file, provider, precision, threads, options)


class OpenVinoEngine:
    """Native OpenVINO on the CPU, compiled once for each input shape that comes along."""

    provider = 'openvino'

    def __init__(
        self, file: ModelFile, precision: str, threads: int, options: dict[str, str]
    ) -> None:
        try:
            import openvino
        except ImportError as error:
            raise ProviderError(
                f'provider openvino: {error}; install it with `pip install openvino`'
            ) from error
        self.path = file.path
        self.sha256 = file.sha256
        self.metadata = file.metadata
        self._core = openvino.Core()
        self.precision = self._choose_precision(precision)
        self._settings = {
            'PERFORMANCE_HINT': 'LATENCY',
            'INFERENCE_PRECISION_HINT': 'bf16' if self.precision == 'bf16' else 'f32',
            **({'INFERENCE_NUM_THREADS': threads} if threads > 0 else {}),
            **options,
        }
        try:
            self._model = self._core.read_model(file.path)
        except RuntimeError as error:
            raise ModelError(_refusal('OpenVINO', file.path, error)) from error
        self.inputs = [_openvino_spec(port) for port in self._model.inputs]
        self.outputs = [_openvino_spec(port) for port in self._model.outputs]
        self._requests: OrderedDict[tuple[tuple[int, ...], ...], Any] = OrderedDict()
        if all(None not in spec.shape for spec in self.inputs):
            # A fixed size needs no waiting for the first frame to know that it compiles.
            self._request(tuple(tuple(n or 0 for n in spec.shape) for spec in self.inputs))

    def __call__(self, *arrays: np.ndarray) -> list[np.ndarray]:
        """Run the model; see `Engine`."""
        _check_inputs(self, arrays)
        request = self._request(tuple(array.shape for array in arrays))
        try:
            results = request.infer([np.ascontiguousarray(a) for a in arrays], share_inputs=True)
        except RuntimeError as error:
            raise ModelError(_refusal('OpenVINO', self.path, error)) from error
        return [results[port] for port in range(len(self.outputs))]

    def _choose_precision(self, precision: str) -> str:
        has_bf16 = 'BF16' in self._core.get_property('CPU', 'OPTIMIZATION_CAPABILITIES')
        if precision == 'auto':
            return 'bf16' if has_bf16 else 'fp32'
        if precision == 'bf16' and not has_bf16:
            raise ProviderError('provider openvino: this processor has no bf16; use precision fp32')
        if precision == 'fp16':
            raise ProviderError('provider openvino: no fp16 on a CPU; use precision bf16 or fp32')
        return precision

    def _request(self, shapes: tuple[tuple[int, ...], ...]) -> Any:
        request = self._requests.get(shapes)
        if request is not None:
            self._requests.move_to_end(shapes)
            return request
        LOGGER.debug('%s: compiling for %s', self.path, shapes)
        try:
            model = self._model.clone()
            model.reshape(dict(enumerate(shapes)))
            compiled = self._core.compile_model(model, 'CPU', self._settings)
            request = compiled.create_infer_request()
        except RuntimeError as error:
            raise ModelError(_refusal('OpenVINO', self.path, error)) from error
        self._requests[shapes] = request
        if len(self._requests) > _COMPILED_SHAPES:
            self._requests.popitem(last=False)
        return request


class OnnxRuntimeEngine:
    """ONNX Runtime on the CPU, CUDA or TensorRT; refuses to fall back silently."""

    def __init__(
        self,
        file: ModelFile,
        provider: str,
        precision: str,
        threads: int,
        options: dict[str, str],
    ) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise ProviderError(
                f'provider {provider}: {error}; install it with `pip install onnxruntime`'
            ) from error
        wanted = _ORT_NAMES[provider]
        if wanted not in onnxruntime.get_available_providers():
            raise ProviderError(
                f'provider {provider}: this ONNX Runtime was built without it; '
                'install onnxruntime-gpu in place of onnxruntime'
            )
        self.provider = provider
        self.precision = _ort_precision(provider, precision)
        self.path = file.path
        self.sha256 = file.sha256
        self.metadata = file.metadata
        session_options = onnxruntime.SessionOptions()
        session_options.log_severity_level = 3
        session_options.intra_op_num_threads = max(threads, 0)
        try:
            self._session = onnxruntime.InferenceSession(
                str(file.path), session_options, providers=self._chain(options)
            )
        except Exception as error:  # ONNX Runtime's errors have no common base but Exception
            raise ModelError(_refusal('ONNX Runtime', file.path, error)) from error
        really = self._session.get_providers()[0]
        if really != wanted:
            raise ProviderError(
                f'provider {provider}: could not be loaded, ONNX Runtime fell back to {really}; '
                'check that its libraries and driver are installed'
            )
        self.inputs = [_ort_spec(node) for node in self._session.get_inputs()]
        self.outputs = [_ort_spec(node) for node in self._session.get_outputs()]

    def __call__(self, *arrays: np.ndarray) -> list[np.ndarray]:
        """Run the model; see `Engine`."""
        _check_inputs(self, arrays)
        feeds = {spec.name: array for spec, array in zip(self.inputs, arrays, strict=True)}
        try:
            return list(self._session.run(None, feeds))
        except Exception as error:  # as above
            raise ModelError(_refusal('ONNX Runtime', self.path, error)) from error

    def _chain(self, options: dict[str, str]) -> list[tuple[str, dict[str, str]]]:
        """List the provider with its options, then those that take what it cannot run."""
        if self.provider == 'tensorrt':
            precise = {
                'fp16': {'trt_fp16_enable': 'True'},
                'bf16': {'trt_bf16_enable': 'True'},
            }.get(self.precision, {})
            chain = [(_ORT_NAMES['tensorrt'], {**precise, **options}), (_ORT_NAMES['cuda'], {})]
        elif self.provider == 'cuda':
            chain = [(_ORT_NAMES['cuda'], dict(options))]
        else:
            return [(_ORT_NAMES['cpu'], dict(options))]
        return [*chain, (_ORT_NAMES['cpu'], {})]


def _ort_precision(provider: str, precision: str) -> str:
    if precision == 'auto':
        return 'fp32'
    if precision != 'fp32' and provider != 'tensorrt':
        raise ProviderError(
            f'provider {provider}: computes in the types of the file, not in {precision}; '
            'use precision auto, or a model file exported in it'
        )
    return precision


def _check_inputs(engine: Engine, arrays: Sequence[np.ndarray]) -> None:
    if len(arrays) != len(engine.inputs):
        raise FrameError(f'{engine.path}: takes {len(engine.inputs)} inputs, got {len(arrays)}')
    for spec, array in zip(engine.inputs, arrays, strict=True):
        if not spec.accepts(array):
            raise FrameError(
                f'{engine.path}: takes {spec}, got {array.dtype} {list(array.shape)}; '
                'give frames of that size and type or export a model for this size'
            )


def _openvino_spec(port: Any) -> TensorSpec:
    shape = tuple(axis.get_length() if axis.is_static else None for axis in port.partial_shape)
    name = sorted(port.names)[0] if port.names else ''
    return TensorSpec(name, shape, np.dtype(port.element_type.to_dtype()))


def _ort_spec(node: Any) -> TensorSpec:
    shape = tuple(axis if isinstance(axis, int) else None for axis in node.shape)
    dtype = _ORT_DTYPES.get(node.type)
    if dtype is None:
        raise ModelError(f'tensor {node.name!r} has the type {node.type}, which is not supported')
    return TensorSpec(node.name, shape, np.dtype(dtype))


def _refusal(runtime: str, path: Path, error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f'{path}: {runtime} cannot run it: {lines[-1] if lines else type(error).__name__}'
