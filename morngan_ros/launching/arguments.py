"""What the launch files share: lists of cameras, and the names of topics."""

import posixpath
import re

from launch import LaunchContext
from launch.substitutions import LaunchConfiguration
import yaml

# Inputs: argument of the launch files -> name inside the node.
_INPUTS = {'image': 'image_raw', 'camera_info': 'camera_info'}


def value(context: LaunchContext, name: str) -> str:
    """Return the value of a launch argument; empty if it was not given."""
    result: str = LaunchConfiguration(name).perform(context)
    return result


def cameras(context: LaunchContext) -> list[str]:
    """Return the names of the cameras; one empty name if there is only one camera.

    Raises:
        RuntimeError: The list makes no sense; launch prints the message and ends.
    """
    names = listed(context, 'cameras', r'[A-Za-z_]\w*(/[A-Za-z_]\w*)*', 'left')
    if len(set(names)) < len(names):
        raise RuntimeError(f'cameras has a name twice: {", ".join(names)}')
    for topic in (*_INPUTS, *_outputs(context)) if names else ():
        if value(context, topic).startswith('/'):
            raise RuntimeError(
                f'{topic}:={value(context, topic)} is one topic for all cameras: remove the slash'
            )
    remappings(context)  # sees whether the names of the topics are apart
    return names or ['']


def listed(context: LaunchContext, name: str, pattern: str, example: str) -> list[str]:
    """Read an argument that is a list in YAML; an empty one gives no entries."""
    text = value(context, name)
    if not text:
        return []
    try:
        # The basic loader leaves `on` and 1 as they are written.
        entries = yaml.load(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError:
        entries = None
    if not isinstance(entries, list) or not entries:
        raise RuntimeError(
            f'{name}:={text} is not a list such as [{example}]; write it without spaces'
        )
    for entry in entries:
        if not isinstance(entry, str) or not re.fullmatch(pattern, entry):
            raise RuntimeError(f'{entry!r} in {name}:={text} does not look like {example}')
    return entries


def namespace(context: LaunchContext, camera: str = '') -> str:
    """Return the namespace of a camera: its name below the argument `namespace`."""
    return posixpath.join(value(context, 'namespace'), camera).rstrip('/')


def remappings(context: LaunchContext, camera: str = '') -> list[tuple[str, str]]:
    """Return the remappings of all topics of a node, seen from `namespace` or from a camera's.

    Raises:
        RuntimeError: Two topics would have one name.
    """
    names = {inside: value(context, name) for name, inside in _INPUTS.items()}
    for inside, outside in _outputs(context).values():
        if outside in names.values():
            raise RuntimeError(
                f'{inside} and another topic would both be {outside}: '
                'give color_camera_info and the other outputs different names'
            )
        names[inside] = outside
    return [
        (posixpath.join(camera, inside), posixpath.join(camera, outside))
        for inside, outside in names.items()
    ]


def enclave(context: LaunchContext, name: str) -> list[str]:
    """Return the ROS arguments that put a process into the SROS2 enclave that an argument names."""
    path = value(context, name)
    return ['--enclave', path] if path else []


def _outputs(context: LaunchContext) -> dict[str, tuple[str, str]]:
    """Return the outputs: argument -> name inside the node, and the name to be seen."""
    old = value(context, 'old_names') == 'true'
    color = value(context, 'color_image') or ('image_color' if old else 'color/image_raw')
    beside = 'camera_info_color' if old else posixpath.join(posixpath.dirname(color), 'camera_info')
    return {
        'color_image': ('color/image_raw', color),
        'color_camera_info': (
            'color/camera_info',
            value(context, 'color_camera_info') or beside,
        ),
        'overlay_image': (
            'overlay/image_raw',
            value(context, 'overlay_image') or ('image_overlay' if old else 'overlay/image_raw'),
        ),
        'detections': ('detections', value(context, 'detections')),
    }
