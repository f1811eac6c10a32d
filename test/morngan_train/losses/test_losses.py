"""Each loss against a case worked by hand or an independent implementation."""

import numpy as np
import pytest
import pytorch_msssim
from scipy.ndimage import gaussian_filter
import torch

from morngan_train.losses.adversarial import discriminator_loss
from morngan_train.losses.adversarial import generator_loss
from morngan_train.losses.aligned import aligned_loss
from morngan_train.losses.aligned import gaussian_blur
from morngan_train.losses.conditional_gradient import cgr_loss
from morngan_train.losses.cycle import cycle_loss
from morngan_train.losses.gradient import gradient_magnitude
from morngan_train.losses.monochrome import monochrome_loss
from morngan_train.losses.ssim import ssim
from morngan_train.losses.structured_gradient import sga_loss
from morngan_train.losses.total_variation import total_variation


def flat(value: float, size: int = 4) -> torch.Tensor:
    return torch.full((1, 1, size, size), value)


def image(seed: int, size: int = 32, batch: int = 1) -> torch.Tensor:
    return torch.rand(batch, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize(('maps', 'weight', 'divisor'), [(4, 5, 44), (3, 4, 21)])
def test_adversarial_weights_and_divisors(maps, weight, divisor):
    """Only the last map differs from the margin: what is left is m_n · d² / (n · Σm)."""
    real = [[flat(1.0) for _ in range(maps)]]
    fake = [[flat(2.0) for _ in range(maps - 1)] + [flat(5.0)]]  # r − f + 1 = 0, at the last −3
    assert generator_loss(real, fake).item() == pytest.approx(weight * 9 / divisor)
    # For the discriminator r − f − 1 is −2 at the others, −5 at the last.
    others = {4: 6, 3: 3}[maps]
    expected = 0.5 * (others * 4 + weight * 25) / divisor
    assert discriminator_loss(real, fake).item() == pytest.approx(expected)


def test_adversarial_is_the_mean_of_the_branches():
    one = [[flat(0.0)] * 4]
    assert generator_loss(one, one).item() == pytest.approx(11 / 44)
    three = [[flat(0.0)] * 4, [flat(0.0)] * 4, [flat(0.0)] * 3]
    assert generator_loss(three, three).item() == pytest.approx((11 / 44 * 2 + 7 / 21) / 3)


def test_generator_does_not_move_the_real_scores():
    real, fake = flat(0.0).requires_grad_(), flat(0.0).requires_grad_()
    generator_loss([[real]], [[fake]]).backward()
    assert real.grad is None
    assert fake.grad is not None
    discriminator_loss([[real]], [[fake]]).backward()
    assert real.grad is not None


@pytest.mark.parametrize('window', [3, 11])
def test_ssim_equals_an_independent_implementation(window):
    x, y = (image(1) + 1) / 2, (image(2) + 1) / 2
    y = 0.7 * x + 0.3 * y
    expected = pytorch_msssim.ssim(x, y, data_range=1, win_size=window, win_sigma=1.5)
    assert ssim(x, y, window).item() == pytest.approx(expected.item(), abs=1e-5)
    assert ssim(x, x, window).item() == pytest.approx(1)


def test_cycle_by_hand():
    """SmoothL1 with beta 1: 0.5 · 0.4² below 1, 1.6 − 0.5 above."""
    real = torch.full((1, 3, 8, 8), -0.8)
    near, far = real + 0.4, real + 1.6
    assert cycle_loss(near, real, ssim_weight=0).item() == pytest.approx(10 * 0.08, rel=1e-5)
    assert cycle_loss(far, real, ssim_weight=0).item() == pytest.approx(10 * 1.1, rel=1e-5)
    # Flat pictures u = 0.1 and 0.3: structure is 1, luminance (2·.03 + 1e-4) / (.01 + .09 + 1e-4).
    similarity = (0.06 + 1e-4) / (0.10 + 1e-4)
    assert cycle_loss(near, real).item() == pytest.approx(0.8 + 1 - similarity, rel=1e-3)


def test_total_variation_by_hand():
    """A step of height 2 between two halves of 2x4 pixels: Σ/(C·H·(W−1)) = 2·4 / (2·3)."""
    step = torch.tensor([[-1.0, -1.0, 1.0, 1.0]] * 2).expand(1, 1, 2, 4)
    assert total_variation(step).item() == pytest.approx(2 * 8 / 6)
    assert total_variation(step.expand(3, 3, 2, 4)).item() == pytest.approx(2 * 8 / 6)


def test_gradient_magnitude_by_hand():
    ramp = torch.linspace(-1, 1, 11).expand(1, 3, 5, 11)  # luminance rises by 0.1 a pixel
    g = gradient_magnitude(ramp)
    assert g[0, 0, 2, 5].item() == pytest.approx((0.2**2 + 1e-6) ** 0.5)
    grey = torch.full((1, 3, 5, 5), 0.2)  # u = 0.6
    assert gradient_magnitude(grey).max().item() == pytest.approx(1e-3, rel=1e-3)
    with_zeros = gradient_magnitude(grey, padding='zeros')[0, 0]
    assert with_zeros[0, 2].item() == pytest.approx(0.6, abs=1e-4)
    assert with_zeros[0, 0].item() == pytest.approx(0.8485, abs=1e-3)


def test_sga_by_hand():
    """One cell with two edge pixels: G is at its maximum at one, nearly 0 at the other."""
    fake = torch.full((1, 3, 32, 32), -1.0)
    fake[..., 16:] = 1.0  # the step lies between columns 15 and 16; G is 1 on both, 1e-3 elsewhere
    edges = torch.zeros(1, 1, 32, 32)
    edges[0, 0, 8, 15] = edges[0, 0, 8, 4] = 1
    expected = (0.8 - 1e-3) / (2 + 1)
    assert sga_loss(fake, edges, 0.8).item() == pytest.approx(expected, rel=1e-3)
    edges[0, 0, 8, 4] = 0
    assert sga_loss(fake, edges, 0.8).item() == 0


def test_sga_looks_only_at_cells_with_edges():
    """Whatever cell is drawn, it is the one with the edge: the value never changes."""
    fake = image(3, 96)
    edges = torch.zeros(1, 1, 96, 96)
    edges[0, 0, 70, 40] = 1
    values = {round(sga_loss(fake, edges).item(), 6) for _ in range(20)}
    assert len(values) == 1
    cell = gradient_magnitude(fake)[0, 0, 64:96, 32:64]
    relative = gradient_magnitude(fake)[0, 0, 70, 40] / cell.max()
    assert values == {round(max(0.0, 0.8 - relative.item()) / 2, 6)}


def test_sga_over_the_whole_image_by_hand():
    """Two cells: the maximum of the left one, 0.5, does not count beside the right one's 1.

    At the left edge pixel G / max G is 0.5, on the flat one 1e-3, at the right one 1.
    """
    fake = torch.full((1, 3, 32, 64), -1.0)
    fake[..., 8:24] = 0.0  # u = 0.5: steps of 0.5 at columns 7 and 8, and back at 23 and 24
    fake[..., 48:] = 1.0  # a step of 1 at columns 47 and 48
    edges = torch.zeros(1, 1, 32, 64)
    edges[0, 0, 10, 8] = edges[0, 0, 10, 16] = edges[0, 0, 10, 47] = 1
    expected = ((0.8 - 0.5) + (0.8 - 1e-3) + 0) / (3 + 1)
    assert sga_loss(fake, edges, 0.8, region='image').item() == pytest.approx(expected, rel=1e-3)


def test_sga_over_the_whole_image_equals_plain_loops():
    fakes = image(13, 40, batch=2)
    edges = torch.rand(2, 1, 40, 40, generator=torch.Generator().manual_seed(0)) ** 3  # soft
    expected = 0.0
    for g, e in zip(gradient_magnitude(fakes)[:, 0], edges[:, 0], strict=True):
        pixels = [(i, j) for i in range(40) for j in range(40)]
        short = sum(max(0.0, 0.44 * e[p].item() - (g[p] / g.max()).item()) for p in pixels)
        expected += short / (e.sum().item() + 1) / 2
    loss = sga_loss(fakes, edges, 0.44, region='image')
    assert loss.item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize('region', ['cell', 'image'])
def test_sga_of_an_empty_map_is_a_connected_zero(region):
    fake = image(4).requires_grad_()
    loss = sga_loss(fake, torch.zeros(1, 1, 32, 32), region=region)
    assert loss.item() == 0
    loss.backward()
    assert torch.isfinite(fake.grad).all()


def test_sga_is_a_mean_over_the_batch():
    fakes, edges = image(5, 32, batch=2), (image(6, 32, batch=2)[:, :1] > 0.5).float()
    alone = [sga_loss(fakes[i : i + 1], edges[i : i + 1]) for i in range(2)]
    assert sga_loss(fakes, edges).item() == pytest.approx(sum(alone).item() / 2, rel=1e-5)


def test_monochrome_by_hand():
    x = torch.zeros(2, 3, 4, 4)
    x[0, 0, 1, 1], x[0, 2, 1, 1] = 0.5, -0.25
    x[0, 1, 3, 3] = 0.6
    assert monochrome_loss(x).item() == pytest.approx(0.75 / 2)


def test_blur_equals_scipy():
    x = image(7)[0, 0].numpy()
    ours = gaussian_blur(image(7), 1.5)[0, 0].numpy()
    # torch reflects without repeating the border pixel, which scipy calls mirror; the radius is 5.
    theirs = gaussian_filter(x, 1.5, mode='mirror', radius=5)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_aligned_forgives_a_small_shift():
    target = image(8, 48)
    shifted = torch.roll(target, 1, -1)
    assert aligned_loss(target, target).item() == pytest.approx(0, abs=1e-5)
    sharp, soft = (
        aligned_loss(shifted, target, sigma=sigma) - aligned_loss(shifted, target, ssim_weight=0)
        for sigma in (0, 2)
    )
    assert soft < 0.5 * sharp  # what is left is the structural part


def test_aligned_by_hand():
    a, b = torch.full((1, 3, 24, 24), 0.2), torch.full((1, 3, 24, 24), -0.1)
    assert aligned_loss(a, b, ssim_weight=0).item() == pytest.approx(0.3, rel=1e-4)


def test_aligned_colour_by_hand():
    """Grey against red of the same luminance: chroma is x − gray(x), averaged over channels."""
    red = torch.full((1, 3, 40, 40), -1.0)
    red[:, 0] = 1.0  # gray = 0.299 − 0.587 − 0.114 = −0.402
    grey = torch.full((1, 3, 40, 40), -0.402)
    expected = (1.402 + 0.598 + 0.598) / 3
    both = aligned_loss(red, grey, ssim_weight=0, chroma_weight=2)
    assert both.item() == pytest.approx(3 * expected, rel=1e-4)


def stripes(amplitude: float, size: int = 24) -> torch.Tensor:
    """One step of a height in u between columns 11 and 12; the gradient is that height on both."""
    x = torch.full((1, 3, size, size), -1.0)
    x[..., size // 2 :] += 2 * amplitude
    return x


def test_cgr_by_hand():
    """Only the two columns at the step stand out; half of their gradient is missing."""
    source, fake = stripes(0.8), stripes(0.4)
    assert cgr_loss(fake, source).item() == pytest.approx(0.5, rel=1e-3)
    assert cgr_loss(stripes(1.0), source).item() == 0  # stronger edges cost nothing
    assert cgr_loss(source, source).item() == 0


def test_cgr_looks_only_within_the_mask():
    """A second step, outside of the mask, is missing in the fake and costs nothing."""
    source, fake = stripes(0.8), stripes(0.4)
    source[..., 20:] -= 1.0
    mask = torch.ones(1, 1, 24, 24)
    mask[..., 18:] = 0
    assert cgr_loss(fake, source, mask).item() == pytest.approx(0.5, rel=1e-3)
    assert cgr_loss(fake, source).item() > 0.55


def test_cgr_without_anything_to_repair_is_a_connected_zero():
    fake = image(9).requires_grad_()
    flat_source, empty = torch.zeros(1, 3, 32, 32), torch.zeros(1, 1, 32, 32)
    for loss in (cgr_loss(fake, flat_source), cgr_loss(fake, image(10), empty)):
        assert loss.item() == 0
        loss.backward()
        assert torch.isfinite(fake.grad).all()


def test_cgr_teaches_the_translation_alone():
    fake, source = image(11).requires_grad_(), image(12).requires_grad_()
    cgr_loss(fake, source).backward()
    assert fake.grad.abs().sum() > 0
    assert source.grad is None


def test_aligned_colour_counts_more_where_the_target_is_colourful():
    """The same grey fake: errors on a red half weigh more than the red half's share of pixels."""
    target = torch.full((1, 3, 64, 64), -0.402)
    target[:, 0, :, 32:], target[:, 1:, :, 32:] = 1.0, -1.0
    grey = torch.full((1, 3, 64, 64), -0.402)

    def colour(fake):
        return aligned_loss(fake, target, ssim_weight=0, chroma_weight=1) - aligned_loss(
            fake, target, ssim_weight=0
        )

    wrong = 2.598 / 3  # mean of |c| over the channels of red
    plain = wrong / 2  # without weights: half of the pixels are wrong
    # ω on the red half: (0.866 + 0.02) / mean of (0.886, 0.02) = 1.956, less at the blurred border.
    assert colour(grey).item() == pytest.approx(1.956 * plain, rel=0.1)
    assert colour(target).item() == pytest.approx(0, abs=1e-5)
