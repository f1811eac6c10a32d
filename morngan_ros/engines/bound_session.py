"""Run a session of ONNX Runtime with buffers that stay on the device from frame to frame."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from morngan_ros.engines.interface import Shapes
from morngan_ros.engines.interface import TensorSpec


class BoundSession:
    """A session for one shape, its inputs and outputs bound to fixed memory of the device.

    ONNX Runtime then copies nothing but one frame in and one picture out, and a CUDA graph finds
    the addresses that it was captured with: without this it would show its first frame for ever.
    """

    def __init__(
        self,
        onnxruntime: Any,
        session: Any,
        inputs: Sequence[TensorSpec],
        shapes: Shapes,
        device: str,
    ) -> None:
        """Allocate and bind.

        Args:
            onnxruntime: the module.
            session: made for these shapes.
            inputs: names and types of its inputs.
            shapes: of its inputs.
            device: 'cuda' or 'cpu'.
        """
        self._session = session
        self._binding = session.io_binding()
        new_tensor = onnxruntime.OrtValue.ortvalue_from_shape_and_type
        self._inputs = [
            new_tensor(list(shape), spec.dtype.type, device, 0)
            for spec, shape in zip(inputs, shapes, strict=True)
        ]
        for spec, value in zip(inputs, self._inputs, strict=True):
            self._binding.bind_ortvalue_input(spec.name, value)
        self._device = device
        self._free: list[str] = []
        for node in session.get_outputs():
            if all(isinstance(axis, int) for axis in node.shape):
                value = new_tensor(list(node.shape), numpy_type(node.type).type, device, 0)
                self._binding.bind_ortvalue_output(node.name, value)
            else:
                self._free.append(node.name)
                self._binding.bind_output(node.name, device)

    @property
    def fixed(self) -> bool:
        """Whether the outputs too have memory that stays; else they get new memory in each run."""
        return not self._free

    def __call__(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Run on arrays of the bound shapes and types; the results are fresh arrays."""
        for value, array in zip(self._inputs, arrays, strict=True):
            # ONNX Runtime up to 1.20 at least reads other arrays as if they had no strides.
            value.update_inplace(np.ascontiguousarray(array))
        for name in self._free:  # else it must have the size of the last run
            self._binding.bind_output(name, self._device)
        self._session.run_with_iobinding(self._binding)
        # On the processor `numpy` is a view of the buffer, which the next frame writes into.
        return [np.array(value.numpy()) for value in self._binding.get_outputs()]


def numpy_type(name: str) -> np.dtype:
    """Translate a tensor type as ONNX Runtime names it, 'tensor(uint8)'.

    Raises:
        KeyError: it is not one of those that models here use.
    """
    return np.dtype(_DTYPES[name])


_DTYPES = {
    'tensor(uint8)': np.uint8,
    'tensor(int8)': np.int8,
    'tensor(uint16)': np.uint16,
    'tensor(int32)': np.int32,
    'tensor(int64)': np.int64,
    'tensor(float16)': np.float16,
    'tensor(float)': np.float32,
    'tensor(double)': np.float64,
}
