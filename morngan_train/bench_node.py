"""Time what the node adds to its model: receiving, exposure, packing, publishing.

The model is trivial, three copies of its input, so that nearly all that is left is the node's own.
Beside it stands the same work done with the copies that ROS nodes in Python usually make, without
DDS.
"""

from collections.abc import Callable
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
from morngan_ros.messages import to_color_image
from morngan_ros.messages import to_image
from morngan_ros.messages import to_thermal
from morngan_ros.tools import ros
from morngan_ros.tools.load_test import measure
from morngan_ros.tools.load_test import Stream

ENCODINGS = ('mono16', 'mono8')
GOALS = {'node_ms': 4.0, 'cores': 0.08}
"""Median milliseconds from the arrival of a frame to the end of publishing; share of one core."""


def bench_node(seconds: float = 30.0) -> dict[str, dict[str, Any]]:
    """Run camera, node and viewer as processes, 30 frames of 640x512 a second, by encoding.

    Returns:
        For each encoding: `arrival_ms`, median from the stamp of a frame to its arrival at the
        viewer; `node_ms`, median inside the node; `stages_ms`, its parts; `cores`, processor time
        of the node a second; `load`, of the machine; `sent` and `arrived` frames.
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
            stages = report['node']['stages_ms']
            results[encoding] = {
                'arrival_ms': report['latency_ms']['all'].get('p50'),
                'node_ms': stages.get('total'),
                'cores': report['node']['cores'],
                'stages_ms': stages,
                'load': round(os.getloadavg()[0], 1),
                'sent': report['sent'],
                'arrived': report['arrived'],
            }
    return results


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
