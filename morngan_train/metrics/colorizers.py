"""Where the pictures come from that are scored: a model, a folder, or nothing but the frames."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from morngan_ros.generator import Generator
from morngan_train.data.reading import find_companions
from morngan_train.data.reading import read_rgb

RAW = 'raw'

FromFrame = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True)
class Colorizer:
    """What gives colour pictures.

    Attributes:
        about: What it is, for JSON.
        colorize: uint8 [H, W] -> uint8 [H, W, 3] RGB; None for a folder, which has what it has.
        files: A picture for each frame; None for a model.
    """

    about: dict[str, str]
    colorize: FromFrame | None = None
    files: list[Path] | None = None

    def picture(self, index: int, thermal: np.ndarray) -> tuple[np.ndarray, bool]:
        """Return the colour picture of a frame, and whether it had the size of the frame.

        A picture of another size is resized: uint8 [H, W, 3].

        Raises:
            DataError: A file cannot be decoded.
            ModelError: The model fails on the frame.
        """
        if self.files is None:
            assert self.colorize is not None
            return self.colorize(thermal), True
        rgb = read_rgb(self.files[index])
        height, width = thermal.shape
        if rgb.shape[:2] == thermal.shape:
            return rgb, True
        return cv2.resize(rgb, (width, height), interpolation=cv2.INTER_CUBIC), False


def open_colorizer(
    source: str,
    frames: list[Path],
    provider: str,
    ranges: tuple[tuple[float, float], tuple[float, float]],
) -> Colorizer:
    """Open an ONNX file, a folder of pictures under the names of the frames, or `raw`.

    Args:
        source: Path, or `raw`.
        frames: Of the test set.
        provider: What runs a model, see `morngan_ros.engine.load_engine`.
        ranges: Of input and output of a model of other people.

    Raises:
        DataError: The folder lacks pictures.
        ModelError: The file is missing, broken, or no generator.
        ProviderError: The provider cannot be had on this machine.
    """
    if source == RAW:
        return Colorizer({'model': RAW}, colorize=repeat)
    path = Path(source)
    if path.is_dir():
        files = find_companions(path, frames, 'colorize all frames of testB')
        return Colorizer({'model': path.resolve().name, 'kind': 'folder'}, files=files)
    generator = Generator.load(path, provider, input_range=ranges[0], output_range=ranges[1])
    about = {'model': path.name, 'sha256': generator.sha256, 'provider': generator.provider}
    return Colorizer(about, colorize=generator)


def repeat(thermal: np.ndarray) -> np.ndarray:
    """Show a thermal frame as it is: uint8 [H, W] -> uint8 [H, W, 3]."""
    return np.repeat(thermal[..., None], 3, axis=2)
