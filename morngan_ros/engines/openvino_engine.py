"""Run an ONNX file with native OpenVINO on the processor."""

from collections import OrderedDict
import logging
from pathlib import Path
from typing import Any

import numpy as np

from morngan_ros.engines.interface import check_inputs
from morngan_ros.engines.interface import COMPILED_SHAPES
from morngan_ros.engines.interface import EngineOptions
from morngan_ros.engines.interface import known_shapes
from morngan_ros.engines.interface import PRECISIONS_OF
from morngan_ros.engines.interface import refusal
from morngan_ros.engines.interface import run_failure
from morngan_ros.engines.interface import Shapes
from morngan_ros.engines.interface import TensorSpec
from morngan_ros.engines.model_file import ModelFile
from morngan_ros.engines.provider_options import openvino_options
from morngan_ros.errors import ModelError
from morngan_ros.errors import ProviderError

LOGGER = logging.getLogger(__name__)


class OpenVinoEngine:
    """Native OpenVINO on the CPU, compiled once for each input shape that comes along."""

    provider = 'openvino'

    def __init__(self, file: ModelFile, options: EngineOptions) -> None:
        try:
            import openvino
        except ImportError as error:
            raise ProviderError(
                f'provider openvino: {error}; install it with `pip install openvino`'
            ) from error
        self.path = file.path
        self.sha256 = file.sha256
        self.metadata = file.metadata
        self.fallback_reason = ''
        self.cache_folder: Path | None = None
        self._core = openvino.Core()
        self.precision = self._choose_precision(options.precision)
        self._settings = openvino_options(self.precision, options.threads, options.provider_options)
        try:
            self._model = self._core.read_model(file.path)
        except RuntimeError as error:
            raise ModelError(refusal('OpenVINO', file.path, error)) from error
        self.inputs = [_spec(port) for port in self._model.inputs]
        self.outputs = [_spec(port) for port in self._model.outputs]
        self._requests: OrderedDict[Shapes, Any] = OrderedDict()
        shapes = known_shapes(self.inputs, options.size)
        if shapes is not None:
            # A known size needs no waiting for the first frame to know that it compiles.
            self._request(shapes)

    def __call__(self, *arrays: np.ndarray) -> list[np.ndarray]:
        """Run the model; see `Engine`."""
        check_inputs(self.path, self.inputs, arrays)
        request = self._request(tuple(array.shape for array in arrays))
        try:
            results = request.infer([np.ascontiguousarray(a) for a in arrays], share_inputs=True)
        except RuntimeError as error:
            raise run_failure(self.provider, self.path, error) from error
        return [results[port] for port in range(len(self.outputs))]

    def _choose_precision(self, precision: str) -> str:
        has_bf16 = 'BF16' in self._core.get_property('CPU', 'OPTIMIZATION_CAPABILITIES')
        if precision == 'auto':
            return 'bf16' if has_bf16 else 'fp32'
        if precision == 'bf16' and not has_bf16:
            raise ProviderError('provider openvino: this processor has no bf16; use precision fp32')
        if precision not in PRECISIONS_OF['openvino']:
            raise ProviderError(
                f'provider openvino: cannot compute in {precision} on a CPU; '
                'use precision bf16 or fp32'
            )
        return precision

    def _request(self, shapes: Shapes) -> Any:
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
            raise ModelError(refusal('OpenVINO', self.path, error)) from error
        self._requests[shapes] = request
        if len(self._requests) > COMPILED_SHAPES:
            self._requests.popitem(last=False)
        return request


def _spec(port: Any) -> TensorSpec:
    shape = tuple(axis.get_length() if axis.is_static else None for axis in port.partial_shape)
    name = sorted(port.names)[0] if port.names else ''
    return TensorSpec(name, shape, np.dtype(port.element_type.to_dtype()))
