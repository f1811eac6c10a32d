"""The node `colorizer`: thermal images in, daytime colour images and detections out.

One thread takes frames in, one worker thread turns the newest into results, and the executor does
all else. The node creates all topics at its start and never destroys one: in the states in which it
rests, it lets frames pass by.
"""

from time import perf_counter
from typing import Any

from rcl_interfaces.msg import SetParametersResult
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.lifecycle import LifecycleNode
from rclpy.lifecycle import LifecycleState
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from std_srvs.srv import SetBool
from std_srvs.srv import Trigger

from morngan_ros.errors import MornganError
from morngan_ros.node import diagnostics
from morngan_ros.node import reporter
from morngan_ros.node.autostart import Autostart
from morngan_ros.node.health import Health
from morngan_ros.node.intake import Intake
from morngan_ros.node.model_manager import exposure
from morngan_ros.node.model_manager import in_words
from morngan_ros.node.model_manager import ModelManager
from morngan_ros.node.model_manager import ReloadError
from morngan_ros.node.model_manager import tune_detector
from morngan_ros.node.outputs import Outputs
from morngan_ros.node.parameter_table import Takes
from morngan_ros.node.parameter_table import unknown_parameters
from morngan_ros.node.parameters import Settings
from morngan_ros.node.qos_mismatch import QosWatch
from morngan_ros.node.rate_limit import RateLimit
from morngan_ros.node.subscriptions import Latest
from morngan_ros.node.subscriptions import Receiver
from morngan_ros.node.transitions import refuse_wrong_requests
from morngan_ros.node.wiring import Wiring
from morngan_ros.node.worker import Worker

# Seconds that a frame under work may take to finish at the end.
_PATIENCE = 1.0
# A frame that seems to be older, in seconds, was stamped by another clock, or comes from a bag.
_MAX_CLOCK_SKEW_S = 60.0


class ColorizeNode(LifecycleNode):
    """A lifecycle node around a `Pipeline`.

    Raises:
        ParameterException: A parameter given at the start has a wrong type or range.
        ValueError: A parameter given at the start makes no sense.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__('colorizer', **kwargs)
        refuse_wrong_requests(self)
        self._settings = Settings.declare(self)
        self._state = 'unconfigured'
        self._device_failed = False
        self._last_input: float | None = None
        self._rate_limit = RateLimit()
        self._health = Health()
        self._qos = QosWatch(self)
        self._intake = Intake(self._health, self._settings.max_pixels)
        self._outputs = Outputs(self, self._settings.output_qos(), self._qos)
        self._tune_ends()
        self._worker = Worker(
            self._intake,
            self._outputs,
            self._health,
            self.get_logger(),
            self._on_device_failure,
        )
        self._models = ModelManager(self._worker, lambda: self._settings, self.get_logger())
        self._reporter = reporter.Reporter(self, self._health, self._describe)
        self._open_inputs()
        self.add_on_set_parameters_callback(self._on_parameters)
        # Now that the topics have declared theirs.
        if unknown := unknown_parameters(self):
            self.get_logger().warning(unknown)

    def _open_inputs(self) -> None:
        kind, topic = Image, 'image_raw'
        if self._settings.image_transport == 'compressed':
            # The name follows a remap of image_raw, as with image_transport in C++.
            kind, topic = CompressedImage, f'{self.resolve_topic_name("image_raw")}/compressed'
        # A profile for each: rclpy writes the overrides of a topic into its profile.
        profile = self._settings.input_qos
        self._outputs.camera_info = Latest(self, CameraInfo, 'camera_info', profile())
        self.create_service(SetBool, '~/set_enabled', self._on_set_enabled)
        # In a group of its own: while it waits for the models, frames go on.
        aside = ReentrantCallbackGroup()
        self.create_service(Trigger, '~/reload_model', self._on_reload_model, callback_group=aside)
        self._wiring = Wiring(self, kind, self.resolve_topic_name(topic))
        # Last, for it starts a thread, which must not run on when something is refused.
        events = self._qos.subscription(topic)
        self._receiver = Receiver(self, kind, topic, self._on_image, profile(), events)

    # Lifecycle

    def start(self) -> None:
        """Configure and activate, if the parameter `autostart` says so."""
        if not self._settings.autostart:
            self.get_logger().info('autostart is false: waiting for a configure transition')
            return
        Autostart(self, lambda: self._state == 'unconfigured', self._settings.autostart_retry)()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the models and run them once; without them the node stays unconfigured."""
        self._enter('configuring')
        is_done = self._models.configure()
        # In a thread of its own and with an eye on the context, so that a signal ends the wait.
        # Building an engine takes minutes: diagnostics go on meanwhile.
        next_report = perf_counter() + reporter.REPORT_EVERY
        try:
            while not is_done():
                if not self.context.ok():
                    return TransitionCallbackReturn.FAILURE
                if perf_counter() > next_report:
                    next_report += reporter.REPORT_EVERY
                    self._reporter.report()
        except Exception as error:
            self._models.problem = in_words(error)
            self.get_logger().error(f'not configured: {self._models.problem}')
            self._enter('unconfigured')
            return TransitionCallbackReturn.FAILURE
        self._enter('inactive')
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let frames in; not without models, which a failed device may have taken."""
        if self._worker.pipeline is None and not self._models.busy:
            self.get_logger().error(
                'not activated: no models are loaded; clean up and configure the node'
            )
            return TransitionCallbackReturn.FAILURE
        self._enter('active')
        return TransitionCallbackReturn.SUCCESS

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let frames pass by; the models stay in memory."""
        self._enter('inactive')
        if self._device_failed:
            return TransitionCallbackReturn.ERROR
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free what failed; the node can be configured again."""
        self._device_failed = False
        self._enter('unconfigured')
        self._models.drop()
        return TransitionCallbackReturn.SUCCESS

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the models."""
        self._enter('unconfigured')
        self._models.drop()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the models for good."""
        self._enter('finalized')
        self._models.drop()
        return TransitionCallbackReturn.SUCCESS

    def _enter(self, state: str) -> None:
        self._state = state
        self._worker.open = state == 'active' and self._settings.enabled

    def _is_configured(self) -> bool:
        return self._state in ('inactive', 'active')

    def stop(self) -> bool:
        """End the threads; False if one is inside a model, where nothing can interrupt it."""
        self._receiver.stop()
        loaded = self._models.stop()
        return self._worker.stop(_PATIENCE) and loaded

    # Models

    async def _on_reload_model(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        """Load beside the running models: frames go on meanwhile."""
        if not self._is_configured():
            response.message = 'nothing to reload: configure the node first'
            return response
        assert self.executor is not None
        try:
            name = await self._models.reload(self.executor)
        except ReloadError as error:
            response.message = str(error)
            return response
        response.success = True
        response.message = f'{name} is in use'
        return response

    def _on_device_failure(self, reason: str) -> None:
        """Hand a failure over from the worker to the executor, which may change states."""
        if self.executor is not None:
            self.executor.create_task(self._recover, reason)

    async def _recover(self, reason: str) -> None:
        """Go on with the processor, or fall into the error state."""
        if not self._is_configured() or self._worker.pipeline is not None:
            return  # cleaned up, or replaced already
        assert self.executor is not None
        if not await self._models.recover(reason, self.executor) and self._state == 'active':
            self._device_failed = True
            self.trigger_deactivate()

    # Parameters and enabling

    def _on_parameters(self, parameters: 'list[Parameter[Any]]') -> SetParametersResult:
        """Check values together, then let those take effect that can at once."""
        pipeline = self._worker.pipeline
        try:
            settings = self._settings.changed(parameters)
            if pipeline is not None:
                tune_detector(pipeline, settings)
                if any(p.name.startswith('exposure_') for p in parameters):
                    pipeline.exposure = exposure(settings)
        except (ValueError, MornganError) as error:
            return SetParametersResult(successful=False, reason=str(error))
        self._settings = settings
        self._tune_ends()
        self._enter(self._state)
        if any(p.name == 'max_rate' for p in parameters):
            self._rate_limit.reset()
        later = [p.name for p in parameters if Settings.takes(p.name) is Takes.RELOAD]
        if later and pipeline is not None:
            self.get_logger().info(f'call ~/reload_model to use the new {", ".join(later)}')
        return SetParametersResult(successful=True)

    def _tune_ends(self) -> None:
        self._intake.max_pixels = self._settings.max_pixels
        self._intake.crop = self._settings.crop()
        self._outputs.overlay = self._settings.overlay
        self._outputs.encoding = self._settings.output_encoding
        self._outputs.jpeg_quality = self._settings.jpeg_quality

    def _on_set_enabled(
        self, request: SetBool.Request, response: SetBool.Response
    ) -> SetBool.Response:
        (result,) = self.set_parameters([Parameter('enabled', value=request.data)])
        response.success = result.successful
        response.message = result.reason or ('colorizing frames' if request.data else 'paused')
        return response

    # Messages

    def _on_image(self, message: Image | CompressedImage) -> None:
        self._last_input = perf_counter()
        self._health.tick('input')
        self._health.count('received')
        if not self._worker.open:
            self._health.count('resting')
            return
        if self._rate_limit.allows(self._last_input, self._settings.max_rate):
            self._note_transit(message.header)
            self._worker.put(message)
        else:
            self._health.count('rate limited')

    def _note_transit(self, header: Header) -> None:
        """Time the way from the stamp to here; clocks that do not agree tell nothing."""
        stamped = header.stamp.sec * 10**9 + header.stamp.nanosec
        seconds = (self.get_clock().now().nanoseconds - stamped) * 1e-9
        if 0 <= seconds < _MAX_CLOCK_SKEW_S:
            self._health.observe('transit', seconds)

    def _describe(self) -> diagnostics.State:
        pipeline = self._worker.pipeline
        age = _since(self._last_input)
        silent = age is None or age > self._settings.stale_after
        return diagnostics.State(
            lifecycle=self._state,
            problem=self._models.problem,
            has_models=pipeline is not None,
            fallback=self._models.lost_device or (pipeline.fallback_reason if pipeline else ''),
            blind=pipeline.detector_problem if pipeline else '',
            trouble=self._worker.trouble,
            enabled=self._settings.enabled,
            busy=_since(self._worker.busy_since),
            input_age=age,
            stale_after=self._settings.stale_after,
            wiring=self._wiring.look(silent=silent, active=self._state == 'active'),
            input_qos=self._qos.inputs(),
            output_qos=self._qos.outputs(),
            transport_warning=self._outputs.transport_warning,
            facts={} if pipeline is None else reporter.facts(pipeline),
            resources=reporter.resources(),
        )


def _since(moment: float | None) -> float | None:
    return None if moment is None else perf_counter() - moment
