"""What people give for parameters: integers for floats, and names with a slip of the pen."""

from difflib import get_close_matches
from typing import Any

from rclpy.node import Node


def is_float(default: Any) -> bool:
    """Tell whether a parameter with this default is a float, or a list of them."""
    return isinstance(default[0] if isinstance(default, tuple) else default, float)


def plain_value(name: str, value: Any, default: Any) -> Any:
    """Turn a value of rclpy into one of Python, of the type of the default where that is a float.

    Raises:
        ValueError: It is no number, or no list of numbers, where that is wanted.
    """
    several = not isinstance(value, str | int | float | bool | None)
    values = tuple(value) if several else (value,)
    if is_float(default):
        if several != isinstance(default, tuple) or not all(map(_is_number, values)):
            wanted = 'a list of numbers' if isinstance(default, tuple) else 'a number'
            raise ValueError(f'{name} is {value!r}, but must be {wanted}')
        values = tuple(map(float, values))
    return values if several else values[0]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def unknown_parameters(node: Node) -> str:
    """Name the parameters that were given at the start and that the node does not have.

    Returns:
        One line that names the nearest of those that it has; empty if all are known.
    """
    given = sorted(name for name in node._parameter_overrides if not node.has_parameter(name))
    known = list(node.get_parameters_by_prefix(''))
    words = []
    for name in given:
        near = get_close_matches(name, known, 1, 0.7)
        words.append(f'{name} (did you mean {near[0]}?)' if near else name)
    return f'unknown parameters have no effect: {", ".join(words)}' if words else ''
