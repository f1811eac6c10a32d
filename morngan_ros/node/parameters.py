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
        '',
        "Path of the generator's ONNX file; '' loads the shipped model. Set it to use your own "
        'model.',
        Takes.RELOAD,
    )
    model_input_range: tuple[float, float] = parameter(
        (-1.0, 1.0),
        'Values that a third-party float model takes for black and for white. Set it if colours '
        'are wrong; many models use [0, 1].',
        Takes.RELOAD,
        limits='Two finite numbers, the lower one first.',
    )
    model_output_range: tuple[float, float] = parameter(
        (-1.0, 1.0),
        'Values that a third-party float model gives for black and for white. Set it if colours '
        'are wrong; many models use [0, 1].',
        Takes.RELOAD,
        limits='Two finite numbers, the lower one first.',
    )
    detector: str = parameter(
        '',
        "Detector. '' uses the head of the model, if it has one, on the thermal frame. The path of "
        "a YOLO or YOLOX file (ONNX) uses that file on the colour. 'none' switches detections off.",
        Takes.RELOAD,
    )
    detector_class_names: tuple[str, ...] = parameter(
        ('',),
        "Class names of a detector file, in the order of its outputs. [''] reads the names from "
        "the file, or uses COCO's 80 names. Set it if the file has no names.",
        Takes.RELOAD,
    )
    provider: str = parameter(
        'auto',
        'Runtime that runs the models. auto uses the first one that loads. Set it to choose a '
        'device.',
        Takes.RELOAD,
        among=PROVIDERS,
    )
    precision: str = parameter(
        'auto',
        'Number format in which the models compute. auto leaves the choice to the provider. Set '
        'fp32 if a model gives NaN or blank pictures.',
        Takes.RELOAD,
        among=PRECISIONS,
        limits='Without allow_fallback the provider must support it.',
    )
    allow_fallback: bool = parameter(
        True,
        'Fall back to the next provider if one does not load, or fails while it runs. Set it to '
        'false if a slower provider is no use.',
        Takes.RELOAD,
    )
    cuda_graph: bool = parameter(
        False,
        'Replay the kernels of a GPU as one CUDA graph. Set it to true to save processor time.',
        Takes.RELOAD,
    )
    threads: int = parameter(
        0,
        'Number of processor threads for the models; 0 uses all cores. Set a number if other '
        'programs need the cores.',
        Takes.RELOAD,
        between=(0, 256),
    )
    warm_up_size: tuple[int, ...] = parameter(
        (640, 512),
        'Width and height of the first run of the models, in pixels after the crop. Set it to the '
        'size of the camera, so that the first frame is fast.',
        Takes.RELOAD,
        limits=f'Each is at least {MIN_SIDE}; their product is at most max_pixels.',
    )
    detection_threshold: float = parameter(
        0.25,
        'Minimum score of a detection. Raise it if there are false alarms, lower it if objects are '
        'missed.',
        between=(0.0, 1.0),
    )
    detection_classes: tuple[str, ...] = parameter(
        ('',),
        "Names of the classes to report; [''] reports all classes of the detector. Set it to hide "
        'classes.',
    )
    detector_tiles: bool = parameter(
        False,
        'Run a detector file on 2x2 overlapping tiles too. Set it to true to find smaller objects '
        'at five times the cost.',
    )
    crop_rows: tuple[int, ...] = parameter(
        (0, 0),
        'Rows of a frame to keep: the first row and the row after the last. The crop comes before '
        'every other step, and all outputs have the size of the crop. Set it to cut off telemetry.',
        limits='Two numbers. Negative ones count from the end, and a second 0 is the end: [0, -2] '
        'cuts off the last two rows.',
    )
    crop_columns: tuple[int, ...] = parameter(
        (0, 0),
        'Columns of a frame to keep: the first column and the column after the last. Set it to cut '
        'off borders.',
        limits='Two numbers, in the form of crop_rows.',
    )
    exposure_mode: str = parameter(
        'percentile',
        'Mapping of 16-bit and float counts to 8 bits; docs/tuning.md helps to choose.',
        among=MODES,
    )
    exposure_low: float = parameter(
        1.0,
        'Percentile of the counts that becomes black. Raise it to make dark parts darker.',
        between=(0.0, 100.0),
    )
    exposure_high: float = parameter(
        99.0,
        'Percentile of the counts that becomes white. Raise it to keep differences among hot '
        'things.',
        between=(0.0, 100.0),
    )
    exposure_time_constant: float = parameter(
        1.0,
        'Time constant of the exposure, in seconds of the header stamps. Raise it if the picture '
        'breathes, lower it if the picture adapts too slowly.',
        between=(0.0, 3600.0),
    )
    exposure_reset_after: float = parameter(
        2.0,
        'Gap between frames, in seconds, after which the exposure restarts. Raise it if frames '
        'come more rarely.',
        between=(0.01, 3600.0),
    )
    exposure_range_low: float = parameter(
        0.0, 'Count (or degree) that becomes black in the mode fixed_range. Set it for your camera.'
    )
    exposure_range_high: float = parameter(
        16383.0,
        'Count (or degree) that becomes white in the mode fixed_range. Set it for your camera.',
    )
    exposure_clahe_clip: float = parameter(
        2.0,
        'Limit of the contrast in the mode clahe, as in OpenCV. Lower it if noise is visible.',
        between=(0.1, 40.0),
    )
    output_encoding: str = parameter(
        'rgb8',
        'Encoding of color/image_raw and overlay/image_raw. Set it if a subscriber needs bgr8.',
        among=('rgb8', 'bgr8'),
    )
    jpeg_quality: int = parameter(
        90,
        'JPEG quality of color/image_raw/compressed. Lower it to save bandwidth.',
        between=(1, 100),
    )
    overlay: bool = parameter(
        True,
        'Draw overlay/image_raw while it has subscribers. Set it to false to publish no overlay.',
    )
    enabled: bool = parameter(
        True, 'Colorize frames; false pauses the node. The service ~/set_enabled sets it too.'
    )
    max_pixels: int = parameter(
        4_194_304,
        'Maximum number of pixels of a frame. The node refuses a larger frame before it allocates '
        'memory. Raise it for a larger camera.',
        between=(4096, 67_108_864),
    )
    max_rate: float = parameter(
        0.0,
        'Maximum rate of colorized frames, in frames per second; 0 sets no limit. Set it to save '
        'processor time.',
        between=(0.0, 1000.0),
    )
    stale_after: float = parameter(
        2.0,
        'Time without a frame, in seconds, after which diagnostics warn. Raise it for a slow '
        'camera.',
        between=(0.1, 3600.0),
    )
    autostart: bool = parameter(
        True,
        'Configure and activate the node at its start. Set it to false under a lifecycle manager.',
        Takes.RESTART,
    )
    autostart_retry: float = parameter(
        0.0,
        'Time from a failed autostart to the next attempt, in seconds; 0 makes one attempt. Set '
        'it if a model file can appear later.',
        Takes.RESTART,
        between=(0.0, 3600.0),
    )
    image_transport: str = parameter(
        'raw',
        'Input topic: raw subscribes to image_raw, compressed to image_raw/compressed. Set it for '
        'a camera that publishes compressed pictures only.',
        Takes.RESTART,
        among=('raw', 'compressed'),
    )
    input_reliability: str = parameter(
        'best_effort',
        'Reliability of the subscriptions. best_effort matches every publisher. Set reliable if '
        'frames get lost on a network.',
        Takes.RESTART,
        among=('best_effort', 'reliable'),
    )
    input_depth: int = parameter(
        1,
        'Queue depth of the subscriptions, in messages. Keep 1 for the lowest latency.',
        Takes.RESTART,
        between=(1, 100),
    )
    output_reliability: str = parameter(
        'reliable',
        'Reliability of the publishers. reliable matches every subscriber. Set best_effort if a '
        'slow subscriber holds up the node.',
        Takes.RESTART,
        among=('best_effort', 'reliable'),
    )
    output_depth: int = parameter(
        2,
        'Queue depth of the publishers, in messages. Raise it if a reliable subscriber misses '
        'frames.',
        Takes.RESTART,
        between=(1, 100),
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
                f'{name} is {list(span)}, but must be two numbers: the first one to keep, and the '
                'one after the last'
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
