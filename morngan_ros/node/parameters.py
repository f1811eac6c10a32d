"""The parameters of the node: their meaning, ranges, and when a change takes effect."""

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import Field
from dataclasses import field
from dataclasses import fields
from dataclasses import replace
from enum import Enum
import math
from pathlib import Path
from typing import Any

from rcl_interfaces.msg import FloatingPointRange
from rcl_interfaces.msg import IntegerRange
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy

from morngan_ros.detector import Detector
from morngan_ros.engines import PRECISIONS
from morngan_ros.engines import PROVIDERS
from morngan_ros.engines.interface import PRECISIONS_OF
from morngan_ros.errors import ModelError
from morngan_ros.errors import ProviderError
from morngan_ros.exposure import Exposure
from morngan_ros.exposure import MODES
from morngan_ros.images.crop import Crop
from morngan_ros.images.crop import is_span
from morngan_ros.node.intake import MIN_SIDE
from morngan_ros.node.parameter_values import is_float
from morngan_ros.node.parameter_values import plain_value
from morngan_ros.pipeline import Pipeline
from morngan_ros.shipped import default_model


class Takes(Enum):
    """When a changed parameter takes effect; the text stands in its descriptor."""

    EFFECT_NOW = 'Changes at once.'
    RELOAD = 'A change takes effect with ~/reload_model or the next configure.'
    RESTART = 'Read once, at the start of the node.'


def _parameter(
    default: Any,
    description: str,
    takes: Takes = Takes.EFFECT_NOW,
    *,
    among: Sequence[str] = (),
    between: tuple[float, float] | None = None,
    limits: str = '',
) -> Any:
    metadata = {
        'description': description,
        'takes': takes,
        'among': among,
        'between': between,
        'limits': limits,
    }
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """The values of all parameters at one moment; the fields are the parameters of the node."""

    model: str = _parameter(
        '', 'ONNX file of the generator; empty: the model that ships.', Takes.RELOAD
    )
    model_input_range: tuple[float, ...] = _parameter(
        (-1.0, 1.0),
        'What a float model of other people takes for black and white.',
        Takes.RELOAD,
        limits='Two finite numbers, the lower one first.',
    )
    model_output_range: tuple[float, ...] = _parameter(
        (-1.0, 1.0),
        'What a float model of other people gives for dark and light.',
        Takes.RELOAD,
        limits='Two finite numbers, the lower one first.',
    )
    detector: str = _parameter(
        '', 'ONNX file of a YOLO or YOLOX detector; empty: no detections.', Takes.RELOAD
    )
    detector_class_names: tuple[str, ...] = _parameter(
        ('',),
        "Names of the detector's classes, in its order; ['']: those in the file, or COCO's 80.",
        Takes.RELOAD,
    )
    provider: str = _parameter('auto', 'What runs the models.', Takes.RELOAD, among=PROVIDERS)
    precision: str = _parameter(
        'auto',
        'Arithmetic of the models.',
        Takes.RELOAD,
        among=PRECISIONS,
        limits='Without allow_fallback one that the provider has.',
    )
    allow_fallback: bool = _parameter(
        True,
        'Go on with the next provider when one cannot be loaded or fails while it runs.',
        Takes.RELOAD,
    )
    cuda_graph: bool = _parameter(
        False,
        'Replay the kernels of a GPU as one graph: less work for the processor.',
        Takes.RELOAD,
    )
    threads: int = _parameter(
        0, 'Processor threads for the models; 0: all cores.', Takes.RELOAD, between=(0, 256)
    )
    warm_up_size: tuple[int, ...] = _parameter(
        (640, 512),
        'Width and height, after the crop, that the models are warmed up for.',
        Takes.RELOAD,
        limits=f'Each at least {MIN_SIDE}, their product at most max_pixels.',
    )
    detection_threshold: float = _parameter(0.25, 'Least score of a detection.', between=(0.0, 1.0))
    detection_classes: tuple[str, ...] = _parameter(
        ('',), "Names of the classes to report; ['']: all that the detector knows."
    )
    detector_tiles: bool = _parameter(
        False, 'Detect in overlapping tiles: slower, finds smaller objects.'
    )
    crop_rows: tuple[int, ...] = _parameter(
        (0, 0),
        'Rows of a frame to keep, before all else: the first one and the one behind the last; '
        'the colour image is as large as what is kept.',
        limits='Two numbers; negative ones count from the end, and a last 0 is the end: '
        '[0, -2] cuts off two rows of telemetry.',
    )
    crop_columns: tuple[int, ...] = _parameter(
        (0, 0),
        'Columns of a frame to keep, in the same way.',
        limits='Two numbers, as of crop_rows.',
    )
    exposure_mode: str = _parameter(
        'percentile', 'How 16-bit and float counts become 8 bits.', among=MODES
    )
    exposure_low: float = _parameter(
        1.0, 'Percentile of the counts that becomes black.', between=(0.0, 100.0)
    )
    exposure_high: float = _parameter(
        99.0, 'Percentile of the counts that becomes white.', between=(0.0, 100.0)
    )
    exposure_time_constant: float = _parameter(
        1.0, 'Seconds (of the header stamps) in which it adapts.', between=(0.0, 3600.0)
    )
    exposure_reset_after: float = _parameter(
        2.0, 'Gap in seconds after which it starts anew.', between=(0.01, 3600.0)
    )
    exposure_range_low: float = _parameter(
        0.0, 'Counts that become black, in the mode fixed_range.'
    )
    exposure_range_high: float = _parameter(
        16383.0, 'Counts that become white, in the mode fixed_range.'
    )
    exposure_clahe_clip: float = _parameter(
        2.0, 'Limit of the contrast in the mode clahe.', between=(0.1, 40.0)
    )
    output_encoding: str = _parameter(
        'rgb8', 'Encoding of color/image_raw and overlay/image_raw.', among=('rgb8', 'bgr8')
    )
    jpeg_quality: int = _parameter(90, 'Quality of color/image_raw/compressed.', between=(1, 100))
    overlay: bool = _parameter(True, 'Draw overlay/image_raw where somebody watches it.')
    enabled: bool = _parameter(True, 'Pass frames; ~/set_enabled sets it too.')
    max_pixels: int = _parameter(
        4_194_304,
        'Frames with more pixels are refused, before they take the memory.',
        between=(4096, 67_108_864),
    )
    max_rate: float = _parameter(
        0.0, 'Frames per second at most; 0: all that the models manage.', between=(0.0, 1000.0)
    )
    stale_after: float = _parameter(
        2.0, 'Seconds without input until diagnostics warn.', between=(0.1, 3600.0)
    )
    autostart: bool = _parameter(True, 'Configure and activate at the start.', Takes.RESTART)
    autostart_retry: float = _parameter(
        0.0,
        'Seconds from an autostart that failed to the next try; 0: it is not tried again.',
        Takes.RESTART,
        between=(0.0, 3600.0),
    )
    image_transport: str = _parameter(
        'raw',
        'Subscribe to image_raw or to image_raw/compressed.',
        Takes.RESTART,
        among=('raw', 'compressed'),
    )
    input_reliability: str = _parameter(
        'best_effort',
        'QoS of the subscriptions; best_effort fits every publisher.',
        Takes.RESTART,
        among=('best_effort', 'reliable'),
    )
    input_depth: int = _parameter(
        1, 'QoS depth of the image subscription.', Takes.RESTART, between=(1, 100)
    )
    output_reliability: str = _parameter(
        'reliable',
        'QoS of the publishers; reliable fits every subscriber.',
        Takes.RESTART,
        among=('best_effort', 'reliable'),
    )
    output_depth: int = _parameter(
        2, 'QoS depth of the publishers.', Takes.RESTART, between=(1, 100)
    )

    @classmethod
    def declare(cls, node: Node) -> 'Settings':
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
        return cls(**_values(declared)).checked()

    def changed(self, parameters: Sequence[Parameter]) -> 'Settings':
        """Return settings with new values; parameters of other origin are left aside.

        Raises:
            ValueError: The values make no sense, alone or together.
        """
        known = {entry.name for entry in fields(self)}
        return replace(self, **_values([p for p in parameters if p.name in known])).checked()

    def checked(self) -> 'Settings':
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
        self._check_order('exposure_low', 'exposure_high')
        self._check_order('exposure_range_low', 'exposure_range_high')
        self._check_range('model_input_range')
        self._check_range('model_output_range')
        self._check_crop('crop_rows')
        self._check_crop('crop_columns')
        self._check_warm_up()
        self._check_precision()
        return self

    def _check_order(self, low: str, high: str) -> None:
        bottom, top = getattr(self, low), getattr(self, high)
        if not bottom < top:
            raise ValueError(
                f'{low} ({bottom:g}) must be less than {high} ({top:g}); set both in one call'
            )
        if not (math.isfinite(bottom) and math.isfinite(top)):
            raise ValueError(f'{low} and {high} must be finite')

    def _check_range(self, name: str) -> None:
        numbers = getattr(self, name)
        if len(numbers) != 2 or not all(map(math.isfinite, numbers)) or numbers[0] >= numbers[1]:
            raise ValueError(
                f'{name} is {list(numbers)}, but must be two finite numbers, the lower one first'
            )

    def _check_crop(self, name: str) -> None:
        span = getattr(self, name)
        if len(span) != 2 or not is_span(*span):
            raise ValueError(
                f'{name} is {list(span)}, but must be two numbers, the first one and the one '
                'behind the last'
            )

    def _check_warm_up(self) -> None:
        size = list(self.warm_up_size)
        if len(size) != 2 or min(size) < MIN_SIDE:
            raise ValueError(
                f'warm_up_size is {size}, but must be [width, height], each at least {MIN_SIDE}'
            )
        if math.prod(size) > self.max_pixels:
            raise ValueError(
                f'warm_up_size {size} has {math.prod(size)} pixels, more than max_pixels '
                f'({self.max_pixels}); set warm_up_size to the size of the camera first'
            )

    def _check_precision(self) -> None:
        possible = PRECISIONS_OF.get(self.provider, PRECISIONS)
        if self.precision not in possible and not self.allow_fallback:
            raise ValueError(
                f'precision is {self.precision}, but provider {self.provider} only has '
                f'{", ".join(possible)}; choose one of them, or set allow_fallback'
            )

    def load(self, *, without_detector: bool = False) -> Pipeline:
        """Load the models and run them once.

        Args:
            without_detector: Let a detector that is of no use be missing; `detector_problem` of the
                pipeline tells why.

        Raises:
            MornganError: A model file, the provider or the size for the warm-up is of no use.
        """
        width, height = self.warm_up_size
        pipeline = Pipeline.load(
            Path(self.model) if self.model else default_model(self.provider),
            provider=self.provider,
            precision=self.precision,
            allow_fallback=self.allow_fallback,
            size=(height, width),
            cuda_graph=self.cuda_graph,
            threads=self.threads,
            input_range=(self.model_input_range[0], self.model_input_range[1]),
            output_range=(self.model_output_range[0], self.model_output_range[1]),
        )
        pipeline.warm_up(height, width)
        try:
            self._add_detector(pipeline)
        except (ModelError, ProviderError) as error:
            if not without_detector:
                raise
            pipeline.detector = None
            pipeline.detector_problem = str(error)
        self.tune_exposure(pipeline)
        return pipeline

    def crop(self) -> Crop:
        """Return what is kept of a frame."""
        top, bottom = self.crop_rows
        left, right = self.crop_columns
        return Crop((top, bottom), (left, right))

    def _add_detector(self, pipeline: Pipeline) -> None:
        if self.detector:
            pipeline.detector = Detector.load(
                self.detector,
                self.provider,
                names=[name for name in self.detector_class_names if name],
                threads=self.threads,
                allow_fallback=self.allow_fallback,
                cuda_graph=self.cuda_graph,
            )
            self.tune_detector(pipeline)
            pipeline.detector.warm_up()

    def tune_detector(self, pipeline: Pipeline) -> None:
        """Give the values that change live to the detector, if there is one.

        Raises:
            ModelError: The detector does not know a class.
        """
        if pipeline.detector is not None:
            pipeline.detector.classes = tuple(name for name in self.detection_classes if name)
            pipeline.detector.threshold = self.detection_threshold
            pipeline.detector.tiles = self.detector_tiles

    def tune_exposure(self, pipeline: Pipeline) -> None:
        """Start a new exposure; it sets its window by the next frame."""
        pipeline.exposure = Exposure(
            mode=self.exposure_mode,
            low=self.exposure_low,
            high=self.exposure_high,
            time_constant=self.exposure_time_constant,
            reset_after=self.exposure_reset_after,
            range_low=self.exposure_range_low,
            range_high=self.exposure_range_high,
            clahe_clip=self.exposure_clahe_clip,
        )

    def input_qos(self) -> QoSProfile:
        """Return the profile of the subscriptions."""
        return _qos(self.input_reliability, self.input_depth)

    def output_qos(self) -> QoSProfile:
        """Return the profile of the publishers."""
        return _qos(self.output_reliability, self.output_depth)


def takes(name: str) -> Takes | None:
    """Tell when a parameter takes effect; None if it is not one of these."""
    return {entry.name: entry.metadata['takes'] for entry in fields(Settings)}.get(name)


def _descriptor(entry: 'Field[Any]') -> ParameterDescriptor:
    metadata = entry.metadata
    descriptor = ParameterDescriptor(
        description=f'{metadata["description"]} {metadata["takes"].value}',
        read_only=metadata['takes'] is Takes.RESTART,
        # Integers are taken for floats, so the type is checked by `_values`.
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


def _values(parameters: Sequence[Parameter]) -> dict[str, Any]:
    """Read parameters; the arrays of rclpy become tuples, integers floats where those are wanted.

    Raises:
        ValueError: A float is wanted, and this is no number.
    """
    defaults = {entry.name: entry.default for entry in fields(Settings)}
    return {p.name: plain_value(p.name, p.value, defaults.get(p.name)) for p in parameters}


def _qos(reliability: str, depth: int) -> QoSProfile:
    return QoSProfile(depth=depth, reliability=ReliabilityPolicy[reliability.upper()])
