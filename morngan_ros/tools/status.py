"""Show the diagnostics of running nodes; set parameters, reload models, pause and resume nodes.

The exit code is 0 if all is well, 1 if a node warns or refuses, and 2 if there is no node.
"""

import argparse
from collections.abc import Sequence
from difflib import get_close_matches
import threading
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from diagnostic_msgs.msg import DiagnosticStatus
from rcl_interfaces.srv import GetParameters
from rcl_interfaces.srv import ListParameters
from rcl_interfaces.srv import SetParametersAtomically
import rclpy
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.parameter import parameter_value_to_python
from std_srvs.srv import SetBool
from std_srvs.srv import Trigger
import yaml

from morngan_ros.errors import MornganError
from morngan_ros.tools.support import cli
from morngan_ros.tools.support import ros

EXAMPLES = """\

--parameters
--set model night.onnx --reload
--node /left/colorizer --disable"""

_LEVELS = {
    DiagnosticStatus.OK: 'ok',
    DiagnosticStatus.WARN: 'WARN',
    DiagnosticStatus.ERROR: 'ERROR',
    DiagnosticStatus.STALE: 'STALE',
}

# The status that only nodes of this package have.
_OURS = ': colorize'
# Nodes report each second: after the first report, others have this long.
_ROUND = 1.3


class Reports:
    """Collects what nodes of this package say on /diagnostics.

    Attributes:
        latest: The statuses of each node, by its full name.
    """

    def __init__(self, node: Node) -> None:
        self.latest: dict[str, list[DiagnosticStatus]] = {}
        node.create_subscription(DiagnosticArray, '/diagnostics', self._on_message, 10)

    def _on_message(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name.endswith(_OURS):
                name = status.name.removesuffix(_OURS)
                ours = [s for s in message.status if s.name.startswith(f'{name}: ')]
                self.latest[f'/{name}'] = ours


class Session:
    """Talks to nodes until asked to stop.

    Raises:
        MornganError: A node does not answer, or the user asked to stop.
    """

    def __init__(self, node: Node, stop: threading.Event) -> None:
        self._node = node
        self._stop = stop
        self._reports = Reports(node)

    def find(self, wanted: str | None, patience: float) -> dict[str, list[DiagnosticStatus]]:
        """Wait for reports of the wanted node, or of all that are there."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            self._spin()
            found = self._reports.latest
            if wanted in found:
                return {wanted: found[wanted]}
            if wanted is None and found:
                deadline = min(deadline, time.monotonic() + _ROUND)
                wanted = ''  # all of this round
        if self._reports.latest and not wanted:
            return self._reports.latest
        others = ', '.join(self._reports.latest) or 'none'
        raise MornganError(
            f'no report of {wanted or "a node"} came in {patience:g} s; nodes that report: '
            f'{others}. Check that it runs, and that ROS_DOMAIN_ID is the same here'
        )

    def parameters(self, name: str) -> dict[str, Any]:
        """Ask a node for all its parameters."""
        listed = self._call(name, ListParameters, 'list_parameters', ListParameters.Request())
        names = sorted(listed.result.names)
        request = GetParameters.Request(names=names)
        values = self._call(name, GetParameters, 'get_parameters', request).values
        plain = (parameter_value_to_python(value) for value in values)
        return dict(zip(names, plain, strict=True))

    def set(self, name: str, values: dict[str, str]) -> tuple[bool, str]:
        """Set parameters of a node together, from texts as `ros2 param set` takes them."""
        present = self.parameters(name)
        for key in values:
            if key not in present:
                near = get_close_matches(key, present, 1)
                raise MornganError(
                    f'{name} has no parameter {key}; '
                    + (f'did you mean {near[0]}?' if near else '--parameters lists all')
                )
        request = SetParametersAtomically.Request()
        for key, text in values.items():
            parameter = Parameter(key, value=_like(present[key], text))
            request.parameters.append(parameter.to_parameter_msg())
        kind = SetParametersAtomically
        result = self._call(name, kind, 'set_parameters_atomically', request).result
        return result.successful, result.reason or f'set {", ".join(values)}'

    def reload(self, name: str) -> tuple[bool, str]:
        """Let a node load its models; building an engine takes minutes."""
        response = self._call(name, Trigger, 'reload_model', Trigger.Request())
        return response.success, response.message

    def enable(self, name: str, enabled: bool) -> tuple[bool, str]:
        """Let a node pass frames or rest."""
        response = self._call(name, SetBool, 'set_enabled', SetBool.Request(data=enabled))
        return response.success, response.message

    def _call(self, name: str, kind: type, service: str, request: Any) -> Any:
        client: Any = self._node.create_client(kind, f'{name}/{service}')
        if not client.wait_for_service(5.0):
            raise MornganError(f'{name} does not answer: it has no service {service}')
        future = client.call_async(request)
        while not future.done():
            self._spin()
            if not client.service_is_ready():
                raise MornganError(f'{name} went away before it answered')
        self._node.destroy_client(client)
        return future.result()

    def _spin(self) -> None:
        if self._stop.is_set():
            raise KeyboardInterrupt
        rclpy.spin_once(self._node, timeout_sec=0.1)


@cli.reports_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    own, arguments = ros.split_arguments(argv)
    options = _parse(own)
    with ros.node('status', arguments) as (node, stop):
        session = Session(node, stop)
        found = session.find(options.node and f'/{options.node.strip("/")}', options.wait)
        good = [_handle(session, name, reports, options) for name, reports in found.items()]
    return 0 if all(good) else cli.INCOMPLETE


def _handle(
    session: Session, name: str, reports: list[DiagnosticStatus], options: argparse.Namespace
) -> bool:
    """Do what is asked for with one node; returns whether all is well."""
    print(name)
    answers = []
    if options.set:
        answers.append(session.set(name, dict(options.set)))
    if options.reload and all(done for done, _ in answers):
        answers.append(session.reload(name))
    if options.enabled is not None and all(done for done, _ in answers):
        answers.append(session.enable(name, options.enabled))
    for done, words in answers:
        print(f'  {"done" if done else "REFUSED"}: {words}')
    if options.parameters:
        for key, value in session.parameters(name).items():
            print(f'  {key}: {value}')
    if answers or options.parameters:
        return all(done for done, _ in answers)
    for status in reports:
        print(f'  {_LEVELS[status.level]} {status.name.split(": ", 1)[1]}: {status.message}')
        for entry in status.values:
            print(f'      {entry.key}: {entry.value}')
    return all(status.level == DiagnosticStatus.OK for status in reports)


def _like(present: Any, text: str) -> Any:
    """Read a value as YAML, and bring it to the type that a parameter has."""
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise MornganError(f'{text!r} is not a value: {error}') from None
    if isinstance(present, str):
        return text
    if isinstance(present, float) and isinstance(value, int):
        return float(value)
    if isinstance(value, list) and any(isinstance(item, float) for item in present or ()):
        return [float(item) if isinstance(item, int) else item for item in value]
    return value


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = cli.parser('status', __doc__ or '', EXAMPLES)
    parser.add_argument('--node', help='full name of the node (default: all nodes of this package)')
    parser.add_argument('--parameters', action='store_true', help='list all parameters')
    parser.add_argument(
        '--set',
        nargs=2,
        action='append',
        metavar=('NAME', 'VALUE'),
        help='set a parameter; repeat the option to set several together',
    )
    parser.add_argument(
        '--reload', action='store_true', help='load the models that the parameters name'
    )
    enabled = parser.add_mutually_exclusive_group()
    enabled.add_argument(
        '--enable', dest='enabled', action='store_true', default=None, help='colorize frames'
    )
    enabled.add_argument('--disable', dest='enabled', action='store_false', help='pause')
    parser.add_argument(
        '--wait',
        type=float,
        default=5.0,
        metavar='SECONDS',
        help='time to wait for a report (default: 5)',
    )
    return parser.parse_args(argv)


if __name__ == '__main__':
    raise SystemExit(main())
