"""Where thermal frames come from besides a topic: pictures, a video, a bag, a simulated street."""

from abc import ABC
from abc import abstractmethod
from collections.abc import Iterator
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
import re
import time
from typing import NamedTuple

import numpy as np

from morngan_ros.bags import BagReader
from morngan_ros.bags import is_bag
from morngan_ros.bags import OnBadFrame
from morngan_ros.errors import FrameError
from morngan_ros.errors import SourceError
from morngan_ros.images.suffixes import IMAGE_SUFFIXES
from morngan_ros.images.suffixes import VIDEO_SUFFIXES
from morngan_ros.simulation import ThermalScene
from morngan_ros.sources.pictures import list_pictures
from morngan_ros.sources.pictures import names_of_bags
from morngan_ros.sources.pictures import read_picture
from morngan_ros.sources.video import is_stream
from morngan_ros.sources.video import Video
from morngan_ros.sources.video import without_password

SIMULATED = 'sim'
DEFAULT_RATE = 10.0
_SIMULATED_SECONDS = 10.0
DEFAULT_FRAME_ID = 'thermal_camera'


class Frame(NamedTuple):
    """One thermal frame."""

    stamp_ns: int
    frame_id: str
    counts: np.ndarray  # uint8, uint16 or float32 [H, W]
    name: str  # of a picture: the file name without its suffix; else the number of the frame
    recorded_ns: int  # of a bag: when the recorder received it; else the stamp


class Source(ABC):
    """Something to iterate over for frames, more than once and, unless live, with the same result.

    Attributes:
        label: What it is, for people: 'folder night_drive'.
        length: How many frames it has; of a video only what its header claims; 0 if nobody knows.
        rate: Frames a second.
        notes: What was guessed or found odd when it was opened, for people.
        is_live: Whether it goes on until somebody ends it.
    """

    label: str
    length: int
    rate: float
    notes: Sequence[str] = ()
    is_live = False

    @abstractmethod
    def __iter__(self) -> Iterator[Frame]:
        """Read the frames one by one, from the first."""


def open_source(
    where: str | Path,
    *,
    rate: float | None = None,
    start_ns: int | None = None,
    frame_id: str = DEFAULT_FRAME_ID,
    topic: str | None = None,
    frames: int | None = None,
    on_bad: OnBadFrame | None = None,
) -> Source:
    """Open whatever holds thermal frames.

    Args:
        where: A picture or a folder of some, a video file, a bag (see `bags.BagReader`), a video
            device, the address of a stream, or 'sim' for the simulated camera; 'sim:320x256' sets
            its size.
        rate: Frames a second, from which pictures, video and simulation make their stamps; None is
            a video's own rate, else 10. Bags have stamps, frames of a device or stream their
            arrival.
        start_ns: Stamp of the first frame; None is now. Bags have stamps.
        frame_id: Goes into the headers, except of bags, which have their own.
        topic: Image topic of a bag; None chooses, and a note says among which.
        frames: End after so many; None is all, and of the simulation 10 seconds.
        on_bad: Called for frames, and stretches of a bag, that cannot be read, which are then
            skipped; without it the first one ends the iteration with a FrameError or SourceError.

    Raises:
        SourceError: It does not exist, cannot be read or holds no frames.
    """
    if rate is not None and not rate > 0:
        raise SourceError(f'rate must be above zero, not {rate}')
    if frames is not None and frames < 1:
        raise SourceError(f'number of frames must be at least 1, not {frames}')
    start_ns = time.time_ns() if start_ns is None else start_ns
    stamps = _Stamps(start_ns, frame_id, rate)

    path = Path(where)
    simulation = re.fullmatch(rf'{SIMULATED}(?::(\d+)x(\d+))?', str(where))
    if topic is not None and (simulation or (path.exists() and not is_bag(path))):
        raise SourceError(f'{where} is not a bag, so it has no topic {topic}')
    if simulation:
        width, height = (
            int(side or default)
            for side, default in zip(simulation.groups(), (640, 512), strict=True)
        )
        return _Simulation(width, height, stamps, frames)
    if is_stream(str(where)):
        return _Stream(str(where), stamps, frames)
    if not path.exists():
        raise SourceError(f'{path} does not exist; name a folder of pictures, a video or a bag')
    if is_bag(path):
        return _Bag(path, topic, frames, on_bad)
    if path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES:
        return _Pictures(path, stamps, frames, on_bad)
    if path.suffix.lower() in VIDEO_SUFFIXES:
        return _Video(path, stamps, frames)
    raise SourceError(
        f'{path} is not a folder, bag, known picture or video; pictures end in '
        f'{", ".join(IMAGE_SUFFIXES)}, videos in {", ".join(VIDEO_SUFFIXES)}'
    )


class _Stamps(NamedTuple):
    """Makes the headers of frames that have none."""

    start_ns: int
    frame_id: str
    rate: float | None

    def frame(self, index: int, rate: float, counts: np.ndarray, name: str) -> Frame:
        stamp_ns = self.start_ns + round(index * 1e9 / rate)
        return Frame(stamp_ns, self.frame_id, counts, name, stamp_ns)


class _Pictures(Source):
    """A picture, or those of a folder in natural order of their names."""

    def __init__(
        self, path: Path, stamps: _Stamps, frames: int | None, on_bad: OnBadFrame | None
    ) -> None:
        self._pictures = list_pictures(path)[:frames]
        self._stamps = stamps
        self._on_bad = on_bad
        if path.is_dir() and (bags := names_of_bags(path)):
            self.notes = [f'folder {path} holds bags too; to read one, name it: {bags}']
        kind = 'folder' if path.is_dir() else 'picture'
        self.label = f'{kind} {path.resolve().name}'
        self.length = len(self._pictures)
        self.rate = stamps.rate or DEFAULT_RATE

    def __iter__(self) -> Iterator[Frame]:
        for index, (path, page, name) in enumerate(self._pictures):
            try:
                counts = read_picture(path, page)
            except FrameError as error:
                if self._on_bad is None:
                    raise
                self._on_bad(path.name if page is None else name, error)
                continue
            yield self._stamps.frame(index, self.rate, counts, name)


class _Video(Source):
    """Frames of a video file: grey of 8 bits, or of 16 where OpenCV keeps them."""

    def __init__(self, path: Path, stamps: _Stamps, frames: int | None) -> None:
        self._path = path
        self._stamps = stamps
        self._frames = frames
        with Video(str(path)) as video:
            own_rate, claimed = video.rate, video.length
        self.label = f'video {path.name}'
        self.length = claimed if frames is None else min(claimed, frames)
        self.rate = stamps.rate or own_rate or DEFAULT_RATE

    def __iter__(self) -> Iterator[Frame]:
        with Video(str(self._path)) as video:
            for index, counts in enumerate(islice(video, self._frames)):
                yield self._stamps.frame(index, self.rate, counts, f'{index:06d}')


class _Stream(Source):
    """Frames of a video device or a network camera, stamped when they come."""

    is_live = True

    def __init__(self, where: str, stamps: _Stamps, frames: int | None) -> None:
        self._where = where
        self._stamps = stamps
        self._frames = frames
        with Video(where) as video:
            own_rate = video.rate
        self.label = f'stream {without_password(where)}'
        self.length = frames or 0
        self.rate = stamps.rate or own_rate or DEFAULT_RATE

    def __iter__(self) -> Iterator[Frame]:
        with Video(self._where) as video:
            begun = time.monotonic_ns()
            for index, counts in enumerate(islice(video, self._frames)):
                stamp_ns = self._stamps.start_ns + time.monotonic_ns() - begun
                yield Frame(stamp_ns, self._stamps.frame_id, counts, f'{index:06d}', stamp_ns)


class _Bag(Source):
    """Images of one topic of a bag, with the stamps and frame ids of their headers."""

    def __init__(
        self, path: Path, topic: str | None, frames: int | None, on_bad: OnBadFrame | None
    ) -> None:
        self._path = path
        self._frames = frames
        self._on_bad = on_bad
        with BagReader(path, _damage_is_told_later) as bag:
            self._topic, choice = bag.choose_images(topic)
            self.notes = [*bag.notes, *filter(None, [choice])]
            count = bag.count(self._topic)
            seconds = bag.duration_ns / 1e9
        if count == 0:
            raise SourceError(f'topic {self._topic} of bag {path} holds no images')
        self.label = f'bag {path.resolve().name} {self._topic}'
        self.length = count if frames is None else min(count, frames)
        self.rate = (count - 1) / seconds if count > 1 and seconds > 0 else DEFAULT_RATE

    def __iter__(self) -> Iterator[Frame]:
        with BagReader(self._path, self._on_bad) as bag:
            for index, frame in enumerate(bag.frames(self._topic, self._on_bad)):
                if index == self._frames:
                    break
                head = frame.stamp_ns, frame.frame_id
                yield Frame(*head, frame.counts, f'{index:06d}', frame.recorded_ns)


def _damage_is_told_later(name: str, error: FrameError) -> None:
    """Pass over damage while a bag is opened: each reading of it tells of it."""


class _Simulation(Source):
    """A simulated night street, 14-bit counts; time in it begins with the first frame."""

    def __init__(self, width: int, height: int, stamps: _Stamps, frames: int | None) -> None:
        try:
            self._scene = ThermalScene(width, height)
        except ValueError as error:
            raise SourceError(f'simulated camera: {error}') from None
        self._stamps = stamps
        self.label = f'simulated camera {width}x{height}'
        self.rate = stamps.rate or DEFAULT_RATE
        self.length = frames or round(_SIMULATED_SECONDS * self.rate)

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self.length):
            counts = self._scene.render(index / self.rate).counts
            yield self._stamps.frame(index, self.rate, counts, f'{index:06d}')
