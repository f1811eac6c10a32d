"""Where results of `colorize` go: a picture, a folder, a video or a bag, and a file of boxes."""

from collections.abc import Callable
import csv
import json
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from morngan_ros.bags import BagWriter
from morngan_ros.bags import detections_message
from morngan_ros.bags import image_message
from morngan_ros.errors import FrameError
from morngan_ros.errors import SourceError
from morngan_ros.overlay import draw
from morngan_ros.pipeline import Result
from morngan_ros.sources import Frame
from morngan_ros.sources.video import check_name
from morngan_ros.sources.video import Video

#: Files that can hold a colour picture.
PICTURE_SUFFIXES = ('.png', '.jpg', '.jpeg', '.tif', '.tiff', '.bmp', '.ppm')

#: Files that can hold detections.
DETECTION_SUFFIXES = ('.json', '.csv')

# What is made of a result, uint8 [H, W, 3] RGB.
ToPicture = Callable[[Result], np.ndarray]


class Sink(Protocol):
    """Where the results go."""

    def write(self, frame: Frame, result: Result) -> None:
        """Append one.

        Raises:
            FrameError: This one does not fit; the next may.
            SourceError: It cannot be written.
        """

    def close(self) -> None:
        """Finish the file."""


class PictureSink:
    """One picture file, of the format that its name says."""

    def __init__(self, path: Path, to_picture: ToPicture) -> None:
        _make_folder(path.parent)
        self._path = path
        self._to_picture = to_picture

    def write(self, frame: Frame, result: Result) -> None:
        """Save the picture."""
        _save(self._path, self._to_picture(result))

    def close(self) -> None:
        """Do nothing: the file is finished."""


class FolderSink:
    """PNG files that keep the names of the frames."""

    def __init__(self, folder: Path, to_picture: ToPicture) -> None:
        _make_folder(folder)
        self._folder = folder
        self._to_picture = to_picture
        self._written: set[str] = set()

    def write(self, frame: Frame, result: Result) -> None:
        """Save the picture as NAME.png."""
        path = self._folder / f'{frame.name}.png'
        if frame.name in self._written:
            raise SourceError(f'two pictures are named {frame.name}: both would become {path}')
        self._written.add(frame.name)
        _save(path, self._to_picture(result))

    def close(self) -> None:
        """Do nothing: every file is finished."""


class VideoSink:
    """An MP4 file as large as the first frame."""

    def __init__(self, path: Path, rate: float, to_picture: ToPicture) -> None:
        check_name(str(path))
        _make_folder(path.parent)
        self._path = path
        self._rate = rate
        self._to_picture = to_picture
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)
        self._frames = 0

    def write(self, frame: Frame, result: Result) -> None:
        """Append the picture."""
        picture = self._to_picture(result)
        size = (picture.shape[1], picture.shape[0])
        if self._writer is None:
            self._writer = self._open(*size)
            self._size = size
        if size != self._size:  # OpenCV would leave it out and say nothing
            raise FrameError(
                f'frame has {size[0]}x{size[1]} pixels, the video {self._size[0]}x{self._size[1]}; '
                'let --out name a folder'
            )
        self._writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        self._frames += 1

    def close(self) -> None:
        """Write the index of the file, and look whether it is whole: OpenCV hides what fails."""
        if self._writer is None:
            return
        self._writer.release()
        try:
            with Video(str(self._path)) as video:
                written = video.length
        except SourceError:
            written = 0
        if written < self._frames:
            raise SourceError(
                f'video {self._path} is broken, {written} of {self._frames} frames are in it; see '
                'whether the disk is full'
            )

    def _open(self, width: int, height: int) -> cv2.VideoWriter:
        code = cv2.VideoWriter.fourcc(*'mp4v')
        writer = cv2.VideoWriter(str(self._path), code, self._rate, (width, height))
        if not writer.isOpened():
            raise SourceError(f'video {self._path} cannot be written; end its name in .mp4')
        return writer


class BagSink:
    """A bag with the topics of the node and the stamps of the input."""

    def __init__(self, path: Path, storage: str, detections: bool, overlay: bool) -> None:
        self._bag = BagWriter(path, storage)
        self._detections = detections
        self._overlay = overlay

    def write(self, frame: Frame, result: Result) -> None:
        """Append color/image_raw and, as asked for, detections and overlay/image_raw."""
        head = frame.stamp_ns, frame.frame_id
        messages = {'/color/image_raw': image_message(result.color, *head)}
        if self._detections:
            messages['/detections'] = detections_message(result.detections, *head)
        if self._overlay:
            picture = draw(result.color, result.detections)
            messages['/overlay/image_raw'] = image_message(picture, *head)
        for topic, message in messages.items():
            self._bag.write(topic, message, frame.recorded_ns)

    def close(self) -> None:
        """Write the index and metadata."""
        self._bag.close()


class JsonDetections:
    """A JSON array with an object for each frame, of which those without boxes are part too."""

    def __init__(self, path: Path) -> None:
        _make_folder(path.parent)
        self._file = path.open('w', encoding='ascii')
        self._is_first = True

    def write(self, frame: Frame, result: Result) -> None:
        """Append a frame; boxes are x1, y1, x2, y2 in pixels of the colour picture."""
        height, width = result.color.shape[:2]
        record = {
            'frame': frame.name,
            'stamp_ns': frame.stamp_ns,
            'frame_id': frame.frame_id,
            'width': width,
            'height': height,
            'detections': [
                {
                    'label': found.label,
                    'score': round(float(found.score), 4),
                    'box': [round(float(side), 2) for side in found.box],
                }
                for found in result.detections
            ],
        }
        self._file.write(f'{"[" if self._is_first else ","}\n{json.dumps(record)}')
        self._is_first = False

    def close(self) -> None:
        """Finish the array."""
        self._file.write('[]\n' if self._is_first else '\n]\n')
        self._file.close()


class CsvDetections:
    """A table with a row for each box; a frame without one has no row."""

    def __init__(self, path: Path) -> None:
        _make_folder(path.parent)
        self._file = path.open('w', encoding='utf-8', errors='surrogateescape', newline='')
        self._rows = csv.writer(self._file)
        self._rows.writerow(['frame', 'stamp_ns', 'label', 'score', 'x1', 'y1', 'x2', 'y2'])

    def write(self, frame: Frame, result: Result) -> None:
        """Append the boxes of a frame, in pixels of the colour picture."""
        for found in result.detections:
            box = [f'{side:.2f}' for side in found.box]
            row = [frame.name, frame.stamp_ns, found.label, f'{found.score:.4f}', *box]
            self._rows.writerow(row)

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SourceError(f'folder {folder} cannot be made: {error}') from None


def _save(path: Path, rgb: np.ndarray) -> None:
    # Compression level 1: a third of the default's time for a tenth more bytes.
    options = [cv2.IMWRITE_PNG_COMPRESSION, 1] if path.suffix.lower() == '.png' else []
    data = cv2.imencode(path.suffix, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)[1]
    try:
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise SourceError(f'picture {path} cannot be written: {error}') from None
