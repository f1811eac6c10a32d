"""Run an ONNX file with ONNX Runtime on the processor; sessions for this and for GPUs."""

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from morngan_ros.engines import onnxruntime_wheels
from morngan_ros.engines.bound_session import numpy_type
from morngan_ros.engines.interface import check_inputs
from morngan_ros.engines.interface import EngineOptions
from morngan_ros.engines.interface import PRECISIONS_OF
from morngan_ros.engines.interface import refusal
from morngan_ros.engines.interface import run_failure
from morngan_ros.engines.interface import TensorSpec
from morngan_ros.engines.model_file import ModelFile
from morngan_ros.errors import ModelError
from morngan_ros.errors import ProviderError

ORT_NAMES = {
    'tensorrt': 'TensorrtExecutionProvider',
    'cuda': 'CUDAExecutionProvider',
    'cpu': 'CPUExecutionProvider',
}

# Providers with their options, the first choice first.
Chain = Sequence[tuple[str, Mapping[str, str]]]


class OnnxRuntimeEngine:
    """ONNX Runtime on the processor, in the types of the file."""

    provider = 'cpu'

    def __init__(self, file: ModelFile, options: EngineOptions) -> None:
        onnxruntime = import_onnxruntime(self.provider)
        self.precision = file_precision(self.provider, options.precision)
        self.path = file.path
        self.sha256 = file.sha256
        self.metadata = file.metadata
        self.fallback_reason = ''
        self.cache_folder: Path | None = None
        try:
            self._session = open_session(
                onnxruntime,
                file.path,
                [(ORT_NAMES['cpu'], options.provider_options)],
                threads=options.threads,
            )
        except Exception as error:  # ONNX Runtime's errors have no common base but Exception
            raise ModelError(refusal('ONNX Runtime', file.path, error)) from error
        # It raises what goes wrong; it need not print the same, frame after frame.
        self._run_options = onnxruntime.RunOptions()
        self._run_options.log_severity_level = 4
        self.inputs = describe(self._session.get_inputs())
        self.outputs = describe(self._session.get_outputs())

    def __call__(self, *arrays: np.ndarray) -> list[np.ndarray]:
        """Run the model; see `Engine`."""
        check_inputs(self.path, self.inputs, arrays)
        feeds = {spec.name: array for spec, array in zip(self.inputs, arrays, strict=True)}
        try:
            return list(self._session.run(None, feeds, self._run_options))
        except Exception as error:  # as above
            raise run_failure(self.provider, self.path, error) from error


def import_onnxruntime(provider: str) -> Any:
    """Import ONNX Runtime, if it has a provider.

    Raises:
        ProviderError: it is missing, or was built without the provider.
    """
    onnxruntime_wheels.warn_of_conflict()
    try:
        import onnxruntime

        available = onnxruntime.get_available_providers()
    except (ImportError, AttributeError) as error:  # what a half-removed package raises
        raise ProviderError(f'provider {provider}: {error}; {_explain(provider)}') from error
    if ORT_NAMES[provider] not in available:
        raise ProviderError(
            f'provider {provider}: ONNX Runtime {onnxruntime.__version__} was built without it; '
            f'{_explain(provider)}'
        )
    return onnxruntime


def _explain(provider: str) -> str:
    wheels = onnxruntime_wheels.installed_wheels()
    parts = [onnxruntime_wheels.conflict(wheels), onnxruntime_wheels.hint(provider, wheels)]
    return '; '.join(part for part in parts if part)


def open_session(
    onnxruntime: Any,
    path: Path,
    chain: Chain,
    *,
    threads: int = 0,
    axes: Mapping[str, int] | None = None,
    optimize: bool = True,
) -> Any:
    """Make a session that does not go on silently with another provider.

    Args:
        onnxruntime: the module.
        path: of the ONNX file.
        chain: providers with their options.
        threads: on the processor; 0 leaves the choice to ONNX Runtime.
        axes: sizes for axes that have a name in the file.
        optimize: False is quicker to make, for a session that only describes the model.

    Raises:
        Exception: as ONNX Runtime has it.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = max(threads, 0)
    if not optimize:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    for name, size in (axes or {}).items():
        options.add_free_dimension_override_by_name(name, size)
    session = onnxruntime.InferenceSession(
        str(path),
        options,
        providers=[(name, dict(settings)) for name, settings in chain],
        enable_fallback=0,
    )
    # Else a failing GPU would be left for the processor, with a line on stdout, while it runs.
    session.disable_fallback()
    return session


def file_precision(provider: str, precision: str) -> str:
    """Choose the precision where it is a matter of the file's types.

    Raises:
        ProviderError: another one was asked for.
    """
    if precision not in PRECISIONS_OF[provider]:
        raise ProviderError(
            f'provider {provider}: computes in the types of the file, not in {precision}; '
            'use precision auto, or a model file exported in it'
        )
    return 'fp32'


def describe(nodes: Sequence[Any]) -> list[TensorSpec]:
    """Describe the inputs or outputs of a session.

    Raises:
        ModelError: one has a type that is not supported.
    """
    specs = []
    for node in nodes:
        shape = tuple(axis if isinstance(axis, int) else None for axis in node.shape)
        try:
            specs.append(TensorSpec(node.name, shape, numpy_type(node.type)))
        except KeyError:
            raise ModelError(
                f'tensor {node.name!r} has the type {node.type}, which is not supported'
            ) from None
    return specs
