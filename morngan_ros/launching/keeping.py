"""Keep nodes running under launch: start them again, give up in time, tell launch of a failure."""

from collections.abc import Callable
from time import monotonic

from launch import LaunchContext
from launch.actions import GroupAction
from launch.actions import LogInfo
from launch.actions import OpaqueFunction
from launch.actions import RegisterEventHandler
from launch.actions import TimerAction
from launch.event_handlers import OnShutdown
from launch.events import Shutdown
from launch.events.process import ProcessExited
from launch.launch_description_entity import LaunchDescriptionEntity

# A process that ends within so many seconds died quickly; so many quick deaths in turn are enough.
QUICK = 10.0
ENOUGH = 5
# Seconds until it is started again.
_RESPITE = 1.0

OnExit = Callable[[ProcessExited, LaunchContext], list[LaunchDescriptionEntity] | None]


class Scope:
    """Remembers configurations and environment, for what starts when their group has been left.

    Args:
        context: As it is now.
    """

    def __init__(self, context: LaunchContext) -> None:
        self._configurations = {
            name: list(value) if isinstance(value, list) else value
            for name, value in context.launch_configurations.items()
        }
        self._environment = dict(context.environment)

    def around(self, make: Callable[[], LaunchDescriptionEntity]) -> GroupAction:
        """Return an action that makes another one and runs it within the scope."""
        made = OpaqueFunction(function=lambda _context: [make()])
        return GroupAction([OpaqueFunction(function=self._restore), made])

    def _restore(self, context: LaunchContext) -> None:
        context.launch_configurations.update(self._configurations)
        context.environment.update(self._environment)


class Failures:
    """Lets launch end with an exit code other than 0 when a process failed, and not before.

    What else runs beside a node that died, such as the drivers of a vehicle, goes on.
    """

    def __init__(self) -> None:
        self._reasons: list[str] = []

    def note(self, event: ProcessExited) -> None:
        """Take down a process that ended for good; exit code 0 is no failure."""
        if event.returncode:
            self._reasons.append(f'{event.process_name} ended with exit code {event.returncode}')

    def handler(self) -> RegisterEventHandler:
        """Return what must stand in the launch description."""
        return RegisterEventHandler(OnShutdown(on_shutdown=self._tell))

    def _tell(self, event: Shutdown, context: LaunchContext) -> None:
        if self._reasons:
            # The only way to an exit code: launch prints the message and returns 1.
            raise RuntimeError('; '.join(self._reasons))


class Keeper:
    """Starts a process, and again whenever it ends, until it has died quickly too often.

    The respawn of launch knows no end, and its limit, where the distribution has one, also counts
    what ended after days.

    Args:
        context: As it is now; see `Scope`.
        make: Makes the action that starts the process, from what is to be called at its end.
        failures: Is told of the last death.
        respawn: Whether to start it again at all.
    """

    def __init__(
        self,
        context: LaunchContext,
        make: Callable[[OnExit], LaunchDescriptionEntity],
        failures: Failures,
        respawn: bool,
    ) -> None:
        self._scope = Scope(context)
        self._make = make
        self._failures = failures
        self._respawn = respawn
        self._quick = 0
        self._started = 0.0

    def start(self) -> LaunchDescriptionEntity:
        """Return the action that starts the process."""
        self._started = monotonic()
        return self._scope.around(lambda: self._make(self._on_exit))

    def _on_exit(
        self, event: ProcessExited, context: LaunchContext
    ) -> list[LaunchDescriptionEntity] | None:
        if context.is_shutdown:
            return None
        if not self._respawn:
            self._failures.note(event)
            return None
        self._quick = self._quick + 1 if monotonic() - self._started < QUICK else 0
        if self._quick >= ENOUGH:
            self._failures.note(event)
            words = (
                f'{event.process_name} died {ENOUGH} times within {QUICK:g} s of its start, and is '
                'not restarted; see its output'
            )
            return [LogInfo(msg=words)]
        again = OpaqueFunction(function=lambda _context: [self.start()])
        return [TimerAction(period=_RESPITE, actions=[again])]
