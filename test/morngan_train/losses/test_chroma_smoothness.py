"""Colour changes where the thermal frame does."""

import math

import pytest
import torch

from morngan_train.losses.chroma_smoothness import chroma_smoothness
from morngan_train.losses.chroma_smoothness import SHARPNESS


def half_red() -> torch.Tensor:
    """Grey on the left, a red tint of equal luminance on the right, 32 x 32."""
    image = torch.zeros(1, 3, 32, 32)
    image[:, 0, :, 16:] = 0.587
    image[:, 1, :, 16:] = -0.299
    return image


def edge(height: float, column: int) -> torch.Tensor:
    thermal = torch.zeros(1, 3, 32, 32)
    thermal[..., column:] = 2 * height
    return thermal


def test_by_hand_on_a_flat_frame():
    """One border of 32 pixels among 32·31·3 differences; weight exp(−25·0.001), the floor of G."""
    step = (0.587 + 0.299) / 2 / (31 * 3)
    expected = step * math.exp(-SHARPNESS * 1e-3)
    assert chroma_smoothness(half_red(), edge(0, 16)).item() == pytest.approx(expected, rel=1e-3)


def test_an_edge_of_the_thermal_frame_excuses_it():
    flat = chroma_smoothness(half_red(), edge(0, 16)).item()
    assert chroma_smoothness(half_red(), edge(0.5, 16)).item() < 1e-3 * flat
    assert chroma_smoothness(half_red(), edge(0.5, 18)).item() < 1e-3 * flat  # within the window
    assert chroma_smoothness(half_red(), edge(0.5, 26)).item() == pytest.approx(flat, rel=1e-3)


def test_grey_edges_are_free():
    assert chroma_smoothness(edge(0.4, 7), edge(0, 16)).item() == pytest.approx(0, abs=1e-6)
