"""Pictures of a run's progress on frames that it does not train on."""

from pathlib import Path

import cv2
from lightning_fabric import Fabric
import numpy as np
import torch
from torch import nn

from morngan_train.data.unpaired import image_tensor
from morngan_train.data.unpaired import list_images
from morngan_train.data.unpaired import read_thermal

FRAMES = 6
WIDTH = 320


@torch.no_grad()
def colorize(model: nn.Module, thermal: np.ndarray, device: torch.device) -> np.ndarray:
    """Translate a thermal frame, uint8 [H, W] -> uint8 [H, W, 3] RGB; H, W multiples of 4."""
    x = image_tensor(thermal)[None].to(device)
    y = model(x)[0].float().add(1).mul(127.5).round().clamp(0, 255)
    return y.permute(1, 2, 0).byte().cpu().numpy()


def save_preview(model: nn.Module, data: Path, path: Path, fabric: Fabric) -> None:
    """Write a sheet of thermal frames and their translations, from `testB` if there is one."""
    folder = data / 'testB' if (data / 'testB').is_dir() else data / 'trainB'
    files = list_images(folder)
    rows = []
    for file in files[:: max(1, len(files) // FRAMES)][:FRAMES]:
        thermal = read_thermal(file)
        height = round(WIDTH * thermal.shape[0] / thermal.shape[1]) // 4 * 4
        small = cv2.resize(thermal, (WIDTH, height), interpolation=cv2.INTER_AREA)
        crop = thermal[: thermal.shape[0] // 4 * 4, : thermal.shape[1] // 4 * 4]
        with fabric.autocast():
            color = colorize(model, crop, fabric.device)
        color = cv2.resize(color, (WIDTH, height), interpolation=cv2.INTER_AREA)
        rows.append(np.hstack([cv2.cvtColor(small, cv2.COLOR_GRAY2RGB), color]))
    height = min(row.shape[0] for row in rows)
    cells = [row[:height] for row in rows]
    if len(cells) % 2:
        cells.append(np.zeros_like(cells[0]))
    sheet = np.vstack([np.hstack(cells[i : i + 2]) for i in range(0, len(cells), 2)])
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
