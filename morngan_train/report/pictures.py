"""Pictures inside the page: which frames, and how they are encoded."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track

from morngan_train.data.reading import check_size
from morngan_train.data.reading import read_rgb
from morngan_train.data.reading import read_thermal
from morngan_train.report.evaluations import Method

QUALITY = 84
"""Of WebP: about 50 kB for a frame of 640x512."""
THUMBNAIL = 112
"""Width in pixels."""
EXTREMES = 4
"""Worst and best frames that are shown of each method."""
MOST_FRAMES = 80


def choose_frames(frames: Sequence[Path], methods: Sequence[Method], most: int) -> list[Path]:
    """Choose up to `most` frames: the worst and best of every method, the rest evenly spread."""
    if len(frames) <= most:
        return list(frames)
    wanted = dict.fromkeys(_extremes(methods))
    order = [i for i, frame in enumerate(frames) if frame.stem in wanted][:most]
    rest = [i for i in range(len(frames)) if i not in set(order)]
    spread = np.linspace(0, len(rest) - 1, most - len(order)).round().astype(int)
    return [frames[i] for i in sorted([*order, *(rest[k] for k in spread)])]


def _extremes(methods: Sequence[Method]) -> list[str]:
    stems = []
    for method in methods:
        scores = {stem: s.get('apce') for stem, s in method.evaluation.per_frame.items()}
        ranked = sorted((v, stem) for stem, v in scores.items() if v is not None)
        stems += [stem for _, stem in [*ranked[:EXTREMES], *ranked[-EXTREMES:]]]
    return stems


def embed(methods: Sequence[Method], most: int) -> dict[str, Any]:
    """Encode the pictures of all methods that have some, and the thermal frames.

    Args:
        methods: At least one has pictures.
        most: Frames at the most.

    Returns:
        `frames`, their names; `total`, how many there were; `size`, width and height of the first;
        `thumbnails`; `uris`; `pictures`, for the thermal frames and then for each method the
        index into `uris` of each frame, or None for a method without.

    Raises:
        DataError: Frames or pictures are missing, damaged or of other sizes.
    """
    all_frames = next(m for m in methods if m.evaluation.pictures is not None).thermal()
    frames = choose_frames(all_frames, methods, most)
    files = [None if m.evaluation.pictures is None else m.pictures(frames) for m in methods]
    uris: dict[str, int] = {}  # what several methods show alike is stored once
    places: list[list[int]] = [[] for _ in range(len(methods) + 1)]
    thumbnails, size = [], (0, 0)
    for i, frame in enumerate(track(frames, 'embedding', console=Console(stderr=True))):
        thermal = read_thermal(frame)
        height, width = thermal.shape
        size = size if i else (width, height)
        small = (THUMBNAIL, max(1, round(height * THUMBNAIL / width)))
        thumbnails.append(_uri(cv2.resize(thermal, small, interpolation=cv2.INTER_AREA), 60))
        # Three channels: a method that shows the frame as it is then has the very same bytes.
        shown = [cv2.merge([thermal] * 3), *(_picture(mine, i, thermal) for mine in files)]
        for picture, row in zip(shown, places, strict=True):
            if picture is not None:
                row.append(uris.setdefault(_uri(picture, QUALITY), len(uris)))
    return {
        'frames': [frame.stem for frame in frames],
        'total': len(all_frames),
        'size': size,
        'thumbnails': thumbnails,
        'uris': list(uris),
        'pictures': [row or None for row in places],
    }


def _picture(files: list[Path] | None, index: int, thermal: np.ndarray) -> np.ndarray | None:
    if files is None:
        return None
    picture = read_rgb(files[index])
    check_size(files[index], picture, thermal)
    return picture


def _uri(picture: np.ndarray, quality: int) -> str:
    """Encode a picture, uint8 [H, W] or [H, W, 3] RGB."""
    if picture.ndim == 3:
        picture = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    data = cv2.imencode('.webp', picture, [cv2.IMWRITE_WEBP_QUALITY, quality])[1]
    return 'data:image/webp;base64,' + base64.b64encode(data.tobytes()).decode('ascii')
