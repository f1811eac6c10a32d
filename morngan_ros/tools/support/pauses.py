"""Pauses of a recording while it is played: told, and shortened where they are too long."""

import sys

from morngan_ros.tools.support import ros

# Seconds: shorter pauses are nothing to tell.
_WORTH_TELLING = 5.0
# How many pauses get a line of their own.
_TOLD = 3

_UNITS = ((365.25 * 86400, 'years'), (86400, 'days'), (3600, 'hours'), (60, 'minutes'))


class Pauses:
    """Watches the times of a recording for pauses, such as a clock that was set leaves.

    Args:
        pacer: Waits for the times; a pause is shortened by moving it on.
        longest: Recorded seconds that a pause lasts at most; inf keeps all of them.

    Attributes:
        cut_ns: How much time was cut out so far.
    """

    def __init__(self, pacer: ros.Pacer, longest: float) -> None:
        self._pacer = pacer
        self._longest = longest
        self._count = 0
        self.cut_ns = 0

    def between(self, before_ns: int, after_ns: int, frames: int) -> None:
        """Look at the time between two messages, of which the first was published.

        Args:
            before_ns: When the first was recorded.
            after_ns: When the second was recorded.
            frames: How many frames were published before, for people.
        """
        seconds = (after_ns - before_ns) / 1e9
        if seconds > self._longest:
            cut_ns = after_ns - before_ns - round(self._longest * 1e9)
            self._pacer.skip(cut_ns)
            self.cut_ns += cut_ns
        if seconds <= _WORTH_TELLING:
            return
        self._count += 1
        if self._count <= _TOLD:
            what = f'shortened to {self._longest:g} s' if seconds > self._longest else 'kept'
            print(
                f'note: a pause of {_span(seconds)} after {frames} frames is {what}; '
                '--max-gap sets the longest pause',
                file=sys.stderr,
                flush=True,
            )

    def sum_up(self) -> None:
        """Tell how many more pauses there were."""
        if self._count > _TOLD:
            print(
                f'note: {self._count} pauses of more than {_WORTH_TELLING:g} s in all',
                file=sys.stderr,
            )


def _span(seconds: float) -> str:
    for length, unit in _UNITS:
        if seconds >= 2 * length:
            return f'{seconds / length:.1f} {unit}'
    return f'{seconds:.1f} s'
