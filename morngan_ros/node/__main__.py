"""Run the node `colorizer`: thermal images in, daytime colour images and detections out."""

from collections.abc import Sequence
import sys

from morngan_ros.node.colorize_node import ColorizeNode
from morngan_ros.node.command_line import read_command_line
from morngan_ros.node.running import run


def main(args: Sequence[str] | None = None) -> int:
    """Run the node until SIGINT or SIGTERM.

    Returns:
        Exit code: 0 after a signal, 1 if a parameter given at the start is of no use.

    Raises:
        SystemExit: Help was asked for, or an argument is not understood.
    """
    read_command_line(args)
    return run(ColorizeNode, args)


if __name__ == '__main__':
    sys.exit(main())
