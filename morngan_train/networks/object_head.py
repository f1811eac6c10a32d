"""A small head that finds road users in the features that the colour is painted from.

It has no anchors: each cell of 4x4 pixels says for every class how surely an object has its centre
there, and how far the four sides of its box are (CenterNet, FCOS). It works at stride 8, for a few
per cent of the generator's pass; its last convolution gives four cells each.
"""

import torch
from torch import nn
from torch.nn import functional as F

STRIDE = 4
"""Pixels of a cell."""

WIDTH = 64

MOST_BOXES = 100
"""Of a frame: M of the exported file."""

RARE = -4.0
"""Logit that a fresh head gives every cell: hardly any is the centre of an object."""

USUAL = 2.0
"""Logarithm of the distances that a fresh head gives, in cells: boxes of 59 pixels."""

FARTHEST = 5.5
"""Largest logarithm of a distance in cells: 979 pixels."""


class ObjectHead(nn.Module):
    """Features at strides 8 and 4 -> centres and distances at stride 4.

    Args:
        at_8: Channels of the features at stride 8.
        at_4: Channels of the features at stride 4.
        classes: How many kinds of objects there are.
    """

    def __init__(self, at_8: int, at_4: int, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.shrink = nn.Conv2d(at_4, at_4, 3, 2, 1, groups=at_4)
        self.detail = nn.Conv2d(at_4, WIDTH, 1)
        self.lateral = nn.Conv2d(at_8, WIDTH, 1)
        self.around = nn.Conv2d(WIDTH, WIDTH, 5, 1, 2, groups=WIDTH)
        self.mix = nn.Conv2d(WIDTH, WIDTH, 1)
        self.tell = nn.Conv2d(WIDTH, 4 * (classes + 4), 1)
        nn.init.normal_(self.tell.weight, 0.0, 0.01)
        assert self.tell.bias is not None
        with torch.no_grad():
            # Channels before the shuffle are ordered by what they become, four cells of each.
            self.tell.bias[: 4 * classes] = RARE
            self.tell.bias[4 * classes :] = USUAL

    def forward(self, at_8: torch.Tensor, at_4: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Look at the features of a frame.

        Args:
            at_8: [N, at_8, H/8, W/8].
            at_4: [N, at_4, H/4, W/4].

        Returns:
            Logits of the centres, [N, classes, H/4, W/4], and distances from the middle of each
            cell to the left, upper, right and lower side of its box in pixels,
            [N, 4, H/4, W/4].
        """
        x = F.relu(self.detail(self.shrink(at_4)) + self.lateral(at_8))
        x = F.relu(self.mix(self.around(x)))
        told = F.pixel_shuffle(self.tell(x), 2)
        centres, sides = told.split([self.classes, 4], 1)
        return centres, STRIDE * sides.clamp(max=FARTHEST).exp()


def box_map(sides: torch.Tensor) -> torch.Tensor:
    """Turn distances into boxes: [N, 4, h, w] -> x1, y1, x2, y2 in pixels, same shape."""
    height, width = sides.shape[-2:]
    y = (torch.arange(height, device=sides.device) + 0.5) * STRIDE
    x = (torch.arange(width, device=sides.device) + 0.5) * STRIDE
    left, top, right, bottom = sides.unbind(1)
    x, y = x[None, None, :], y[None, :, None]
    return torch.stack([x - left, y - top, x + right, y + bottom], 1)


def decode(
    centres: torch.Tensor, sides: torch.Tensor, height: int, width: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Find the objects: cells that no neighbour surpasses, the best `MOST_BOXES` of them.

    Args:
        centres: Logits, [N, C, h, w]; cells beyond the frame are not looked at.
        sides: Distances in pixels, [N, 4, h, w].
        height: Of the frame, at most 4 h.
        width: Of the frame, at most 4 w.

    Returns:
        Boxes x1, y1, x2, y2 inside of the frame, float32 [N, M, 4], and scores, float32
        [N, M, C], best first; a cell that is no centre of a class has the score 0 for it.
    """
    # Not by a negative number: ONNX divides towards zero.
    rows, columns = (height + STRIDE - 1) // STRIDE, (width + STRIDE - 1) // STRIDE
    heat = centres[..., :rows, :columns].sigmoid()
    peaks = heat * (heat == F.max_pool2d(heat, 3, 1, 1))
    boxes = box_map(sides[..., :rows, :columns]).flatten(2)
    # A small frame has fewer cells than there are places.
    scores = F.pad(peaks.flatten(2), (0, MOST_BOXES))
    boxes = F.pad(boxes, (0, MOST_BOXES))
    best = scores.amax(1).topk(MOST_BOXES, 1).indices[:, None]
    scores = scores.gather(2, best.expand(-1, scores.shape[1], -1))
    boxes = boxes.gather(2, best.expand(-1, 4, -1))
    x1, y1, x2, y2 = boxes.unbind(1)
    inside = [x1.clamp(0, width), y1.clamp(0, height), x2.clamp(0, width), y2.clamp(0, height)]
    return torch.stack(inside, 2), scores.transpose(1, 2)
