"""Tell which wheels of ONNX Runtime are installed: they overwrite each other's files.

All of them install a package `onnxruntime`. pip does not know that they conflict: the one that
came last wins, and to uninstall one takes files of the other away.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import functools
from importlib import metadata
import logging
import re

LOGGER = logging.getLogger(__name__)

WHEELS = ('onnxruntime', 'onnxruntime-gpu', 'onnxruntime-openvino', 'onnxruntime-directml')

# What brings which provider of ours.
_WHEEL_OF = {'tensorrt': 'onnxruntime-gpu', 'cuda': 'onnxruntime-gpu', 'cpu': 'onnxruntime'}


def installed_wheels(path: Sequence[str] | None = None) -> dict[str, str]:
    """List the wheels of ONNX Runtime with their versions.

    Args:
        path: folders to look in; None is where Python imports from.
    """
    found = metadata.distributions() if path is None else metadata.distributions(path=list(path))
    versions = {}
    for distribution in found:
        # The metadata of a half-removed package may lack a name.
        name = re.sub(r'[-_.]+', '-', distribution.metadata['Name'] or '').lower()
        if name in WHEELS:
            versions[name] = distribution.version
    return {name: versions[name] for name in WHEELS if name in versions}


def conflict(wheels: Mapping[str, str]) -> str:
    """Explain that several wheels are in each other's way; empty if they are not."""
    if len(wheels) < 2:
        return ''
    names = ' and '.join(f'{name} {version}' for name, version in wheels.items())
    return f'{names} are installed together, and overwrite each other: keep one of them'


def hint(provider: str, wheels: Mapping[str, str]) -> str:
    """Say what to uninstall and install to have a provider.

    Args:
        provider: 'tensorrt', 'cuda' or 'cpu'.
        wheels: what is installed, as of `installed_wheels`.
    """
    wanted = _WHEEL_OF[provider]
    install = f'`pip install {wanted}`'
    if not wheels:
        return f'{install}, or on a Jetson the wheel that NVIDIA makes for its JetPack'
    if tuple(wheels) == (wanted,):
        return (
            f'{wanted} {wheels[wanted]} has the right name, but was built without the provider, '
            'like the aarch64 wheel of PyPI; see docs/engines.md'
        )
    return f'`pip uninstall -y {" ".join(wheels)}`, then {install}'


@functools.cache
def warn_of_conflict() -> None:
    """Log once if several wheels are installed."""
    problem = conflict(wheels := installed_wheels())
    if problem:
        LOGGER.warning('%s; `pip uninstall -y %s` first', problem, ' '.join(wheels))
