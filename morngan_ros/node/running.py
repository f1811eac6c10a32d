"""The life of the process around a node: from its start to a clean end by a signal."""

from collections.abc import Callable
from collections.abc import Sequence
import os
import signal
import sys
from typing import Any

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException
from rclpy.executors import SingleThreadedExecutor

from morngan_ros.errors import TopicError
from morngan_ros.host.allocator import set_up_allocator
from morngan_ros.host.shared_memory import remove_leftovers
from morngan_ros.node.ros_logging import speak_through


def run(make: Callable[[], Any], args: Sequence[str] | None) -> int:
    """Run a node until SIGINT or SIGTERM.

    Args:
        make: Makes the node, which has `start`, and `stop` as `ColorizeNode` has it.
        args: Command line; None takes that of the process.

    Returns:
        Exit code: 0 after a signal, 1 if a parameter or topic given at the start is of no use.
    """
    set_up_allocator()
    remove_leftovers()
    rclpy.init(args=None if args is None else list(args))
    node = None
    try:
        node = make()
        speak_through(node.get_logger())
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        node.start()
        executor.spin()
    except (ParameterException, TopicError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except Exception:
        # A signal ends the context under whatever is under way, such as a transition on Jazzy.
        if rclpy.ok():
            raise
    # Launch and the terminal both signal: the second signal must not disturb the end.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if node is not None and not node.stop():
        sys.stderr.flush()
        os._exit(0)
    return 0
