"""The root of all errors that training raises on purpose."""

from morngan_ros.errors import MornganError


class TrainError(MornganError):
    """Something that a user can mend: the message names it and the cure.

    The command line prints it in one line and ends with exit code 2.
    """
