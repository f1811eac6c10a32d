"""The node with a model that finds road users itself, over real DDS: no detector file is needed."""

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

from diagnostic_msgs.msg import DiagnosticArray
from ros_fixtures import colorizer
from ros_fixtures import header
from ros_fixtures import probe
from ros_fixtures import thermal
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger
from tiny_models import save_detector
from tiny_models import save_generator
from vision_msgs.msg import Detection2DArray

from morngan_ros.node.messages import to_image

BOXES = np.array([[[10, 5, 20, 25], [30, 8, 60, 28]]], np.float32)
SCORES = np.array([[[0.9, 0.0], [0.0, 0.8]]], np.float32)


def image(number: int) -> Image:
    message = to_image(thermal(48, 64, number), header(number), 'mono8')
    assert isinstance(message, Image)
    return message


def labels(message: Detection2DArray) -> list[str]:
    return [detection.results[0].hypothesis.class_id for detection in message.detections]


def test_detections_without_a_file_and_from_one_to_the_other(tmp_path):
    model = save_generator(
        tmp_path / 'finds.onnx', info={'objects': ['person', 'car']}, found=(BOXES, SCORES)
    )
    plain = save_generator(tmp_path / 'plain.onnx')
    columns = np.array([32, 32, 40, 20, 0.9], np.float32).reshape(1, 5, 1)
    lorry = save_detector(tmp_path / 'lorry.onnx', columns, names={0: 'lorry'})
    with colorizer(tmp_path, '/head', model=model) as process, probe('/head') as opened:
        process.wait_for_log('detections come from the head of the model')
        opened.listen(Detection2DArray, 'detections')
        opened.listen(Image, 'color/image_raw')
        opened.listen(DiagnosticArray, '/diagnostics')

        def found(number: int) -> list[str]:
            opened.publish('image_raw', image(number))
            opened.wait_for_stamp('color/image_raw', header(number))
            return labels(opened.wait_for_stamp('detections', header(number)))

        def reload(**parameters: str) -> None:
            assert opened.set_parameters(**parameters).successful
            taken = opened.call(Trigger, 'colorizer/reload_model', Trigger.Request())
            assert taken.success, taken.message

        def says(name: str):
            return lambda message: any(
                (entry.key, entry.value) == ('detector', name)
                for status in message.status
                for entry in status.values
            )

        assert found(1) == ['person', 'car']
        box = opened.messages('detections')[-1].detections[0].bbox
        assert (box.center.position.x, box.center.position.y) == (15, 15)
        assert (box.size_x, box.size_y) == (10, 20)
        opened.wait_for('/diagnostics', says('head of the model'))

        reload(detector=str(lorry))
        assert found(2) == ['lorry']
        opened.wait_for('/diagnostics', says('detector lorry.onnx'))

        reload(detector='')
        assert found(3) == ['person', 'car']
        assert opened.set_parameters(detection_classes=['car']).successful
        assert found(4) == ['car']

        # Neither a model without a head nor the wish for none sends anything.
        reload(model=str(plain))
        opened.publish('image_raw', image(5))
        opened.wait_for_stamp('color/image_raw', header(5))
        reload(model=str(model), detector='none')
        opened.publish('image_raw', image(6))
        opened.wait_for_stamp('color/image_raw', header(6))
        assert opened.messages('detections')[-1].header.stamp.sec == header(4).stamp.sec
        opened.wait_for('/diagnostics', says('off'))
        assert process.alive
