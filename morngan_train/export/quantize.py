"""Quantise the inner convolutions of an exported generator to int8 (QDQ), for processors.

OpenVINO and ONNX Runtime's CPU provider run such a file in int8; TensorRT takes the fp32 file and
runs it in fp16. Activations are unsigned and weights have seven bits: processors without VNNI add
products of eight bits in sixteen, which overflow (14 dB instead of 38 on AVX2). The convolutions
that see or make the picture itself stay as they are: in int8 they would cost up to 9 dB of fidelity
and bring little speed. So does the pretrained encoder, whose thin layers are hardly faster in int8.
"""

from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
import tempfile

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader
from onnxruntime.quantization import CalibrationMethod
from onnxruntime.quantization import QuantFormat
from onnxruntime.quantization import quantize_static
from onnxruntime.quantization import QuantType

MOST_FRAMES = 32
"""More calibration frames take memory and change nothing that can be seen."""


PERCENTILE = 99.7
"""Share of the activations that the int8 range holds; the rest is cut off.

Finer steps keep colours still: with 99.99 they moved by 1.7 times the noise of the frames, not 1.4.
"""


class _Frames(CalibrationDataReader):  # type: ignore[misc]
    """Hand thermal frames, uint8 [H, W], to the calibration one by one."""

    def __init__(self, frames: Sequence[np.ndarray]) -> None:
        self._frames: Iterator[np.ndarray] = iter(frames)

    def get_next(self) -> dict[str, np.ndarray] | None:
        frame = next(self._frames, None)
        return None if frame is None else {'thermal': frame[None, None]}


def calibration_files(folders: Sequence[Sequence[Path]]) -> list[Path]:
    """Choose frames evenly from each folder, as many as the calibration uses."""
    most = MOST_FRAMES // max(1, len(folders))
    return [file for files in folders for file in files[:: -(-len(files) // most)]]


def quantize(
    model: onnx.ModelProto, frames: Sequence[np.ndarray], nodes: Sequence[str]
) -> onnx.ModelProto:
    """Quantise weights per channel, symmetric in seven bits, and activations per tensor, uint8.

    Args:
        model: A generator with the contract (input `thermal`).
        frames: Thermal frames, uint8 [H, W], from which the ranges of activations are taken; at
            most `MOST_FRAMES`, evenly chosen, are used.
        nodes: Names of the convolutions to quantise.

    Returns:
        The quantised model, with the same inputs and outputs and no metadata.

    Raises:
        ValueError: There are no frames.
    """
    if not frames:
        raise ValueError('calibration needs at least one thermal frame')
    chosen = frames[:: -(-len(frames) // MOST_FRAMES)]
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / 'float.onnx', Path(folder) / 'int8.onnx'
        onnx.save(model, source)
        quantize_static(
            source,
            target,
            _Frames(_of_one_size(chosen)),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            op_types_to_quantize=['Conv'],
            nodes_to_quantize=list(nodes),
            calibrate_method=CalibrationMethod.Percentile,
            extra_options={
                'WeightSymmetric': True,
                'CalibPercentile': PERCENTILE,
            },
        )
        quantized = onnx.load(target)
    del quantized.metadata_props[:]
    return quantized


def _of_one_size(frames: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Cut frames to the size that all have: the calibration stacks activations."""
    height, width = np.min([frame.shape for frame in frames], axis=0)
    return [frame[:height, :width] for frame in frames]


def residual_convolutions(model: onnx.ModelProto) -> list[str]:
    """Name the convolutions that keep the number of channels: those of the residual blocks."""
    return [name for name, (c_out, c_in, *_) in _shapes(model) if c_out == c_in]


def wide_convolutions(model: onnx.ModelProto) -> list[str]:
    """Name the 3x3 convolutions from at least 16 channels to at least 32.

    They are most of the work. The last two, to 24 and to 12 channels at stride 2, stay in float32:
    their steps would be seen as flicker. A picture behind PixelUnshuffle(2) has 12 channels.
    """
    return [
        name
        for name, (c_out, c_in, k, _) in _shapes(model)
        if c_out >= 32 and c_in >= 16 and k == 3
    ]


def _shapes(model: onnx.ModelProto) -> Iterator[tuple[str, list[int]]]:
    """Yield the convolutions by name, with the shape of their weights."""
    shapes = {tensor.name: tensor.dims for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == 'Conv':
            yield node.name, list(shapes[node.input[1]])


def psnr(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> float:
    """Return the peak signal-to-noise ratio between two lists of uint8 pictures, in dB."""
    errors = [np.square(x.astype(float) - y).mean() for x, y in zip(a, b, strict=True)]
    return float(10 * np.log10(255**2 / max(float(np.mean(errors)), 1e-9)))
