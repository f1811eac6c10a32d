"""How the source is laid out, read from its import statements: rooms, and who imports whom.

A room is a folder of a package, or a module beside the folders.
"""

import ast
from functools import cache
from graphlib import CycleError
from graphlib import TopologicalSorter
from pathlib import Path

PACKAGES = ('morngan_ros', 'morngan_train', 'benchmarks')
LIMIT = 400
"""Lines of a file."""

ROS_ROOMS = {'morngan_ros/node', 'morngan_ros/tools'}
"""All others run where no ROS is installed."""

EXCEPTIONS = {
    # Bayer and other rare encodings, where cv_bridge is installed; it is imported when one comes.
    'morngan_ros/images/via_cv_bridge.py': {'cv_bridge'},
    # What the launch files share runs inside launch.
    'morngan_ros/launching/arguments.py': {'launch'},
    'morngan_ros/launching/keeping.py': {'launch'},
}
_ROS = {'ament_index_python', 'cv_bridge', 'launch', 'launch_ros', 'lifecycle_msgs', 'rclpy'}


def sources(root: Path) -> list[Path]:
    """List the source files of all packages."""
    return sorted(path for package in PACKAGES for path in (root / package).rglob('*.py'))


def imported(path: Path) -> list[str]:
    """Name what a file imports, wherever in it: `a.b.c` for `from a.b import c`."""
    return _imported(path.read_text(encoding='utf-8'))


@cache
def _imported(source: str) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [f'{node.module}.{alias.name}' for alias in node.names]
    return names


def imported_ros(path: Path, root: Path) -> list[str]:
    """Name what a file imports of ROS, but for its exceptions."""
    allowed = EXCEPTIONS.get(path.relative_to(root).as_posix(), set())
    return [name for name in imported(path) if is_ros(name) and name.split('.')[0] not in allowed]


def is_ros(name: str) -> bool:
    """Whether a module comes with ROS."""
    top = name.split('.')[0]
    return top in _ROS or top.startswith('rcl_') or top.endswith(('_msgs', '_srvs'))


def room(path: Path, root: Path) -> str:
    """Name the room of a file: `morngan_ros/node`, or `morngan_ros/pipeline`."""
    parts = path.relative_to(root).with_suffix('').parts
    return '/'.join(parts[:2])


def file_of(name: str, root: Path) -> Path | None:
    """Find the file of ours that an imported name lies in; None if it is not ours."""
    parts = name.split('.')
    if parts[0] not in PACKAGES:
        return None
    for n in (len(parts), len(parts) - 1):
        path = root.joinpath(*parts[:n])
        if path.with_suffix('.py').is_file():
            return path.with_suffix('.py')
        if (path / '__init__.py').is_file():
            return path / '__init__.py'
    return None


def ros_outside_its_rooms(root: Path) -> list[str]:
    """List imports of ROS where there must be none."""
    return [
        f'{path.relative_to(root).as_posix()}: {name}'
        for path in sources(root)
        if room(path, root) not in ROS_ROOMS and room(path, root).split('/')[0] != 'benchmarks'
        for name in imported_ros(path, root)
    ]


def ros_behind_training(root: Path) -> list[str]:
    """List files that import ROS and that some import of morngan_train leads to."""
    waiting = [path for path in sources(root) if room(path, root).startswith('morngan_train')]
    seen = set(waiting)
    while waiting:
        for name in imported(waiting.pop()):
            path = file_of(name, root)
            if path is not None and path not in seen:
                seen.add(path)
                waiting.append(path)
    return sorted(path.relative_to(root).as_posix() for path in seen if imported_ros(path, root))


def circle(root: Path) -> list[str]:
    """Name rooms that import each other in a circle; empty if all imports fall one way."""
    graph: dict[str, set[str]] = {}
    for path in sources(root):
        mine = room(path, root)
        targets = (file_of(name, root) for name in imported(path))
        rooms = {room(target, root) for target in targets if target is not None}
        graph.setdefault(mine, set()).update(rooms - {mine})
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [str(name) for name in error.args[1]]
    return []


def long_files(root: Path) -> list[str]:
    """List files of more lines than `LIMIT`."""
    found = []
    for path in sources(root):
        lines = len(path.read_text(encoding='utf-8').splitlines())
        if lines > LIMIT:
            found.append(f'{path.relative_to(root)}: {lines} lines')
    return found
