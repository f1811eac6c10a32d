"""A picture of what one step saw and made: the first thing to look at when a run goes wrong."""

import numpy as np
import torch

from morngan_train.classes import paint
from morngan_train.data.unpaired import Sample
from morngan_train.training.segmentation import resize_labels
from morngan_train.training.segmentation import Semantics
from morngan_train.training.system import Translations


def draw_panel(batch: Sample, made: Translations, semantics: Semantics | None) -> np.ndarray:
    """Draw the first sample of a batch: real, fake, reconstruction and labels of both domains.

    Args:
        batch: Real crops.
        made: Their translations.
        semantics: Labels and segmentations, or None where the phase has none.

    Returns:
        uint8 [2·S, 5·S, 3] RGB. Upper row: day picture, fake night, day again, day labels, and
        what S_B reads in the fake night. Lower row: night frame, fake day, night again, mined
        labels, and what S_A reads in the fake day. Black where there is nothing.
    """
    side = batch['day'].shape[-1]
    blank = np.zeros((side, side, 3), np.uint8)
    day_labels = batch['day_labels'] if semantics is None else semantics.day_labels
    night_labels = fake_night = fake_day = None
    if semantics is not None:
        night_labels = semantics.night_labels
        fake_night, fake_day = _read(semantics.fake_night), _read(semantics.fake_day)
    rows = (
        [*map(_image, (batch['day'], made.fake_night, made.again_day)), day_labels, fake_night],
        [*map(_image, (batch['night'], made.fake_day, made.again_night)), night_labels, fake_day],
    )
    return np.vstack([np.hstack([_cell(cell, side, blank) for cell in row]) for row in rows])


def _image(images: torch.Tensor) -> np.ndarray:
    unit = images[0].detach().float().cpu().add(1).mul(127.5).round().clamp(0, 255)
    return unit.byte().permute(1, 2, 0).numpy()


def _read(logits: torch.Tensor | None) -> torch.Tensor | None:
    return None if logits is None else logits.detach().argmax(1)


def _cell(cell: np.ndarray | torch.Tensor | None, side: int, blank: np.ndarray) -> np.ndarray:
    if cell is None:
        return blank
    if isinstance(cell, torch.Tensor):
        return paint(resize_labels(cell[:1], side)[0].byte().cpu().numpy())
    return cell
