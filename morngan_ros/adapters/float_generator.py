"""A third-party generator: float planes in, float planes out, in sizes that it chooses."""

from collections.abc import Iterator
from collections.abc import Sequence
import logging

import cv2
import numpy as np

from morngan_ros.engines.interface import Engine
from morngan_ros.errors import DeviceError
from morngan_ros.errors import ModelError
from morngan_ros.errors import OutputError
from morngan_ros.errors import ProviderError

LOGGER = logging.getLogger(__name__)

#: Sides are padded to a multiple of the first of these that works: two stride-2 stages are usual,
#: a U-Net halves its input five to eight times, a transformer cuts it into patches of 7 or 14.
MULTIPLES = (4, 32, 64, 256, 224)


class ForeignNetwork:
    """Give a float network what it takes, and make bytes of what it gives.

    Scaling, padding, cropping and rounding happen here, not in the model's graph.
    """

    def __init__(
        self,
        engine: Engine,
        input_range: tuple[float, float],
        output_range: tuple[float, float],
        multiple: int,
    ) -> None:
        """Wrap an engine.

        Args:
            engine: the loaded model.
            input_range: what the model takes for grey values 0 and 255.
            output_range: what the model gives for colour values 0 and 255.
            multiple: of `MULTIPLES`, the first to try.

        Raises:
            ModelError: a range is empty.
        """
        for name, (low, high) in (('input', input_range), ('output', output_range)):
            if not high > low:
                raise ModelError(f'{name}_range ({low}, {high}) must rise from low to high')
        spec = engine.inputs[0]
        self._engine = engine
        self._channels = spec.shape[1] or 3
        self._fixed = spec.shape[2:]
        self._levels = np.linspace(*input_range, 256).astype(spec.dtype)
        self._output_range = output_range
        self._multiple = multiple
        self._seen = False

    def __call__(self, thermal: np.ndarray) -> np.ndarray:
        """Colorize uint8 [H, W]: uint8 [H, W, 3] RGB.

        Raises:
            ModelError: the model fails at every size to which the picture can be padded.
            OutputError: the model gives something else than a picture.
        """
        height, width = thermal.shape
        output = self._run(thermal)[0, :, :height, :width].astype(np.float32)
        if not np.isfinite(output).all():
            raise OutputError(
                f'{self._engine.path}: gives NaN or infinity; try precision fp32, or train and '
                'export it again',
                'not finite',
            )
        if not self._seen:
            self._seen = True
            self._warn_of_range(float(output.min()), float(output.max()))
        low, high = self._output_range
        levels = (output - low) * (255 / (high - low))
        result: np.ndarray = (
            np.clip(np.rint(levels), 0, 255).astype(np.uint8).transpose(1, 2, 0).copy()
        )
        return result

    def _warn_of_range(self, least: float, most: float) -> None:
        """Say where the first picture does not fit into the range that was given."""
        low, high = self._output_range
        beyond = max(low - least, most - high) > (high - low) / 4
        half = low < 0 <= least and most > least
        if beyond or half:
            LOGGER.warning(
                '%s: gives %.3g to %.3g, but model_output_range is %g to %g; set '
                'model_output_range if the model has another range',
                *(self._engine.path, least, most, low, high),
            )

    def try_size(self, shape: tuple[int, int]) -> None:
        """Run once at the multiple that was given, and at no other.

        Raises:
            ModelError: the model fails there.
        """
        _, size = next(padded_sizes(shape, self._fixed, self._multiple))
        self._run_padded(np.zeros(shape, np.uint8), size)

    def _run(self, thermal: np.ndarray) -> np.ndarray:
        """Run at the first multiple that works, and stay with it."""
        failures: list[ModelError] = []
        for multiple, size in padded_sizes(thermal.shape, self._fixed, self._multiple):
            try:
                output = self._run_padded(thermal, size)
            except DeviceError:
                raise
            except ModelError as error:
                failures.append(error)
                continue
            self._multiple = multiple
            return output
        raise no_size_works(failures)

    def _run_padded(self, thermal: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Run the model on uint8 [H, W] padded to a size: float [1, 3, *size]."""
        bottom, right = size[0] - thermal.shape[0], size[1] - thermal.shape[1]
        padded = cv2.copyMakeBorder(thermal, 0, bottom, 0, right, cv2.BORDER_REFLECT_101)
        planes = np.broadcast_to(self._levels[padded], (1, self._channels, *size))
        output = self._engine(planes)[0]
        if output.shape != (1, 3, *size):
            raise OutputError(
                f'{self._engine.path}: gives {list(output.shape)} for a picture of {list(size)}; '
                'a generator keeps the size of its input: export it without resizing',
                'size',
            )
        return output


def no_size_works(failures: Sequence[ModelError | ProviderError]) -> ModelError | ProviderError:
    """Make one error of those at the sizes of `padded_sizes`, of which the first says the most."""
    first = failures[0]
    if len(failures) == 1 or isinstance(first, OutputError | ProviderError):
        return first
    tried = ', '.join(map(str, MULTIPLES[:-1]))
    return ModelError(
        f'{first}; it fails with sides that are multiples of {tried} or {MULTIPLES[-1]}: '
        'export it for one fixed size'
    )


def padded_sizes(
    shape: tuple[int, ...],
    fixed: Sequence[int | None] = (None, None),
    start: int = MULTIPLES[0],
) -> Iterator[tuple[int, tuple[int, int]]]:
    """List multiples, and the sizes that pictures get by them, each size once.

    Args:
        shape: height and width of the picture.
        fixed: height and width that the model insists on; None where it takes any.
        start: the first multiple.
    """
    known = set()
    for multiple in MULTIPLES[MULTIPLES.index(start) :]:
        height, width = (
            side if insists else side + -side % multiple
            for side, insists in zip(shape, fixed, strict=True)
        )
        if (height, width) not in known:
            known.add((height, width))
            yield multiple, (height, width)
