"""Run an ONNX file on an NVIDIA GPU, through ONNX Runtime with CUDA or TensorRT.

Built to the documentation: nothing of it has been run on a GPU.
"""

from collections import OrderedDict
from contextlib import AbstractContextManager
from contextlib import nullcontext
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np

from morngan_ros.engines import gpu_facts
from morngan_ros.engines import provider_options
from morngan_ros.engines.bound_session import BoundSession
from morngan_ros.engines.cache import engine_folder
from morngan_ros.engines.cache import EngineKey
from morngan_ros.engines.cache import is_cold
from morngan_ros.engines.cache import read_gate
from morngan_ros.engines.interface import check_inputs
from morngan_ros.engines.interface import COMPILED_SHAPES
from morngan_ros.engines.interface import EngineOptions
from morngan_ros.engines.interface import known_shapes
from morngan_ros.engines.interface import last_line
from morngan_ros.engines.interface import refusal
from morngan_ros.engines.interface import run_failure
from morngan_ros.engines.interface import Shapes
from morngan_ros.engines.interface import TensorSpec
from morngan_ros.engines.model_file import ModelFile
from morngan_ros.engines.onnxruntime_engine import Chain
from morngan_ros.engines.onnxruntime_engine import describe
from morngan_ros.engines.onnxruntime_engine import file_precision
from morngan_ros.engines.onnxruntime_engine import import_onnxruntime
from morngan_ros.engines.onnxruntime_engine import open_session
from morngan_ros.engines.onnxruntime_engine import ORT_NAMES
from morngan_ros.engines.progress import log_progress
from morngan_ros.errors import ModelError
from morngan_ros.errors import ProviderError

LOGGER = logging.getLogger(__name__)

# Where the buffers of both providers are.
_DEVICE = 'cuda'
# The TensorRT of which it is documented that instance norms stay in fp32 in a network in fp16.
_FP16_TENSORRT = '10.'


class GpuEngine:
    """ONNX Runtime with CUDA or TensorRT, one session for each input shape that comes along.

    The sizes of a frame are written into the graph of each session: TensorRT then builds one
    engine of fixed shape, and what computes with sizes folds away, so that the rest is one piece.
    """

    def __init__(self, file: ModelFile, options: EngineOptions) -> None:
        self.provider = options.provider
        self._onnxruntime = import_onnxruntime(self.provider)
        self.path = file.path
        self.sha256 = file.sha256
        self.metadata = file.metadata
        self.fallback_reason = ''
        self.cache_folder: Path | None = None
        self._asked = options
        self._tensorrt = gpu_facts.tensorrt_version() if self.provider == 'tensorrt' else ''
        self.precision = choose_precision(self.provider, options.precision, self._tensorrt)
        try:
            plain = open_session(
                self._onnxruntime, file.path, [(ORT_NAMES['cpu'], {})], optimize=False
            )
        except Exception as error:  # ONNX Runtime's errors have no common base but Exception
            raise ModelError(refusal('ONNX Runtime', file.path, error)) from error
        self.inputs = describe(plain.get_inputs())
        self.outputs = describe(plain.get_outputs())
        self._axes = [list(node.shape) for node in plain.get_inputs()]
        self._bound: OrderedDict[Shapes, BoundSession] = OrderedDict()
        shapes = known_shapes(self.inputs, options.size)
        if shapes is None:
            self._open({}, None)  # whether it can be had at all must not wait for the first frame
        else:
            self._try(shapes)

    def __call__(self, *arrays: np.ndarray) -> list[np.ndarray]:
        """Run the model; see `Engine`."""
        check_inputs(self.path, self.inputs, arrays)
        try:
            return self._bind(tuple(array.shape for array in arrays))(arrays)
        except Exception as error:  # as above
            raise run_failure(self.provider, self.path, error) from error

    def _try(self, shapes: Shapes) -> None:
        """Build and run once on zeros: a GPU that the kernels are not made for fails only then."""
        zeros = [np.zeros(s, i.dtype) for i, s in zip(self.inputs, shapes, strict=True)]
        try:
            self._bind(shapes)(zeros)
        except ProviderError:
            raise
        except Exception as error:  # as above
            raise ProviderError(
                f'provider {self.provider}: cannot run {self.path}: {last_line(error)}'
            ) from error

    def _bind(self, shapes: Shapes) -> BoundSession:
        bound = self._bound.get(shapes)
        if bound is not None:
            self._bound.move_to_end(shapes)
            return bound
        if self.provider == 'tensorrt':
            self.cache_folder = self._find_folder(shapes)
        session = self._open(axis_sizes(self._axes, shapes), self.cache_folder)
        bound = BoundSession(self._onnxruntime, session, self.inputs, shapes, _DEVICE)
        if self._asked.cuda_graph and not bound.fixed:
            raise ProviderError(
                f'provider {self.provider}: a CUDA graph needs outputs of a known size, which '
                f'{self.path} does not declare; export it for a fixed size'
            )
        self._bound[shapes] = bound
        if len(self._bound) > COMPILED_SHAPES:
            self._bound.popitem(last=False)
        return bound

    def _open(self, axes: dict[str, int], folder: Path | None) -> Any:
        """Make a session, which builds an engine; tell of it if that is new."""
        building: AbstractContextManager[None] = nullcontext()
        if folder is not None and is_cold(folder):
            LOGGER.info(
                '%s: building the TensorRT engine, which can take minutes; cached in %s',
                self.path,
                folder,
            )
            building = log_progress('building the TensorRT engine')
        try:
            with building:
                session = open_session(
                    self._onnxruntime,
                    self.path,
                    self._chain(folder),
                    threads=self._asked.threads,
                    axes=axes,
                )
        except Exception as error:  # as above
            # The model was read before; so it is the provider that fails.
            raise ProviderError(
                f'provider {self.provider}: cannot load {self.path}: {last_line(error)}'
            ) from error
        really = session.get_providers()[0]
        if really != ORT_NAMES[self.provider]:
            raise ProviderError(
                f'provider {self.provider}: could not be loaded, ONNX Runtime fell back to '
                f'{really}; check that its libraries and driver are installed'
            )
        return session

    def _chain(self, folder: Path | None) -> Chain:
        """List the provider with its options, then those that take what it cannot run."""
        overrides = self._asked.provider_options
        graph = self._asked.cuda_graph
        version = self._onnxruntime.__version__
        last = (ORT_NAMES['cpu'], dict[str, str]())
        if self.provider == 'cuda':
            options = provider_options.cuda_options(version, cuda_graph=graph, overrides=overrides)
            return [(ORT_NAMES['cuda'], options), last]
        options = provider_options.tensorrt_options(
            self.precision,
            folder,
            int8=is_int8(self.metadata),
            cuda_graph=graph,
            overrides=overrides,
        )
        return [
            (ORT_NAMES['tensorrt'], options),
            (ORT_NAMES['cuda'], provider_options.cuda_options(version)),
            last,
        ]

    def _find_folder(self, shapes: Shapes) -> Path:
        """Choose where the engine is kept; fp16 that failed its gate gives way to fp32."""
        folder = engine_folder(self._key(shapes))
        gate = read_gate(folder)
        if self.precision == 'fp32' or (gate is not None and gate.passed):
            return folder
        if gate is None:
            LOGGER.info(
                '%s: its %s pictures were not yet compared with fp32; run python -m '
                'morngan_ros.tools.build_engine',
                self.path,
                self.precision,
            )
            return folder
        LOGGER.warning(
            '%s: its %s pictures reached %.1f dB, but %.1f dB are required; use precision fp32',
            self.path,
            self.precision,
            gate.psnr,
            gate.min_psnr,
        )
        if self._asked.precision != 'auto':
            return folder
        self.precision = 'fp32'
        return engine_folder(self._key(shapes))

    def _key(self, shapes: Shapes) -> EngineKey:
        return EngineKey(
            model=self.sha256,
            onnxruntime=self._onnxruntime.__version__,
            tensorrt=self._tensorrt,
            gpu=gpu_facts.describe_gpus(),
            precision=self.precision,
            shapes=shapes_text(self.inputs, shapes),
            options=json.dumps(dict(self._asked.provider_options), sort_keys=True),
        )


def choose_precision(provider: str, precision: str, tensorrt: str) -> str:
    """Choose what a GPU computes in.

    Args:
        provider: 'tensorrt' or 'cuda'.
        precision: what was asked for.
        tensorrt: version; 'auto' is fp16 only with the one of which instance norms in fp32 are
            documented.

    Raises:
        ProviderError: it cannot be had.
    """
    if provider != 'tensorrt':
        return file_precision(provider, precision)
    if precision != 'auto':
        return precision
    return 'fp16' if tensorrt.startswith(_FP16_TENSORRT) else 'fp32'


def axis_sizes(axes: list[list[Any]], shapes: Shapes) -> dict[str, int]:
    """Tell how large each axis is that has a name in the file.

    Args:
        axes: of each input, sizes and names.
        shapes: of each input.
    """
    return {
        name: size
        for names, shape in zip(axes, shapes, strict=True)
        for name, size in zip(names, shape, strict=True)
        if isinstance(name, str)
    }


def shapes_text(inputs: list[TensorSpec], shapes: Shapes) -> str:
    """Write shapes down: 'thermal:1x1x512x640'."""
    pairs = zip(inputs, shapes, strict=True)
    return ','.join(f'{spec.name}:{"x".join(map(str, shape))}' for spec, shape in pairs)


def is_int8(metadata: dict[str, str]) -> bool:
    """Tell from what our exporter wrote whether a file is quantised."""
    try:
        info = json.loads(metadata.get('morngan', '{}'))
    except ValueError:
        return False  # the generator says that it is broken
    return isinstance(info, dict) and info.get('precision') == 'int8'
