"""Read the calibration of a camera from the YAML file that ROS's camera_calibration writes."""

from pathlib import Path
from typing import Any
from typing import NamedTuple

import yaml

from morngan_ros.errors import SourceError

# Fields of the file and how many numbers each holds; distortion models differ in theirs.
_MATRICES = {
    'd': ('distortion_coefficients', None),
    'k': ('camera_matrix', 9),
    'r': ('rectification_matrix', 9),
    'p': ('projection_matrix', 12),
}


class Calibration(NamedTuple):
    """What sensor_msgs/CameraInfo says of a lens, in its words; matrices row by row.

    Attributes:
        width: Columns of the pictures; 0 if nothing is known.
        height: Rows of the pictures; 0 if nothing is known.
        distortion_model: 'plumb_bob', 'rational_polynomial' or 'equidistant'.
        d: Distortion coefficients.
        k: Intrinsic matrix, 3x3.
        r: Rectification matrix, 3x3.
        p: Projection matrix, 3x4.
    """

    width: int = 0
    height: int = 0
    distortion_model: str = ''
    d: tuple[float, ...] = ()
    k: tuple[float, ...] = (0.0,) * 9
    r: tuple[float, ...] = (0.0,) * 9
    p: tuple[float, ...] = (0.0,) * 12


UNCALIBRATED = Calibration()


def read_calibration(path: Path) -> Calibration:
    """Read a calibration file.

    Raises:
        SourceError: It cannot be read, or a field is missing or of another length.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
        return Calibration(
            width=int(content['image_width']),
            height=int(content['image_height']),
            distortion_model=str(content['distortion_model']),
            **{name: _numbers(content, *field) for name, field in _MATRICES.items()},
        )
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise SourceError(
            f'{path} is not a calibration file of camera_calibration: '
            f'{f"{error} is missing" if isinstance(error, KeyError) else error}'
        ) from None


def _numbers(content: Any, name: str, count: int | None) -> tuple[float, ...]:
    numbers = tuple(float(value) for value in content[name]['data'])
    if count is not None and len(numbers) != count:
        raise ValueError(f'{name} has {len(numbers)} numbers, not {count}')
    return numbers
