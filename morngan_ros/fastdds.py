"""Let Fast DDS carry large frames: its default shared memory is smaller than one of them."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version
import os

from morngan_ros.share import find_shared

# Kilted is the first distribution with Fast DDS 3; its rclpy is 9.
_FIRST_RCLPY = 9


def profile_variable() -> str:
    """Return the name of the environment variable that the Fast DDS of this distribution reads.

    Fast DDS 2 (Humble, Jazzy) knows only the old name; Fast DDS 3 warns about it.
    """
    try:
        major = int(version('rclpy').split('.')[0])
    except PackageNotFoundError:
        major = _FIRST_RCLPY
    if major >= _FIRST_RCLPY:
        return 'FASTDDS_DEFAULT_PROFILES_FILE'
    return 'FASTRTPS_DEFAULT_PROFILES_FILE'


def set_profile() -> None:
    """Choose config/fastdds.xml, unless the user has a profile; call it before rclpy.init."""
    profile = find_shared('config/fastdds.xml')
    if profile is not None:
        os.environ.setdefault(profile_variable(), str(profile))
