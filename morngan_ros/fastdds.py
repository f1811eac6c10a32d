"""Let Fast DDS carry large frames: its default shared memory is smaller than one of them."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version
import os
from xml.etree import ElementTree

from morngan_ros.share import find_shared

# What Fast DDS takes unless a profile says otherwise.
_DEFAULT_SEGMENT = 512 * 1024

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


def segment_bytes() -> int:
    """Return the size of the shared memory that the present profile gives a participant.

    Returns:
        The largest `segment_size` of the profile; what is the default without a profile, with one
        that does not say, and with one that cannot be read.
    """
    path = os.environ.get(profile_variable())
    if not path:
        return _DEFAULT_SEGMENT
    try:
        elements = list(ElementTree.parse(path).iter())
        sizes = [int(e.text or '') for e in elements if e.tag.endswith('segment_size')]
    except (OSError, ValueError, ElementTree.ParseError):
        return _DEFAULT_SEGMENT
    return max(sizes, default=_DEFAULT_SEGMENT)
