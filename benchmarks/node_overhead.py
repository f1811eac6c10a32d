"""Time what the node adds to its model: receiving, exposure, packing, publishing.

The model is trivial, three copies of its input, so that nearly all that is left is the node's own.
Beside it stands the same work done with the copies that ROS nodes in Python usually make, without
DDS.
"""

from collections.abc import Callable
from collections.abc import Mapping
import json
import os
from pathlib import Path
import tempfile
from typing import Any

import cv2
import numpy as np
import onnx
from onnx import helper
from onnx import TensorProto
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from morngan_ros.exposure import Exposure
from morngan_ros.node.messages import to_color_image
from morngan_ros.node.messages import to_image
from morngan_ros.node.messages import to_thermal
from morngan_ros.tools.load_test import measure
from morngan_ros.tools.load_test import Stream
from morngan_ros.tools.support import ros

ENCODINGS = ('mono16', 'mono8')
GOALS = {'publish_ms': 4.0, 'cores_without_model': 0.08}
"""Milliseconds from the stamp of a frame to the end of publishing; share of one core."""


def bench_node(seconds: float = 30.0) -> dict[str, dict[str, Any]]:
    """Run camera, node and viewer as processes, 30 frames of 640x512 a second, by encoding.

    Returns:
        For each encoding what `figures` returns, and `load`, of the machine.
    """
    ros.keep_to_itself()
    results = {}
    with tempfile.TemporaryDirectory(prefix='bench-') as folder:
        model = Path(folder) / 'trivial.onnx'
        onnx.save(trivial_model(), model)
        for encoding in ENCODINGS:
            stream = Stream(seconds, encoding=encoding)
            # One thread: a pool would spin between frames, and that is no work of the node.
            report = measure(stream, Path(folder), model, provider='cpu', threads=1)
            results[encoding] = {**figures(report), 'load': round(os.getloadavg()[0], 1)}
    return results


def figures(report: Mapping[str, Any]) -> dict[str, Any]:
    """Draw the node's own share from a report of the load test.

    Returns:
        Medians in milliseconds: `publish_ms`, from the stamp of a frame to the end of publishing,
        the sum of the way to the node and of `node_ms`, inside it; `arrival_ms`, from the stamp to
        the arrival at the viewer; `stages_ms`, the parts. Processor time of the node a second:
        `cores`, and `cores_without_model`, less the median of the model's stage times its rate.
        `sent` and `arrived` frames. None is what could not be measured.
    """
    node = report['node']
    stages, cores = node['stages_ms'], node['cores']
    publish = without = None
    if {'transit', 'total'} <= stages.keys():
        publish = round(stages['transit'] + stages['total'], 2)
    if cores is not None and 'generator' in stages:
        without = round(cores - stages['generator'] * 1e-3 * report['frames_per_second'], 4)
    return {
        'publish_ms': publish,
        'node_ms': stages.get('total'),
        'arrival_ms': report['latency_ms']['all'].get('p50'),
        'cores': cores,
        'cores_without_model': without,
        'stages_ms': stages,
        'sent': report['sent'],
        'arrived': report['arrived'],
    }


def verdict(row: Mapping[str, Any], goal: str) -> str:
    """Say whether one encoding keeps one of `GOALS`: 'kept', 'broken' or 'not measured'."""
    if row[goal] is None:
        return 'not measured'
    return 'kept' if row[goal] < GOALS[goal] else 'broken'


def trivial_model() -> onnx.ModelProto:
    """Make a generator that keeps the contract and repeats the grey of its input in all colours."""
    nodes = [
        helper.make_node('Concat', ['thermal'] * 3, ['channels'], axis=1),
        helper.make_node('Transpose', ['channels'], ['color'], perm=[0, 2, 3, 1]),
    ]
    thermal = helper.make_tensor_value_info('thermal', TensorProto.UINT8, [1, 1, 'H', 'W'])
    color = helper.make_tensor_value_info('color', TensorProto.UINT8, [1, 'H', 'W', 3])
    graph = helper.make_graph(nodes, 'trivial', [thermal], [color])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=10)
    helper.set_model_props(model, {'morngan': json.dumps({'contract': 1, 'recipe': 'trivial'})})
    return model


def ways(encoding: str) -> dict[str, Callable[[], Image]]:
    """Return two ways from a thermal message to a colour message, without a model.

    Args:
        encoding: Of the thermal message: one of `ENCODINGS`.
    """
    rng = np.random.default_rng(0)
    top, dtype = (256, np.uint8) if encoding == 'mono8' else (2**14, np.uint16)
    header = Header(frame_id='thermal')
    message = to_image(rng.integers(0, top, (512, 640), dtype), header, encoding)
    color = rng.integers(0, 256, (512, 640, 3), np.uint8)
    exposure = Exposure()

    def copies() -> Image:
        """Go the way of cv_bridge and most tutorials: each step makes a new array."""
        counts = np.array(message.data, np.uint8).view(dtype).reshape(512, 640).copy()
        scaled = counts.astype(np.float32)
        scaled -= scaled.min()
        scaled /= scaled.max()
        (scaled * 255).astype(np.uint8)
        bgr = cv2.cvtColor(color.copy(), cv2.COLOR_RGB2BGR)
        made = Image(header=header, height=512, width=640, encoding='bgr8', step=3 * 640)
        made.data = bgr.tobytes()
        return made

    def ours() -> Image:
        exposure(to_thermal(message), 0.0)
        return to_color_image(color, header, 'rgb8')

    return {f'cv_bridge style, {encoding}': copies, f'this node, {encoding}': ours}
