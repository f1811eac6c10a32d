"""Load one ONNX file into OpenVINO or ONNX Runtime, behind one small interface.

An engine belongs to one thread: its inference requests and buffers are reused from call to call.
Give every worker an engine of its own.
"""

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import replace
import logging
from pathlib import Path

from morngan_ros.engines.gpu_engine import GpuEngine
from morngan_ros.engines.interface import Engine
from morngan_ros.engines.interface import GPU_PROVIDERS
from morngan_ros.engines.interface import Wish
from morngan_ros.engines.model_file import ModelFile
from morngan_ros.engines.model_file import read_model_file
from morngan_ros.engines.onnxruntime_engine import OnnxRuntimeEngine
from morngan_ros.engines.openvino_engine import OpenVinoEngine
from morngan_ros.errors import ModelError
from morngan_ros.errors import ProviderError

LOGGER = logging.getLogger(__name__)

PROVIDERS = ('auto', 'tensorrt', 'cuda', 'openvino', 'cpu')
PRECISIONS = ('auto', 'fp32', 'bf16', 'fp16')

# Providers to try in turn, each with what is asked of it.
Candidates = Sequence[tuple[str, Wish]]


def load_engine(
    path: str | Path,
    provider: str = 'auto',
    *,
    precision: str = 'auto',
    threads: int = 0,
    options: Mapping[str, str] | None = None,
    allow_fallback: bool = False,
    size: tuple[int, int] | None = None,
    cuda_graph: bool = False,
) -> Engine:
    """Load an ONNX file.

    Args:
        path: the ONNX file.
        provider: one of `PROVIDERS`; 'auto' takes the first of TensorRT, CUDA, OpenVINO and
            ONNX Runtime on the CPU that really loads the file, and logs why others did not.
        precision: one of `PRECISIONS`; 'auto' is bf16 with OpenVINO on a processor that has it,
            fp16 with TensorRT 10 unless it was found wanting (see `build_engine`), else fp32. The
            precision of the weights in the file is not its concern.
        threads: processor threads to compute with; 0 leaves the choice to the runtime.
        options: options of the provider, passed through as they are (for instance
            `trt_builder_optimization_level`); with 'auto' they go to whichever provider is chosen.
        allow_fallback: where the provider that is named cannot load the file, take it in another
            precision, or the next provider, instead of failing.
        size: height and width of the frames, for which the engine is then built at once; None
            waits for the first frame, unless the file tells its size.
        cuda_graph: replay the whole model as one launch, where TensorRT or CUDA runs it. The
            first frame of every size is then slow.

    Returns:
        The engine; its `provider` and `precision` are what really runs, its `fallback_reason`
        why they are not those asked for.

    Raises:
        ModelError: the file is missing, broken or unusable.
        ProviderError: this machine cannot run the provider or the precision asked for.
    """
    if provider not in PROVIDERS:
        raise ProviderError(f'unknown provider {provider!r}; choose from {", ".join(PROVIDERS)}')
    if precision not in PRECISIONS:
        raise ProviderError(f'unknown precision {precision!r}; choose from {", ".join(PRECISIONS)}')
    file = read_model_file(path)
    wish = Wish(precision, threads, dict(options or {}), size, cuda_graph)
    if provider == 'auto':
        engine, failures = _load_first(file, [(name, wish) for name in PROVIDERS[1:]])
        for failure in failures:
            LOGGER.info('passed over: %s', failure)
    elif allow_fallback:
        engine, failures = _load_first(file, _fallbacks(provider, wish))
        if failures:
            engine.fallback_reason = str(failures[0])
            LOGGER.warning('fell back to %s: %s', engine.provider, engine.fallback_reason)
    else:
        engine = _load(file, provider, wish)
    LOGGER.info('%s: runs on %s', file.path, engine.provider)
    return engine


def _fallbacks(provider: str, wish: Wish) -> Candidates:
    """List a provider and what takes its place: itself in another precision, then the others.

    Those after it in the order of 'auto' come first. They get none of its options, and choose the
    precision unless fp32 was asked for, which all of them have.
    """
    names = PROVIDERS[1:]
    at = names.index(provider)
    relaxed = wish if wish.precision == 'fp32' else replace(wish, precision='auto')
    own = [(provider, wish)] + ([(provider, relaxed)] if relaxed != wish else [])
    others = names[at + 1 :] + names[:at]
    return own + [(name, replace(relaxed, options={})) for name in others]


def _load_first(
    file: ModelFile, candidates: Candidates
) -> tuple[Engine, list[ModelError | ProviderError]]:
    """Load with the first that can; returns also why those before it could not."""
    failures: list[ModelError | ProviderError] = []
    for provider, wish in candidates:
        try:
            return _load(file, provider, wish), failures
        except (ModelError, ProviderError) as error:
            # Its traceback would hold the engine that loads after it until garbage is collected.
            failures.append(error.with_traceback(None))
    kind = ModelError if any(isinstance(f, ModelError) for f in failures) else ProviderError
    reasons = '; '.join(str(failure) for failure in failures)
    raise kind(f'{file.path}: no provider can run it: {reasons}')


def _load(file: ModelFile, provider: str, wish: Wish) -> Engine:
    if provider in GPU_PROVIDERS:
        return GpuEngine(file, provider, wish)
    if provider == 'openvino':
        return OpenVinoEngine(file, wish)
    return OnnxRuntimeEngine(file, wish)
