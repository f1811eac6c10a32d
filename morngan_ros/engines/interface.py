"""What every engine has in common: the tensors it describes, how it is asked for, how it fails."""

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Protocol

import numpy as np

from morngan_ros.errors import DeviceError
from morngan_ros.errors import ModelError

#: Providers whose failures while running are those of a device, which another one may not have.
GPU_PROVIDERS = ('tensorrt', 'cuda')

#: What each provider can compute in, on one machine or another; 'auto' leaves the choice to it.
PRECISIONS_OF = {
    'tensorrt': ('auto', 'fp32', 'bf16', 'fp16'),
    'cuda': ('auto', 'fp32'),
    'openvino': ('auto', 'fp32', 'bf16'),
    'cpu': ('auto', 'fp32'),
}

#: A camera has one size; a folder of pictures has a few. Each compiled shape holds its own buffers.
COMPILED_SHAPES = 4

Shapes = tuple[tuple[int, ...], ...]


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


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What runs a model, and how.

    Attributes:
        provider: one of `PROVIDERS`; 'auto' takes the first of TensorRT, CUDA, OpenVINO and
            ONNX Runtime on the CPU that really loads the file, and logs why others did not.
        precision: one of `PRECISIONS`; 'auto' is bf16 with OpenVINO on a processor that has it,
            fp16 with TensorRT 10 unless it was found wanting (see `build_engine`), else fp32. The
            precision of the weights in the file is not its concern.
        threads: processor threads to compute with; 0 leaves the choice to the runtime.
        size: height and width of the frames, for which the engine is then built at once; None
            waits for the first frame, unless the file tells its size.
        cuda_graph: replay the whole model as one launch, where TensorRT or CUDA runs it. The
            first frame of every size is then slow.
        allow_fallback: where the provider that is named cannot load the file, take it in another
            precision, or the next provider, instead of failing.
        provider_options: passed through to the provider as they are (for instance
            `trt_builder_optimization_level`); they override what is set here. With 'auto' they go
            to whichever provider is chosen.
    """

    provider: str = 'auto'
    precision: str = 'auto'
    threads: int = 0
    size: tuple[int, int] | None = None
    cuda_graph: bool = False
    allow_fallback: bool = False
    provider_options: Mapping[str, str] = field(default_factory=dict)


class Engine(Protocol):
    """A loaded model: arrays in, fresh arrays out. For one caller thread."""

    provider: str
    precision: str
    path: Path
    sha256: str
    metadata: dict[str, str]
    inputs: list[TensorSpec]
    outputs: list[TensorSpec]
    fallback_reason: str
    """Why this provider or precision runs instead of the one asked for; empty if it does not."""
    cache_folder: Path | None
    """Where the engine that was built last is kept; None where nothing is."""

    def __call__(self, *arrays: np.ndarray) -> list[np.ndarray]:
        """Run the model.

        Args:
            *arrays: one array for each of `inputs`, in their order, of their type and shape.

        Returns:
            One array for each of `outputs`; they are the caller's to keep.

        Raises:
            DeviceError: a GPU or its provider fails.
            ModelError: the model fails on this input, or takes another type or shape.
        """


def check_inputs(path: Path, specs: Sequence[TensorSpec], arrays: Sequence[np.ndarray]) -> None:
    """Compare arrays with what a model takes.

    Raises:
        ModelError: there are more or less of them, or one has another type or shape.
    """
    if len(arrays) != len(specs):
        raise ModelError(f'{path}: takes {len(specs)} inputs, got {len(arrays)}')
    for spec, array in zip(specs, arrays, strict=True):
        if not spec.accepts(array):
            raise ModelError(
                f'{path}: takes {spec}, got {array.dtype} {list(array.shape)}; '
                'export a model for this size and type'
            )


def known_shapes(specs: Sequence[TensorSpec], size: tuple[int, int] | None) -> Shapes | None:
    """Tell the shapes of all inputs before the first frame.

    Args:
        specs: the inputs; their last two axes are height and width.
        size: height and width for axes of any size; a batch of any size is 1.

    Returns:
        The shapes; None if they cannot be told.
    """
    shapes = []
    for spec in specs:
        shape = list(spec.shape)
        if size is not None and len(shape) == 4:
            defaults = (1, None, *size)
            shape = [d if axis is None else axis for axis, d in zip(shape, defaults, strict=True)]
        fixed = tuple(axis for axis in shape if axis is not None)
        if len(fixed) < len(shape):
            return None
        shapes.append(fixed)
    return tuple(shapes)


def refusal(runtime: str, path: Path, error: Exception) -> str:
    """Say in one line that a runtime cannot run a file, with the last line of its reason."""
    return f'{path}: {runtime} cannot run it: {last_line(error)}'


def last_line(error: Exception) -> str:
    """Shorten an error of a runtime, which may come with a stack, to what it says in the end."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def run_failure(provider: str, path: Path, error: Exception) -> ModelError:
    """Make the error for a model that failed while it ran.

    On a GPU it counts as one of the device: its errors cannot be told from those of a model, they
    spoil the whole process's use of that GPU, and a model that is wrong fails on the next provider
    too, where it is told.
    """
    if provider in GPU_PROVIDERS:
        return DeviceError(f'{path}: provider {provider} failed while running: {last_line(error)}')
    runtime = 'OpenVINO' if provider == 'openvino' else 'ONNX Runtime'
    return ModelError(refusal(runtime, path, error))
