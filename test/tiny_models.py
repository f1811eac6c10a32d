"""Tiny ONNX models whose outputs can be worked out by hand, as stand-ins for trained weights."""

from collections.abc import Mapping
from collections.abc import Sequence
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import helper
from onnx import numpy_helper
from onnx import TensorProto

OPSET = 18
IR_VERSION = 10

#: Grey value -> RGB, linear in between: red rises, green falls, blue rises a fifth as fast.
RAMP: Mapping[int, tuple[float, float, float]] = {0: (0, 255, 0), 255: (255, 0, 51)}

#: A false-colour picture that is easy on the eye: cold blue, grey, green, sand, warm white.
FALSE_COLOR: Mapping[int, tuple[float, float, float]] = {
    0: (150, 190, 230),
    60: (90, 110, 125),
    110: (85, 105, 70),
    170: (190, 160, 110),
    255: (255, 245, 225),
}


def _save(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    constants: Mapping[str, np.ndarray],
    metadata: Mapping[str, str],
) -> Path:
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(list(nodes), 'tiny', list(inputs), list(outputs), initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', OPSET)])
    model.ir_version = IR_VERSION
    helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model, full_check=True)
    path = Path(path)
    onnx.save(model, path)
    return path


def expected_color(
    thermal: np.ndarray, colors: Mapping[int, tuple[float, float, float]] = RAMP
) -> np.ndarray:
    """Work out what `save_generator` gives for uint8 `thermal` [H, W]: uint8 [H, W, 3]."""
    knots = list(colors)
    channels = [np.interp(thermal, knots, [c[i] for c in colors.values()]) for i in range(3)]
    return np.round(np.stack(channels, axis=-1)).astype(np.uint8)


def save_generator(
    path: Path,
    colors: Mapping[int, tuple[float, float, float]] = RAMP,
    *,
    size: tuple[int | str, int | str] = ('H', 'W'),
    info: Mapping[str, object] | None = None,
    found: tuple[np.ndarray, np.ndarray] | None = None,
) -> Path:
    """Save a generator that keeps the contract and maps grey values along `colors`.

    With `found`, boxes [1, M, 4] and scores [1, M, C], it says that it finds these in any frame.

    A piecewise linear curve through the knots is a sum of hinges: one 1x1 convolution to
    `relu(x - knot)` and a second one with the changes of slope. So every pixel is
    `interp(grey, knots, colors)`, rounded half to even.
    """
    knots = np.array(list(colors), np.float32) / 127.5 - 1
    values = np.array(list(colors.values()), np.float32) / 127.5 - 1
    slopes = np.diff(values, axis=0) / np.diff(knots)[:, None]
    changes = np.diff(slopes, axis=0, prepend=np.zeros((1, 3), np.float32))
    hinges = len(knots) - 1
    constants = {
        'scale': np.float32(1 / 127.5),
        'one': np.float32(1),
        'hinge_weight': np.ones((hinges, 1, 1, 1), np.float32),
        'hinge_bias': -knots[:-1],
        'color_weight': changes.T[:, :, None, None].astype(np.float32),
        'color_bias': values[0],
        'low': np.float32(0),
        'high': np.float32(255),
        'half_range': np.float32(127.5),
    }
    nodes = [
        helper.make_node('Cast', ['thermal'], ['counts'], to=TensorProto.FLOAT),
        helper.make_node('Mul', ['counts', 'scale'], ['scaled']),
        helper.make_node('Sub', ['scaled', 'one'], ['x']),
        helper.make_node('Conv', ['x', 'hinge_weight', 'hinge_bias'], ['hinges']),
        helper.make_node('Relu', ['hinges'], ['active']),
        helper.make_node('Conv', ['active', 'color_weight', 'color_bias'], ['y']),
        helper.make_node('Add', ['y', 'one'], ['positive']),
        helper.make_node('Mul', ['positive', 'half_range'], ['levels']),
        helper.make_node('Clip', ['levels', 'low', 'high'], ['clipped']),
        helper.make_node('Round', ['clipped'], ['rounded']),
        helper.make_node('Transpose', ['rounded'], ['channels_last'], perm=[0, 2, 3, 1]),
        helper.make_node('Cast', ['channels_last'], ['color'], to=TensorProto.UINT8),
    ]
    uint8 = TensorProto.UINT8
    outputs = [helper.make_tensor_value_info('color', uint8, [1, *size, 3])]
    for name, array in zip(('boxes', 'scores'), found or (), strict=False):
        constants[f'{name}_told'] = array.astype(np.float32)
        nodes.append(helper.make_node('Identity', [f'{name}_told'], [name]))
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, array.shape))
    return _save(
        path,
        nodes,
        [helper.make_tensor_value_info('thermal', uint8, [1, 1, *size])],
        outputs,
        constants,
        {'morngan': json.dumps({'contract': 1, 'recipe': 'tiny', **(info or {})})},
    )


def save_reflecting_generator(path: Path, reach: int) -> Path:
    """Save a generator that gives grey, after it reflected so many pixels at each border.

    It takes sides of at least one pixel more.
    """
    border = [0, 0, reach, reach]
    constants = {
        'pads': np.array([*border, *border], np.int64),
        'starts': np.array([reach, reach], np.int64),
        'ends': np.array([-reach, -reach], np.int64),
        'axes': np.array([2, 3], np.int64),
    }
    nodes = [
        helper.make_node('Cast', ['thermal'], ['x'], to=TensorProto.FLOAT),
        helper.make_node('Pad', ['x', 'pads'], ['padded'], mode='reflect'),
        helper.make_node('Slice', ['padded', 'starts', 'ends', 'axes'], ['y']),
        helper.make_node('Concat', ['y', 'y', 'y'], ['planes'], axis=1),
        helper.make_node('Transpose', ['planes'], ['channels_last'], perm=[0, 2, 3, 1]),
        helper.make_node('Cast', ['channels_last'], ['color'], to=TensorProto.UINT8),
    ]
    uint8 = TensorProto.UINT8
    return _save(
        path,
        nodes,
        [helper.make_tensor_value_info('thermal', uint8, [1, 1, 'H', 'W'])],
        [helper.make_tensor_value_info('color', uint8, [1, 'H', 'W', 3])],
        constants,
        {'morngan': json.dumps({'contract': 1, 'recipe': 'reflecting'})},
    )


def save_slow_generator(path: Path, layers: int = 100) -> Path:
    """Save a generator that keeps the contract and takes seconds for a picture of 640x512."""
    rng = np.random.default_rng(0)
    shapes = [(16, 1), *[(16, 16)] * layers, (3, 16)]
    constants = {
        f'weight{i}': rng.normal(0, 0.08, (*shape, 3, 3)).astype(np.float32)
        for i, shape in enumerate(shapes)
    }
    nodes = [helper.make_node('Cast', ['thermal'], ['x0'], to=TensorProto.FLOAT)]
    nodes += [
        helper.make_node('Conv', [f'x{i}', f'weight{i}'], [f'x{i + 1}'], pads=[1, 1, 1, 1])
        for i in range(len(shapes))
    ]
    nodes += [
        # What the layers make fades to nothing: the frame itself is the picture.
        helper.make_node('Add', [f'x{len(shapes)}', 'x0'], ['sum']),
        helper.make_node('Transpose', ['sum'], ['last'], perm=[0, 2, 3, 1]),
        helper.make_node('Cast', ['last'], ['color'], to=TensorProto.UINT8),
    ]
    uint8 = TensorProto.UINT8
    return _save(
        path,
        nodes,
        [helper.make_tensor_value_info('thermal', uint8, [1, 1, 'H', 'W'])],
        [helper.make_tensor_value_info('color', uint8, [1, 'H', 'W', 3])],
        constants,
        {'morngan': json.dumps({'contract': 1, 'recipe': 'slow'})},
    )


def save_foreign_generator(
    path: Path,
    *,
    channels: int = 3,
    output_range: tuple[float, float] = (-1.0, 1.0),
    outputs: int = 3,
) -> Path:
    """Save another people's generator: float [1, channels, H, W] -> float [1, 3, H, W].

    It takes [-1, 1] and gives `output_range`: red as it came, green inverted, blue always in the
    middle. Like a network with two stride-2 stages it refuses sizes that 4 does not divide.
    """
    low, high = output_range
    gain = (high - low) / 2
    weight = np.zeros((outputs, channels, 1, 1), np.float32)
    weight[0, 0] = gain
    weight[1, -1] = -gain
    constants = {
        'weight': weight,
        'bias': np.full(outputs, (low + high) / 2, np.float32),
    }
    nodes = [
        helper.make_node('SpaceToDepth', ['input'], ['deep'], blocksize=4),
        helper.make_node('DepthToSpace', ['deep'], ['flat'], blocksize=4),
        helper.make_node('Conv', ['flat', 'weight', 'bias'], ['output']),
    ]
    float32 = TensorProto.FLOAT
    return _save(
        path,
        nodes,
        [helper.make_tensor_value_info('input', float32, ['N', channels, 'H', 'W'])],
        [helper.make_tensor_value_info('output', float32, ['N', outputs, 'H', 'W'])],
        constants,
        {},
    )


def save_float_generator(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    constants: Mapping[str, np.ndarray],
    *,
    size: tuple[int | str, int | str] = ('H', 'W'),
    output_size: tuple[int | str, int | str] | None = None,
) -> Path:
    """Save a third-party generator of these nodes, from 'input' [1, 3, *size] to 'output'."""
    float32 = TensorProto.FLOAT
    return _save(
        path,
        nodes,
        [helper.make_tensor_value_info('input', float32, [1, 3, *size])],
        [helper.make_tensor_value_info('output', float32, [1, 3, *(output_size or size)])],
        constants,
        {},
    )


def save_normalizing_generator(path: Path) -> Path:
    """Save one that spreads each frame over 0 to 1: NaN where a shutter shows a single grey."""
    nodes = [
        helper.make_node('ReduceMax', ['input'], ['most'], keepdims=1),
        helper.make_node('ReduceMin', ['input'], ['least'], keepdims=1),
        helper.make_node('Sub', ['most', 'least'], ['contrast']),
        helper.make_node('Sub', ['input', 'least'], ['above']),
        helper.make_node('Div', ['above', 'contrast'], ['output']),
    ]
    return save_float_generator(path, nodes, {})


def save_unet(path: Path, levels: int) -> Path:
    """Save a U-Net that halves its input `levels` times and refuses sides that this cannot be done.

    It gives what it gets: the inner levels add nothing to what the outermost shortcut carries.
    """
    down = np.full((3, 3, 2, 2), 0.01, np.float32)
    up = np.zeros((6, 3, 2, 2), np.float32)
    constants = {'down': down, 'first_up': up[:3], 'up': up, 'last': np.zeros((3, 6, 1, 1), 'f')}
    constants['last'][:, :3, 0, 0] = np.eye(3)
    nodes = []
    for level in range(levels):
        source = f'x{level}' if level else 'input'
        nodes.append(helper.make_node('Conv', [source, 'down'], [f'x{level + 1}'], strides=[2, 2]))
    below = f'x{levels}'
    for level in reversed(range(levels)):
        weight = 'up' if level < levels - 1 else 'first_up'
        skip = f'x{level}' if level else 'input'
        nodes.append(
            helper.make_node('ConvTranspose', [below, weight], [f'u{level}'], strides=[2, 2])
        )
        below = f'c{level}'
        nodes.append(helper.make_node('Concat', [skip, f'u{level}'], [below], axis=1))
    nodes.append(helper.make_node('Conv', [below, 'last'], ['output']))
    return save_float_generator(path, nodes, constants)


def save_detector(
    path: Path,
    prediction: np.ndarray,
    *,
    names: Mapping[int, str] | None,
    size: int = 64,
    dynamic: bool = False,
) -> Path:
    """Save a detector that always gives `prediction` (float32, any head layout, batch of 1)."""
    side: int | str = 'S' if dynamic else size
    constants = {'prediction': prediction.astype(np.float32), 'zero': np.float32(0)}
    nodes = [
        helper.make_node('ReduceMean', ['images'], ['mean'], keepdims=0),
        helper.make_node('Mul', ['mean', 'zero'], ['nothing']),
        helper.make_node('Add', ['prediction', 'nothing'], ['output0']),
    ]
    return _save_detector(path, nodes, constants, list(prediction.shape), names, side, size)


def save_outputs_detector(
    path: Path,
    outputs: Sequence[np.ndarray],
    *,
    metadata: Mapping[str, str] | None = None,
    size: int = 64,
    later: np.ndarray | None = None,
) -> Path:
    """Save a detector with any outputs and any metadata.

    Args:
        path: The file.
        outputs: What it gives, float32.
        metadata: As it stands in the file.
        size: Side of its input.
        later: What is added to the first output for a picture that is black all over.
    """
    float32 = TensorProto.FLOAT
    constants = {'zero': np.float32(0), 'tiny': np.float32(1e-6)}
    nodes = [
        helper.make_node('ReduceMax', ['images'], ['brightest'], keepdims=0),
        helper.make_node('Less', ['brightest', 'tiny'], ['black']),
        helper.make_node('Mul', ['brightest', 'zero'], ['nothing']),
    ]
    for number, output in enumerate(outputs):
        name = f'constant{number}'
        constants[name] = output.astype(np.float32)
        if number == 0 and later is not None:
            constants['later'] = later.astype(np.float32)
            nodes.append(helper.make_node('Where', ['black', 'later', name], ['chosen']))
            name = 'chosen'
        nodes.append(helper.make_node('Add', [name, 'nothing'], [f'output{number}']))
    return _save(
        path,
        nodes,
        [helper.make_tensor_value_info('images', float32, [1, 3, size, size])],
        [
            helper.make_tensor_value_info(f'output{number}', float32, list(output.shape))
            for number, output in enumerate(outputs)
        ],
        constants,
        metadata or {},
    )


def yolox_cells(size: int = 64) -> np.ndarray:
    """Lay out the cells of YOLOX by its published format: x, y, stride of each, [N, 3]."""
    return np.array(
        [
            (x, y, stride)
            for stride in (8, 16, 32)
            for y in range(size // stride)
            for x in range(size // stride)
        ],
        np.float64,
    )


def save_yolox_probe(path: Path, cell: int, box: Sequence[float], *, size: int = 64) -> Path:
    """Save a raw YOLOX whose class scores are the means of its three input planes, over 255.

    Args:
        path: The file.
        cell: Number of the cell with the object; its objectness is 0.9, that of the others 0.
        box: cx, cy, w, h of the object in pixels of the input.
        size: Side of the input.
    """
    x, y, stride = yolox_cells(size)[cell]
    raw = np.zeros((1, len(yolox_cells(size)), 5), np.float32)
    raw[0, cell] = (
        *(box[0] / stride - x, box[1] / stride - y),
        *(np.log(box[2] / stride), np.log(box[3] / stride)),
        0.9,
    )
    constants = {
        'raw': raw,
        'axes': np.array([2, 3], np.int64),
        'share': np.full(1, 1 / 255, np.float32),
        'shape': np.array([1, 1, 3], np.int64),
        'repeats': np.array([1, raw.shape[1], 1], np.int64),
    }
    nodes = [
        helper.make_node('ReduceMean', ['images', 'axes'], ['means'], keepdims=0),
        helper.make_node('Mul', ['means', 'share'], ['shares']),
        helper.make_node('Reshape', ['shares', 'shape'], ['row']),
        helper.make_node('Tile', ['row', 'repeats'], ['scores']),
        helper.make_node('Concat', ['raw', 'scores'], ['output0'], axis=2),
    ]
    return _save_detector(path, nodes, constants, [1, raw.shape[1], 8], None, size, size)


def save_probe_detector(path: Path, *, size: int = 64) -> Path:
    """Save a detector whose class scores are the means of its input's colour channels.

    Columns as YOLOv8 has them, one box in the middle of the input, half as wide and high:
    whatever reaches the network (order of channels, scale, grey of the border) can be read off
    the scores of the classes red, green and blue.
    """
    box = np.array([size / 2, size / 2, size / 2, size / 2], np.float32).reshape(1, 4, 1)
    constants = {'box': box, 'plane': np.array([2, 3], np.int64), 'last': np.array([3], np.int64)}
    nodes = [
        helper.make_node('ReduceMean', ['images', 'plane'], ['means'], keepdims=1),
        helper.make_node('Squeeze', ['means', 'last'], ['scores']),
        helper.make_node('Concat', ['box', 'scores'], ['output0'], axis=1),
    ]
    names = {0: 'red', 1: 'green', 2: 'blue'}
    return _save_detector(path, nodes, constants, [1, 7, 1], names, size, size)


def _save_detector(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    constants: Mapping[str, np.ndarray],
    shape: Sequence[int],
    names: Mapping[int, str] | None,
    side: int | str,
    size: int,
) -> Path:
    float32 = TensorProto.FLOAT
    metadata = {} if names is None else {'names': repr(dict(names)), 'imgsz': repr([size, size])}
    return _save(
        path,
        nodes,
        [helper.make_tensor_value_info('images', float32, [1, 3, side, side])],
        [helper.make_tensor_value_info('output0', float32, list(shape))],
        constants,
        metadata,
    )
