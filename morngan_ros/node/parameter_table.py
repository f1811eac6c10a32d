"""Parameters of a node as a table: a dataclass whose fields say what each one means and may be.

People give integers for floats and names with a slip of the pen: the first are taken, the second
are told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import Field
from dataclasses import field
from dataclasses import fields
from dataclasses import replace
from difflib import get_close_matches
from enum import Enum
from typing import Any
from typing import TypeVar

from rcl_interfaces.msg import FloatingPointRange
from rcl_interfaces.msg import IntegerRange
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node
from rclpy.parameter import Parameter

Table = TypeVar('Table', bound='ParameterTable')


class Takes(Enum):
    """When a changed parameter takes effect; the text stands in its descriptor."""

    EFFECT_NOW = 'Changes at once.'
    RELOAD = 'A change takes effect with ~/reload_model or the next configure.'
    RESTART = 'Read once, at the start of the node.'


def parameter(
    default: Any,
    description: str,
    takes: Takes = Takes.EFFECT_NOW,
    *,
    among: Sequence[str] = (),
    between: tuple[float, float] | None = None,
    limits: str = '',
) -> Any:
    """Describe a parameter: the field of a `ParameterTable`.

    Args:
        default: Its default, which tells its type.
        description: What it does, its unit, and when to change it.
        takes: When a change takes effect.
        among: The values that it may have, where they are few.
        between: The least and the greatest value, where it is a number.
        limits: What else it must keep, in words.
    """
    metadata = {
        'description': description,
        'takes': takes,
        'among': among,
        'between': between,
        'limits': limits,
    }
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class ParameterTable:
    """The values of all parameters at one moment; the fields are the parameters of the node."""

    @classmethod
    def declare(cls: type[Table], node: Node) -> Table:
        """Declare all parameters on a node and read them.

        Raises:
            rclpy.exceptions.ParameterException: A value given at the start has another type, or
                is out of its range.
            ValueError: A value makes no sense.
        """
        declared = [
            node.declare_parameter(entry.name, entry.default, _descriptor(entry))
            for entry in fields(cls)
        ]
        return cls(**cls._values(declared)).checked()

    def changed(self: Table, parameters: 'Sequence[Parameter[Any]]') -> Table:
        """Return settings with new values; parameters of other origin are left aside.

        Raises:
            ValueError: The values make no sense, alone or together.
        """
        known = {entry.name for entry in fields(self)}
        return replace(self, **self._values([p for p in parameters if p.name in known])).checked()

    def checked(self: Table) -> Table:
        """Return these settings, if they make sense beyond what the descriptors say.

        Raises:
            ValueError: They do not; the message names the parameter and what it may be.
        """
        for entry in fields(self):
            among, value = entry.metadata['among'], getattr(self, entry.name)
            if among and value not in among:
                raise ValueError(
                    f'{entry.name} is {value!r}, but must be one of {", ".join(among)}'
                )
            # rclpy checks the range of floats, not that of integers given for them.
            if isinstance(value, float) and (between := entry.metadata['between']):
                low, high = between
                if not low <= value <= high:
                    raise ValueError(f'{entry.name} is {value:g}, out of range {low:g} to {high:g}')
        self.check_together()
        return self

    def check_together(self) -> None:
        """Check what concerns several parameters, or what a descriptor cannot say.

        Raises:
            ValueError: The values make no sense; the message names the parameter and the cure.
        """

    @classmethod
    def takes(cls, name: str) -> Takes | None:
        """Tell when a parameter takes effect; None if it is not one of these."""
        return {entry.name: entry.metadata['takes'] for entry in fields(cls)}.get(name)

    @classmethod
    def _values(cls, parameters: 'Sequence[Parameter[Any]]') -> dict[str, Any]:
        """Read parameters; the arrays of rclpy become tuples, integers floats where wanted.

        Raises:
            ValueError: A float is wanted, and this is no number.
        """
        defaults = {entry.name: entry.default for entry in fields(cls)}
        return {p.name: plain_value(p.name, p.value, defaults.get(p.name)) for p in parameters}


def _descriptor(entry: 'Field[Any]') -> ParameterDescriptor:
    metadata = entry.metadata
    descriptor = ParameterDescriptor(
        description=f'{metadata["description"]} {metadata["takes"].value}',
        read_only=metadata['takes'] is Takes.RESTART,
        # Integers are taken for floats, so the type is checked by `plain_value`.
        dynamic_typing=is_float(entry.default),
    )
    choices = f'One of {", ".join(metadata["among"])}.' if metadata['among'] else ''
    descriptor.additional_constraints = f'{choices} {metadata["limits"]}'.strip()
    if metadata['between']:
        low, high = metadata['between']
        if entry.type in (int, 'int'):
            descriptor.integer_range = [IntegerRange(from_value=low, to_value=high)]
        else:
            descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
    return descriptor


def is_float(default: Any) -> bool:
    """Tell whether a parameter with this default is a float, or a list of them."""
    return isinstance(default[0] if isinstance(default, tuple) else default, float)


def plain_value(name: str, value: Any, default: Any) -> Any:
    """Turn a value of rclpy into one of Python, of the type of the default where that is a float.

    Raises:
        ValueError: It is no number, or no list of numbers, where that is wanted.
    """
    several = not isinstance(value, str | int | float | bool | None)
    if not is_float(default):
        return tuple(value) if several else value
    if isinstance(default, tuple):
        if several and all(map(_is_number, value)):
            return tuple(map(float, value))
        raise ValueError(f'{name} is {value!r}, but must be a list of numbers')
    if _is_number(value):
        return float(value)
    raise ValueError(f'{name} is {value!r}, but must be a number')


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
