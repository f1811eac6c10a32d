"""The parameters of the node: their meaning, ranges, and when a change takes effect."""

from dataclasses import dataclass
import math

from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy

from morngan_ros.engines import PRECISIONS
from morngan_ros.engines import PROVIDERS
from morngan_ros.engines.interface import PRECISIONS_OF
from morngan_ros.exposure import MODES
from morngan_ros.images.crop import Crop
from morngan_ros.images.crop import is_span
from morngan_ros.node.intake import MIN_SIDE
from morngan_ros.node.parameter_table import parameter
from morngan_ros.node.parameter_table import ParameterTable
from morngan_ros.node.parameter_table import Takes


@dataclass(frozen=True)
class Settings(ParameterTable):
    """The values of all parameters at one moment; the fields are the parameters of the node."""

    model: str = parameter(
        '', "ONNX file of the generator; '' loads the model that ships.", Takes.RELOAD
    )
    model_input_range: tuple[float, float] = parameter(
        (-1.0, 1.0),
        'Input values of a third-party float model for black and for white.',
        Takes.RELOAD,
        limits='Two finite numbers, the lower one first.',
    )
    model_output_range: tuple[float, float] = parameter(
        (-1.0, 1.0),
        'Output values of a third-party float model for black and for white.',
        Takes.RELOAD,
        limits='Two finite numbers, the lower one first.',
    )
    detector: str = parameter(
        '',
        "ONNX file of a YOLO or YOLOX detector, which looks at the colour; '': the head of the "
        "model, if it has one, which looks at the thermal frame; 'none': no detections.",
        Takes.RELOAD,
    )
    detector_class_names: tuple[str, ...] = parameter(
        ('',),
        "Class names of the detector, in the order of its outputs; [''] reads them from the file, "
        "or takes COCO's 80. Set it if the file has no names.",
        Takes.RELOAD,
    )
    provider: str = parameter(
        'auto',
        'Runtime of the models; auto takes the first that loads.',
        Takes.RELOAD,
        among=PROVIDERS,
    )
    precision: str = parameter(
        'auto',
        'Arithmetic of the models; auto leaves the choice to the provider.',
        Takes.RELOAD,
        among=PRECISIONS,
        limits='Without allow_fallback the provider must support it.',
    )
    allow_fallback: bool = parameter(
        True,
        'Fall back to the next provider when one does not load, or fails while it runs.',
        Takes.RELOAD,
    )
    cuda_graph: bool = parameter(
        False,
        'Replay the kernels of a GPU as one graph, which saves processor time.',
        Takes.RELOAD,
    )
    threads: int = parameter(
        0,
        'Processor threads for the models; 0 takes all cores. Limit it beside other work.',
        Takes.RELOAD,
        between=(0, 256),
    )
    warm_up_size: tuple[int, ...] = parameter(
        (640, 512),
        'Width and height that the models are warmed up for, in pixels after the crop. Set it to '
        'the size of the camera.',
        Takes.RELOAD,
        limits=f'Each at least {MIN_SIDE}, their product at most max_pixels.',
    )
    detection_threshold: float = parameter(
        0.25, 'Minimum score of a detection. Raise it against false alarms.', between=(0.0, 1.0)
    )
    detection_classes: tuple[str, ...] = parameter(
        ('',), "Classes to report, by name; [''] reports all that the detector knows."
    )
    detector_tiles: bool = parameter(
        False, 'Detect in 2x2 overlapping tiles too. Finds smaller objects at five times the cost.'
    )
    crop_rows: tuple[int, ...] = parameter(
        (0, 0),
        'Rows of a frame to keep: the first row and the row after the last. The crop comes before '
        'all else, and the colour image has the size of the crop. Use it to cut off telemetry.',
        limits='Two numbers; negative ones count from the end, 0 in the second place is the end: '
        '[0, -2] cuts off the last two rows.',
    )
    crop_columns: tuple[int, ...] = parameter(
        (0, 0),
        'Columns of a frame to keep: the first column and the column after the last.',
        limits='Two numbers, as of crop_rows.',
    )
    exposure_mode: str = parameter(
        'percentile', 'How 16-bit and float counts are mapped to 8 bits.', among=MODES
    )
    exposure_low: float = parameter(
        1.0, 'Percentile of the counts that is shown as black.', between=(0.0, 100.0)
    )
    exposure_high: float = parameter(
        99.0, 'Percentile of the counts that is shown as white.', between=(0.0, 100.0)
    )
    exposure_time_constant: float = parameter(
        1.0,
        'Time constant of the exposure in seconds, by header stamps. Raise it if the picture '
        'breathes.',
        between=(0.0, 3600.0),
    )
    exposure_reset_after: float = parameter(
        2.0,
        'Gap between frames, in seconds, after which the exposure restarts.',
        between=(0.01, 3600.0),
    )
    exposure_range_low: float = parameter(
        0.0, 'Counts that are shown as black in the mode fixed_range.'
    )
    exposure_range_high: float = parameter(
        16383.0, 'Counts that are shown as white in the mode fixed_range.'
    )
    exposure_clahe_clip: float = parameter(
        2.0, 'Limit of the contrast in the mode clahe, as in OpenCV.', between=(0.1, 40.0)
    )
    output_encoding: str = parameter(
        'rgb8', 'Encoding of color/image_raw and overlay/image_raw.', among=('rgb8', 'bgr8')
    )
    jpeg_quality: int = parameter(
        90, 'JPEG quality of color/image_raw/compressed.', between=(1, 100)
    )
    overlay: bool = parameter(True, 'Draw overlay/image_raw while it has subscribers.')
    enabled: bool = parameter(
        True, 'Colorize frames; false rests. The service ~/set_enabled sets it too.'
    )
    max_pixels: int = parameter(
        4_194_304,
        'Maximum number of pixels of a frame. Larger frames are refused before memory is '
        'allocated.',
        between=(4096, 67_108_864),
    )
    max_rate: float = parameter(
        0.0, 'Maximum rate in frames per second; 0 sets no limit.', between=(0.0, 1000.0)
    )
    stale_after: float = parameter(
        2.0, 'Time without input, in seconds, after which diagnostics warn.', between=(0.1, 3600.0)
    )
    autostart: bool = parameter(
        True,
        'Configure and activate at the start. Set it to false under a lifecycle manager.',
        Takes.RESTART,
    )
    autostart_retry: float = parameter(
        0.0,
        'Time from a failed autostart to the next attempt, in seconds; 0 does not try again.',
        Takes.RESTART,
        between=(0.0, 3600.0),
    )
    image_transport: str = parameter(
        'raw',
        'Topic to subscribe to: image_raw, or image_raw/compressed.',
        Takes.RESTART,
        among=('raw', 'compressed'),
    )
    input_reliability: str = parameter(
        'best_effort',
        'Reliability of the subscriptions; best_effort matches every publisher.',
        Takes.RESTART,
        among=('best_effort', 'reliable'),
    )
    input_depth: int = parameter(
        1, 'Queue depth of the image subscription.', Takes.RESTART, between=(1, 100)
    )
    output_reliability: str = parameter(
        'reliable',
        'Reliability of the publishers; reliable matches every subscriber.',
        Takes.RESTART,
        among=('best_effort', 'reliable'),
    )
    output_depth: int = parameter(
        2, 'Queue depth of the publishers.', Takes.RESTART, between=(1, 100)
    )

    def check_together(self) -> None:
        """Check what the descriptors cannot say.

        Raises:
            ValueError: The values make no sense; the message names the parameter and the cure.
        """
        self._check_order('exposure_low', 'exposure_high')
        self._check_order('exposure_range_low', 'exposure_range_high')
        self._check_range('model_input_range')
        self._check_range('model_output_range')
        self._check_crop('crop_rows')
        self._check_crop('crop_columns')
        self._check_warm_up()
        self._check_precision()

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

    def crop(self) -> Crop:
        """Return what is kept of a frame."""
        top, bottom = self.crop_rows
        left, right = self.crop_columns
        return Crop((top, bottom), (left, right))

    def input_qos(self) -> QoSProfile:
        """Return the profile of the subscriptions."""
        return _qos(self.input_reliability, self.input_depth)

    def output_qos(self) -> QoSProfile:
        """Return the profile of the publishers."""
        return _qos(self.output_reliability, self.output_depth)


def _qos(reliability: str, depth: int) -> QoSProfile:
    return QoSProfile(depth=depth, reliability=ReliabilityPolicy[reliability.upper()])
