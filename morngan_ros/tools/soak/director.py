"""Does to a node what happens in a day of it: reloads, changes, viewers that come and go."""

from collections.abc import Callable
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
import heapq
import itertools
import os
from pathlib import Path
import signal
import time
from typing import Any

from rcl_interfaces.srv import SetParametersAtomically
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

from morngan_ros.host import proc
from morngan_ros.tools.soak.verdict import Reload
from morngan_ros.tools.soak.verdict import Sample
from morngan_ros.tools.support import ros
from morngan_ros.tools.support.processes import Child

# Seconds between two of each, and the least number of them in a run: a short one does the same more
# often.
RELOADS, CHANGES, VISITS = (60.0, 20), (10.0, 16), (7.0, 12)
KILLED_GUESTS, SAMPLES = (60.0, 3), (5.0, 100)

Values = Mapping[str, Any]
PARAMETERS: tuple[Values, ...] = (
    {'detection_threshold': 0.5},
    {'exposure_low': 5.0, 'exposure_high': 95.0},
    {'jpeg_quality': 60},
    {'max_rate': 2.0},
    {'output_encoding': 'bgr8'},
    {'exposure_time_constant': 0.2},
    {'detection_threshold': 0.25, 'jpeg_quality': 90, 'output_encoding': 'rgb8'},
    {'exposure_low': 1.0, 'exposure_high': 99.0, 'exposure_time_constant': 1.0},
)
# Seconds that a limited rate lasts, and that a guest has until it is killed.
LIMITED, STAYS = 2.0, 5.0

VISITED: tuple[tuple[type, str, str], ...] = (
    (Image, 'color/image_raw', 'reliable'),
    (Image, 'overlay/image_raw', 'best_effort'),
    (CompressedImage, 'color/image_raw/compressed', 'reliable'),
    (Image, 'color/image_raw', 'best_effort'),
    (Image, 'overlay/image_raw', 'reliable'),
    (CompressedImage, 'color/image_raw/compressed', 'best_effort'),
)


class Director:
    """Does to the node, from outside, what happens in a day of it, and looks at its process.

    Args:
        node: A node of this process, to talk with.
        pid: Of the process under test.
        seconds: How long the whole takes.
        models: Two good files, in turns, and a broken one.
        start_guest: Starts a viewer process.

    Attributes:
        doing: In words.
        samples: So far, in their order.
        reloads: So far, in their order.
        refused: Parameter changes that the node refused.
    """

    def __init__(
        self,
        node: Node,
        pid: int,
        seconds: float,
        models: tuple[Path, Path, Path],
        start_guest: Callable[[], Child],
    ) -> None:
        self.doing = 'load the model'
        self.samples: list[Sample] = []
        self.reloads: list[Reload] = []
        self.refused: list[str] = []
        self.watch = ros.NodeWatch(node)
        self._node = node
        self._pid = pid
        self._start_guest = start_guest
        self._set: Any = node.create_client(
            SetParametersAtomically, 'colorizer/set_parameters_atomically'
        )
        self._trigger: Any = node.create_client(Trigger, 'colorizer/reload_model')
        self._visit: Any = None
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        first, second, broken = models
        # Four in turn: the tenths that are compared then hold the same models.
        self._models = itertools.cycle([second, first, second, broken])
        self._broken = broken
        self._parameters = itertools.cycle(PARAMETERS)
        self._visits = itertools.cycle(VISITED)
        for (period, least), action in (
            (RELOADS, self._reload),
            (CHANGES, self._change),
            (VISITS, self._receive_another),
            (KILLED_GUESTS, self._send_guest),
            (SAMPLES, self._sample),
        ):
            self._every(min(period, seconds / least), action)

    def work(self) -> None:
        """Do what is due."""
        while self._agenda and self._agenda[0][0] <= time.monotonic():
            heapq.heappop(self._agenda)[2]()

    def _at(self, due: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (due, next(self._numbers), action))

    def _every(self, period: float, action: Callable[[], None]) -> None:
        """Act again and again, for the first time after half a period."""

        def act(due: float) -> None:
            action()
            self._at(due + period, lambda: act(due + period))

        begin = time.monotonic() + period / 2
        self._at(begin, lambda: act(begin))

    def _sample(self) -> None:
        with suppress(OSError):  # it has ended, which the caller sees
            seen = proc.read(self._pid)
            counters = {k: int(v) for k, v in self.watch.values.items() if v.isdecimal()}
            self.samples.append(
                Sample(
                    time.time_ns(),
                    seen.resident,
                    seen.shared,
                    seen.threads,
                    seen.descriptors,
                    counters,
                )
            )

    def _set_parameters(self, values: Values, then: Callable[[], None] | None = None) -> None:
        request = SetParametersAtomically.Request()
        request.parameters = [Parameter(k, value=v).to_parameter_msg() for k, v in values.items()]

        def answered(future: Any) -> None:
            result = future.result().result
            if not result.successful:
                self.refused.append(f'{dict(values)}: {result.reason}')
            if then is not None:
                then()

        self._set.call_async(request).add_done_callback(answered)

    def _change(self) -> None:
        values = next(self._parameters)
        self.doing = f'set {", ".join(values)}'
        self._set_parameters(values)
        if 'max_rate' in values:
            self._at(time.monotonic() + LIMITED, lambda: self._set_parameters({'max_rate': 0.0}))

    def _reload(self) -> None:
        if self.reloads and self.reloads[-1].end_ns is None:
            return  # the node would load what is named now, and answer for what was named then
        model = next(self._models)
        self.doing = f'reload {model.name}'
        good = model != self._broken
        number = len(self.reloads)
        self.reloads.append(Reload(time.time_ns(), None, model.name, good, False))

        def answered(future: Any) -> None:
            self.reloads[number] = replace(
                self.reloads[number], end_ns=time.time_ns(), taken=future.result().success
            )

        def call() -> None:
            self._trigger.call_async(Trigger.Request()).add_done_callback(answered)

        self._set_parameters({'model': str(model)}, call)

    def _receive_another(self) -> None:
        """End one subscription of this process and begin another."""
        if self._visit is not None:
            self._node.destroy_subscription(self._visit)
        kind, topic, reliability = next(self._visits)
        self.doing = f'subscribe to {topic}, {reliability}'
        self._visit = self._node.create_subscription(
            kind, topic, lambda _message: None, ros.qos(reliability, 2)
        )

    def _send_guest(self) -> None:
        """Let a viewer come that is killed: it says no goodbye to the node."""
        guest = self._start_guest()

        def kill() -> None:
            if guest.exit_code is None:
                os.kill(guest.pid, signal.SIGKILL)
            guest.end()

        self._at(time.monotonic() + STAYS, kill)
