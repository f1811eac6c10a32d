"""Let Fast DDS carry large frames: its default shared memory is smaller than one of them."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version
import os
from xml.etree import ElementTree

from morngan_ros.shipped import find_shared

# What Fast DDS takes unless a profile says otherwise.
_DEFAULT_SEGMENT = 512 * 1024
# What config/fastdds.xml gives.
SHIPPED_SEGMENT = 32 * 1024 * 1024

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
        The largest `segment_size` among the transports of the default participant. What is the
        default without a profile, with one that does not say, with one that cannot be read, and
        with one that leaves the built-in transports on, for these are used as well.
    """
    path = os.environ.get(profile_variable())
    if not path:
        return _DEFAULT_SEGMENT
    try:
        root = ElementTree.parse(path).getroot()
        sizes = [
            int(_text(transport, 'segment_size') or _DEFAULT_SEGMENT)
            for transport in _transports(root)
            if _text(transport, 'type').upper() == 'SHM'
        ]
    except (OSError, ValueError, ElementTree.ParseError):
        return _DEFAULT_SEGMENT
    return max(sizes, default=_DEFAULT_SEGMENT)


def too_large(image: int, segment: int) -> str:
    """Say that images of so many bytes get lost in a segment of so many, and the cure.

    One image is read while the next one is written, so two of them must fit.
    """
    times, share = ('', 'most') if image > segment else (' twice', 'some')
    hint = 'set it to config/fastdds.xml of morngan_ros'
    if 2 * image > SHIPPED_SEGMENT:
        hint = (
            f'set it to a copy of config/fastdds.xml of morngan_ros with a segment_size of at '
            f'least {2 * image}'
        )
    return (
        f'frames of {image} bytes do not fit{times} into the shared memory of Fast DDS '
        f'({segment} bytes), so best-effort subscribers will lose {share} of them: start this node '
        f'with {profile_variable()}; {hint}. Your own profile needs useBuiltinTransports false'
    )


def _transports(root: ElementTree.Element) -> list[ElementTree.Element]:
    """Find what describes the transports that stand in for the built-in ones."""
    chosen = {
        (entry.text or '').strip()
        for participant in root.iterfind('.//{*}participant[@is_default_profile="true"]')
        if _text(participant, 'useBuiltinTransports') == 'false'
        for entry in participant.iterfind('.//{*}userTransports/{*}transport_id')
    }
    described = root.iterfind('.//{*}transport_descriptor')
    return [transport for transport in described if _text(transport, 'transport_id') in chosen]


def _text(element: ElementTree.Element, name: str) -> str:
    """Return the text of the first element of that name within another; empty without one."""
    return (element.findtext(f'.//{{*}}{name}') or '').strip()
