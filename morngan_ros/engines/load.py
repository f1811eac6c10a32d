"""Load one ONNX file into OpenVINO or ONNX Runtime, behind one small interface.

An engine belongs to one thread: its inference requests and buffers are reused from call to call.
Give every worker an engine of its own.
"""

from collections.abc import Sequence
from dataclasses import replace
import logging
from pathlib import Path

from morngan_ros.engines.gpu_engine import GpuEngine
from morngan_ros.engines.interface import Engine
from morngan_ros.engines.interface import EngineOptions
from morngan_ros.engines.interface import GPU_PROVIDERS
from morngan_ros.engines.model_file import ModelFile
from morngan_ros.engines.model_file import read_model_file
from morngan_ros.engines.onnxruntime_engine import OnnxRuntimeEngine
from morngan_ros.engines.openvino_engine import OpenVinoEngine
from morngan_ros.errors import ModelError
from morngan_ros.errors import ProviderError

LOGGER = logging.getLogger(__name__)

PROVIDERS = ('auto', 'tensorrt', 'cuda', 'openvino', 'cpu')
PRECISIONS = ('auto', 'fp32', 'bf16', 'fp16')

_DEFAULT = EngineOptions()


def load_engine(path: str | Path, options: EngineOptions = _DEFAULT) -> Engine:
    """Load an ONNX file.

    Args:
        path: the ONNX file.
        options: what runs it, and how.

    Returns:
        The engine; its `provider` and `precision` are what really runs, its `fallback_reason`
        why they are not those asked for.

    Raises:
        ModelError: the file is missing, broken or unusable.
        ProviderError: this machine cannot run the provider or the precision asked for.
    """
    provider, precision = options.provider, options.precision
    if provider not in PROVIDERS:
        raise ProviderError(f'unknown provider {provider!r}; choose from {", ".join(PROVIDERS)}')
    if precision not in PRECISIONS:
        raise ProviderError(f'unknown precision {precision!r}; choose from {", ".join(PRECISIONS)}')
    file = read_model_file(path)
    if provider == 'auto':
        engine, failures = _load_first(file, [replace(options, provider=p) for p in PROVIDERS[1:]])
        for failure in failures:
            LOGGER.info('provider skipped: %s', failure)
    elif options.allow_fallback:
        engine, failures = _load_first(file, _fallbacks(options))
        if failures:
            engine.fallback_reason = str(failures[0])
            LOGGER.warning('fell back to %s: %s', engine.provider, engine.fallback_reason)
    else:
        engine = _load(file, options)
    LOGGER.info('%s: runs on %s', file.path, engine.provider)
    return engine


def _fallbacks(options: EngineOptions) -> list[EngineOptions]:
    """List a provider and what takes its place: itself in another precision, then the others.

    Those after it in the order of 'auto' come first. They get none of its options, and choose the
    precision unless fp32 was asked for, which all of them have.
    """
    names = PROVIDERS[1:]
    at = names.index(options.provider)
    relaxed = options if options.precision == 'fp32' else replace(options, precision='auto')
    own = [options] + ([relaxed] if relaxed != options else [])
    others = names[at + 1 :] + names[:at]
    return own + [replace(relaxed, provider=name, provider_options={}) for name in others]


def _load_first(
    file: ModelFile, candidates: Sequence[EngineOptions]
) -> tuple[Engine, list[ModelError | ProviderError]]:
    """Load with the first that can; returns also why those before it could not."""
    failures: list[ModelError | ProviderError] = []
    for options in candidates:
        try:
            return _load(file, options), failures
        except (ModelError, ProviderError) as error:
            # Its traceback would hold the engine that loads after it until garbage is collected.
            failures.append(error.with_traceback(None))
    kind = ModelError if any(isinstance(f, ModelError) for f in failures) else ProviderError
    reasons = '; '.join(str(failure) for failure in failures)
    raise kind(f'{file.path}: no provider can run it: {reasons}')


def _load(file: ModelFile, options: EngineOptions) -> Engine:
    if options.provider in GPU_PROVIDERS:
        return GpuEngine(file, options)
    if options.provider == 'openvino':
        return OpenVinoEngine(file, options)
    return OnnxRuntimeEngine(file, options)
