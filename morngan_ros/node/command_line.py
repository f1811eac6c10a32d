"""The command line of the node: help, and a word on what it does not understand."""

import argparse
from collections.abc import Sequence
from dataclasses import fields

from rclpy.utilities import remove_ros_args

from morngan_ros.node.parameters import Settings

_DESCRIPTION = """\
The node colorizer: thermal images in, daytime colour images and detections out.
All settings are ROS arguments: topics by -r, parameters by -p or --params-file."""
_EXAMPLES = """\
examples:
  colorize --ros-args -r image_raw:=/camera/image_raw -p detector:=/data/yolov8n.onnx
  colorize --ros-args --params-file my.yaml -r __ns:=/front"""


def read_command_line(args: Sequence[str] | None) -> None:
    """Check a command line; None takes that of the process.

    Raises:
        SystemExit: Help was asked for and printed, or an argument is not understood.
    """
    own = remove_ros_args()[1:] if args is None else remove_ros_args(list(args))
    parser = argparse.ArgumentParser(
        prog='colorize',
        usage='colorize [-h] [--ros-args ...]',
        description=_DESCRIPTION,
        epilog=f'{_EXAMPLES}\n\nparameters:\n{_parameters()}',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _, rest = parser.parse_known_args(own)
    if rest:
        parser.error(
            f'unknown arguments: {" ".join(rest)}; topics and parameters come after --ros-args'
        )


def _parameters() -> str:
    return '\n'.join(
        f'  {entry.name}: {entry.metadata["description"]} [{_default(entry.default)}]'
        for entry in fields(Settings)
    )


def _default(value: object) -> str:
    return str(list(value)) if isinstance(value, tuple) else repr(value)
