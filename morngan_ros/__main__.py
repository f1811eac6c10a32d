"""List the programs of this package."""

import ast
from pathlib import Path

_PACKAGE = Path(__file__).parent


def programs() -> dict[str, str]:
    """Find the modules that can be run, and the first line of what each says about itself.

    They are read, not imported: where ROS is missing, those that need it are listed all the same.
    """
    found = {}
    for path in sorted(_PACKAGE.rglob('*.py')):
        tree = ast.parse(path.read_text(encoding='utf-8'))
        is_program = any(isinstance(n, ast.FunctionDef) and n.name == 'main' for n in tree.body)
        if is_program and path != Path(__file__):
            parts = path.relative_to(_PACKAGE.parent).with_suffix('').parts
            name = '.'.join(parts).removesuffix('.__main__')
            found[name] = (ast.get_docstring(tree) or '').split('\n\n')[0]
    return found


def main() -> int:
    """Print the list; returns the exit code."""
    print('Run a command with python -m NAME, or on ROS with ros2 run. Each command has --help.\n')
    for name, about in programs().items():
        print(f'{name}\n    {" ".join(about.split())}')
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
