"""Where the pictures come from that are scored: a model, a folder, or a baseline."""

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from morngan_ros.engines import EngineOptions
from morngan_ros.generator import Generator
from morngan_train.data.reading import find_companions
from morngan_train.data.reading import list_images
from morngan_train.data.reading import read_rgb
from morngan_train.evaluation.alignment import place
from morngan_train.evaluation.alignment import place_files
from morngan_train.evaluation.alignment import read_places
from morngan_train.evaluation.baselines import HistogramColors
from morngan_train.evaluation.baselines import MeanPicture

RAW, HISTOGRAM, MEAN, VISIBLE = BASELINES = 'raw', 'histogram', 'mean', 'visible'
"""What needs no model: the frames as they are, two ways to guess colours, the visible pictures."""

FromFrame = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True)
class Colorizer:
    """What gives colour pictures.

    Attributes:
        about: What it is, for JSON.
        colorize: uint8 [H, W] -> uint8 [H, W, 3] RGB; None for a folder, which has what it has.
        files: A picture for each frame; None for a model.
        places: For files that show only a part of their frames: where, see `read_places`.
        made_from: Files that the pictures depend on, besides the model.
    """

    about: dict[str, str]
    colorize: FromFrame | None = None
    files: list[Path] | None = None
    places: list[np.ndarray] | None = None
    made_from: Sequence[Path] = ()

    def picture(self, index: int, thermal: np.ndarray) -> tuple[np.ndarray, bool]:
        """Return the colour picture of a frame, and whether it had the size of the frame.

        A picture of another size is resized, one of a part of the frame is put in its place:
        uint8 [H, W, 3].

        Raises:
            DataError: A file cannot be decoded.
            ModelError: The model fails on the frame.
        """
        if self.files is None:
            assert self.colorize is not None
            return self.colorize(thermal), True
        rgb = read_rgb(self.files[index])
        height, width = thermal.shape
        if self.places is not None:
            return place(rgb, self.places[index], (height, width)), False
        if rgb.shape[:2] == thermal.shape:
            return rgb, True
        return cv2.resize(rgb, (width, height), interpolation=cv2.INTER_CUBIC), False


def open_colorizer(
    source: str,
    data: Path,
    frames: list[Path],
    provider: str,
    ranges: tuple[tuple[float, float], tuple[float, float]],
) -> Colorizer:
    """Open an ONNX file, a folder of pictures under the names of the frames, or a baseline.

    Args:
        source: Path, or one of `BASELINES`.
        data: Folder of the test set, for what a baseline needs.
        frames: Of the test set.
        provider: What runs a model, see `morngan_ros.engines.load.load_engine`.
        ranges: Of input and output of a third-party model.

    Raises:
        DataError: The folder lacks pictures, or the data folder what a baseline needs.
        ModelError: The file is missing, broken, or no generator.
        ProviderError: The provider cannot be had on this machine.
    """
    if source in BASELINES:
        return _open_baseline(source, data, frames)
    path = Path(source)
    if path.is_dir():
        return _open_folder({'model': path.resolve().name, 'kind': 'folder'}, path, frames)
    generator = Generator.load(
        path, EngineOptions(provider), input_range=ranges[0], output_range=ranges[1]
    )
    about = {'model': path.name, 'sha256': generator.sha256, 'provider': generator.provider}
    return Colorizer(about, colorize=generator)


def _open_baseline(name: str, data: Path, frames: list[Path]) -> Colorizer:
    about = {'model': name, 'kind': 'baseline'}
    if name == RAW:
        return Colorizer(about, colorize=repeat)
    if name == VISIBLE:
        visible = _open_folder(about, data / 'testB_visible', frames)
        places = read_places(data, frames, visible.made_from)
        return replace(
            visible, places=places, made_from=[*visible.made_from, *place_files(data, frames)]
        )
    day = list_images(data / 'trainA')
    guess = HistogramColors.of(day) if name == HISTOGRAM else MeanPicture(day)
    return Colorizer(about, colorize=guess, made_from=day)


def _open_folder(about: dict[str, str], folder: Path, frames: list[Path]) -> Colorizer:
    files = find_companions(folder, frames, 'every frame of testB needs a picture')
    return Colorizer(about, files=files, made_from=files)


def repeat(thermal: np.ndarray) -> np.ndarray:
    """Show a thermal frame as it is: uint8 [H, W] -> uint8 [H, W, 3]."""
    return np.repeat(thermal[..., None], 3, axis=2)
