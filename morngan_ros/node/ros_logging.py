"""Let the modules that know no ROS speak through the log of a node."""

import logging

from rclpy.impl.rcutils_logger import RcutilsLogger


class NodeHandler(logging.Handler):
    """Pass records of Python's logging on to a ROS logger, one severity for each.

    Args:
        logger: Of the node.
    """

    def __init__(self, logger: RcutilsLogger) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record to the node's log."""
        text = self.format(record)
        # A ROS logger keeps one severity for each place that calls it.
        if record.levelno >= logging.ERROR:
            self._logger.error(text)
        elif record.levelno >= logging.WARNING:
            self._logger.warning(text)
        elif record.levelno >= logging.INFO:
            self._logger.info(text)
        else:
            self._logger.debug(text)


def speak_through(logger: RcutilsLogger) -> None:
    """Send what `morngan_ros` logs to a node's log, from INFO on."""
    ours = logging.getLogger('morngan_ros')
    ours.setLevel(logging.INFO)
    ours.addHandler(NodeHandler(logger))
