"""Pictures of a run's progress on frames that it does not train on."""

from collections.abc import Sequence
from pathlib import Path

import cv2
from lightning_fabric import Fabric
import numpy as np
import torch

from morngan_train.data.reading import list_images
from morngan_train.data.reading import read_thermal
from morngan_train.networks.colorizer import Colorizer
from morngan_train.networks.generator import Translator

FRAMES = 6
"""Of each data folder."""

WIDTH = 320


@torch.no_grad()
def save_preview(model: Translator, roots: Sequence[Path], path: Path, fabric: Fabric) -> None:
    """Write a sheet of thermal frames and their translations.

    Args:
        model: G_BA.
        roots: Data folders; each gives six frames of its `testB`, or of `trainB` if none has one.
        path: Of the sheet.
        fabric: Device and precision.
    """
    kind = 'testB' if any((root / 'testB').is_dir() for root in roots) else 'trainB'
    folders = [root / kind for root in roots if (root / kind).is_dir()]
    files = [file for folder in folders for file in _evenly(list_images(folder))]
    colorizer = Colorizer(model)
    rows = []
    for file in files:
        thermal = read_thermal(file)
        with fabric.autocast():
            color = colorizer(torch.from_numpy(thermal)[None, None].to(fabric.device))[0]
        pair = (cv2.cvtColor(thermal, cv2.COLOR_GRAY2RGB), color.cpu().numpy())
        rows.append(np.hstack([_shrink(picture) for picture in pair]))
    height = min(row.shape[0] for row in rows)
    cells = [row[:height] for row in rows]
    if len(cells) % 2:
        cells.append(np.zeros_like(cells[0]))
    sheet = np.vstack([np.hstack(cells[i : i + 2]) for i in range(0, len(cells), 2)])
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))


def _evenly(files: list[Path]) -> list[Path]:
    return files[:: max(1, len(files) // FRAMES)][:FRAMES]


def _shrink(picture: np.ndarray) -> np.ndarray:
    height = round(WIDTH * picture.shape[0] / picture.shape[1])
    return cv2.resize(picture, (WIDTH, height), interpolation=cv2.INTER_AREA)
