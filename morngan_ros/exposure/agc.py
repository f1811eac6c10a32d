"""Bring raw thermal counts to a steady 8-bit picture (automatic gain control)."""

from collections import Counter
import math

import numpy as np

from morngan_ros.errors import FrameError
from morngan_ros.exposure.clahe import LocalContrast
from morngan_ros.exposure.dead_pixels import fill_dead_pixels
from morngan_ros.exposure.fieldscale import LocalFields
from morngan_ros.exposure.tone_mapping import FixedRange
from morngan_ros.exposure.tone_mapping import Percentiles
from morngan_ros.exposure.tone_mapping import span
from morngan_ros.exposure.tone_mapping import ToneMapping

#: The ways from counts to 8 bits; docs/tuning.md shows them.
MODES = ('percentile', 'fixed_range', 'clahe', 'fieldscale')

#: The pixels that are measured. Few rows, as a row is what memory hands over at a time.
SAMPLE = np.s_[::4, ::2]

# While the shutter of a flat-field correction is shut, the picture spans next to nothing.
_SHUTTER_SPAN = 0.1


class Exposure:
    """Map thermal counts to uint8; 8-bit pictures pass through as they are, in every mode.

    Counts of 16 bits (of any real depth) or floats go through a window, in the modes

    - 'percentile': linear between two percentiles of the frame;
    - 'fixed_range': linear between two given counts, whatever the frames show;
    - 'clahe': as 'percentile', then contrast-limited adaptive histogram equalisation;
    - 'fieldscale': linear within a window for each place of the frame.

    A window follows the scene with a time constant in seconds of the frames' own stamps, so that a
    bag gives the same picture at any speed. It holds while frames repeat or go flat, as they do
    during a flat-field correction, and starts anew after a gap, a jump back in time, a change
    between 8, 16 bits and floats, or a hold that has lasted longer than any correction.

    For one thread; the same frames and stamps always give the same pictures.

    Attributes:
        held: how many frames were mapped with a held window.
        counts: how often something was seen: 'frozen', the last frame repeated; 'flat', next to no
            contrast (of 8-bit frames: none); 'depth change'; of frames that are not 8-bit, 'gap'
            and 'jump back' of stamps; and of floats 'dead pixels', which were NaN or infinite and
            were filled. The same in every mode.
    """

    def __init__(
        self,
        *,
        mode: str = 'percentile',
        low: float = 1.0,
        high: float = 99.0,
        time_constant: float = 1.0,
        reset_after: float = 2.0,
        range_low: float = 0.0,
        range_high: float = 16383.0,
        clahe_clip: float = 2.0,
    ) -> None:
        """Set up the mode.

        Args:
            mode: one of `MODES`.
            low: percentile of the counts that becomes black, 0 to 100.
            high: percentile of the counts that becomes white, above `low`.
            time_constant: seconds in which the window covers 63% of a step; 0 follows at once.
            reset_after: longest gap between frames, and longest hold, in seconds.
            range_low: count that becomes black with 'fixed_range'.
            range_high: count that becomes white with 'fixed_range', above `range_low`.
            clahe_clip: limit of the contrast with 'clahe', as in OpenCV: nowhere does it grow more
                than `clahe_clip + 1` times.

        Raises:
            ValueError: an argument is out of its range.
        """
        _check_arguments(low, high, time_constant, reset_after)
        self.held = 0
        self.counts: Counter[str] = Counter()
        self._tone = _tone_mapping(mode, low, high, range_low, range_high, clahe_clip)
        self._time_constant = time_constant
        self._reset_after = reset_after
        self._dtype: np.dtype | None = None
        self.reset()

    def reset(self) -> None:
        """Forget the scene: the next frame sets the window."""
        self._window: np.ndarray | None = None
        self._sample: np.ndarray | None = None
        self._stamp = 0.0
        self._followed = 0.0

    def __call__(self, counts: np.ndarray, stamp: float) -> np.ndarray:
        """Map one frame.

        Args:
            counts: uint8, uint16 or float32 [H, W], not empty.
            stamp: time of the frame in seconds. Frames with equal stamps do not move the window.

        Returns:
            uint8 [H, W]: `counts` itself if it has 8 bits, a fresh array otherwise.

        Raises:
            FrameError: the frame has another type or shape, no pixels, or too many floats that are
                not finite. It leaves no trace.
        """
        _check_frame(counts)
        counts, dead = fill_dead_pixels(counts)
        if dead:
            self.counts['dead pixels'] += dead
        if self._dtype not in (None, counts.dtype):
            self.counts['depth change'] += 1
            self.reset()
        self._dtype = counts.dtype
        if counts.dtype == np.uint8:
            self._watch(counts)
            return counts
        return self._tone.apply(counts, self._follow(counts, stamp))

    def _watch(self, counts: np.ndarray) -> None:
        """Count what an 8-bit frame tells of a stopped camera; there is no window to hold."""
        sample = np.ascontiguousarray(counts[SAMPLE])
        self.counts['flat'] += sample.min() == sample.max()
        self.counts['frozen'] += self._sample is not None and np.array_equal(sample, self._sample)
        self._sample = sample

    def _follow(self, counts: np.ndarray, stamp: float) -> np.ndarray:
        """Move the window toward this frame; before it spans anything it is that of the frame."""
        self._watch_stamps(stamp)
        sample = np.ascontiguousarray(counts[SAMPLE])
        seen = self._tone.measure(sample)
        stopped = self._shows_stopped_camera(sample, seen)
        # No shutter stays shut that long: the scene really is like this.
        anew = self._window is None or (stopped and stamp - self._followed > self._reset_after)
        if anew and span(seen):
            self._window = seen
            self._followed = stamp
        elif stopped:
            self.held += self._window is not None
        else:
            assert self._window is not None
            elapsed = stamp - self._stamp
            share = -math.expm1(-elapsed / self._time_constant) if self._time_constant else 1.0
            self._window = self._window + share * (seen - self._window)
            self._followed = stamp
        self._sample = sample
        self._stamp = stamp
        return seen if self._window is None else self._window

    def _watch_stamps(self, stamp: float) -> None:
        """Start anew where the time does not go on."""
        elapsed = stamp - self._stamp
        if self._sample is None or 0 <= elapsed <= self._reset_after:
            return
        self.counts['jump back' if elapsed < 0 else 'gap'] += 1
        self.reset()

    def _shows_stopped_camera(self, sample: np.ndarray, seen: np.ndarray) -> bool:
        """Tell whether a frame shows a stopped camera, not the scene; count what it shows."""
        usual = 0.0 if self._window is None else span(self._window)
        width = span(seen)
        flat = not width or width < _SHUTTER_SPAN * usual
        frozen = self._sample is not None and np.array_equal(sample, self._sample)
        self.counts['flat'] += flat
        self.counts['frozen'] += frozen
        return flat or frozen


def _check_frame(counts: np.ndarray) -> None:
    known = counts.dtype in (np.uint8, np.uint16, np.float32)
    if counts.ndim != 2 or counts.size == 0 or not known:
        raise FrameError(
            f'a thermal frame is uint8, uint16 or float32 [H, W], got {counts.dtype} '
            f'{list(counts.shape)}',
            'depth' if counts.size else 'empty',
        )


def _check_arguments(low: float, high: float, time_constant: float, reset_after: float) -> None:
    if not 0 <= low < high <= 100:
        raise ValueError(f'percentiles must keep 0 <= low < high <= 100, got {low}, {high}')
    if not (time_constant >= 0 and reset_after > 0):
        raise ValueError(
            'time_constant must not be negative and reset_after must be positive, '
            f'got {time_constant}, {reset_after}'
        )


def _tone_mapping(
    mode: str, low: float, high: float, range_low: float, range_high: float, clahe_clip: float
) -> ToneMapping:
    if mode not in MODES:
        raise ValueError(f'mode must be one of {", ".join(MODES)}, got {mode!r}')
    if not -math.inf < range_low < range_high < math.inf:
        raise ValueError(
            f'range_low must be less than range_high, got {range_low}, {range_high}; set both'
        )
    if not 0 < clahe_clip < math.inf:
        raise ValueError(f'clahe_clip must be positive, got {clahe_clip}; try 2')
    if mode == 'fixed_range':
        return FixedRange(low, high, range_low, range_high)
    if mode == 'clahe':
        return LocalContrast(low, high, clahe_clip)
    return LocalFields(low, high) if mode == 'fieldscale' else Percentiles(low, high)
