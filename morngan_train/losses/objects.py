"""Objects by their centres and boxes: Gaussian focal loss and GIoU (CenterNet, TTFNet)."""

import torch
from torch.nn import functional as F

from morngan_train.networks.object_head import box_map
from morngan_train.networks.object_head import STRIDE

NONE, REGION = -1, -2
"""Class numbers of rows of boxes that mean nothing, and of regions that nobody judges."""

SPREAD = 0.54 / 6
"""Standard deviation of the Gaussian around a centre, of the sides of its box."""

LEAST_SPREAD = 0.6
"""Cells; the neighbours of a small object's centre are no clear background either."""

NEAR = 0.3
"""Cells where the Gaussian is above this learn the box."""

BOX_WEIGHT = 5.0


def objects_loss(
    centres: torch.Tensor, sides: torch.Tensor, objects: torch.Tensor, boxed: torch.Tensor
) -> torch.Tensor:
    """Return the loss of the head on some frames.

    With p the score of a cell and g the Gaussian of its nearest object, each cell costs
    −(1−p)² log p where g = 1 and −(1−g)⁴ p² log(1−p) elsewhere; the sum is divided by the number
    of objects. Boxes cost 1 − GIoU, weighted by g around each centre, each object alike.

    Args:
        centres: Logits, [N, C, h, w].
        sides: Distances from the middle of each cell in pixels, [N, 4, h, w].
        objects: Rows of class, x1, y1, x2, y2 in pixels of the frame, [N, K, 5]; the class is
            `NONE` for rows that mean nothing, `REGION` for regions to leave out.
        boxed: Which frames have labels, bool [N]; the others cost nothing.

    Returns:
        Scalar, 0 if no frame has labels.
    """
    classes, height, width = centres.shape[1:]
    kind, corners = objects[..., 0], objects[..., 1:]
    there = (kind >= 0) & boxed[:, None]
    gaussians = _gaussians(corners, height, width) * there[..., None, None]
    one_hot = F.one_hot(kind.clamp(min=0).long(), classes).to(centres.dtype)
    target = (gaussians[:, :, None] * one_hot[..., None, None]).amax(1)
    judged = boxed[:, None, None] & ~_covered(corners, kind == REGION, height, width)
    judged = judged[:, None] | (target == 1)
    count = there.sum().clamp(min=1)
    focal = (_focal(centres, target) * judged).sum() / count
    return focal + BOX_WEIGHT * _box_loss(sides, corners, gaussians) / count


def _gaussians(corners: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Return exp(−d²/2σ²) around the cell of each centre, 1 there: [N, K, h, w]."""
    middle = (corners[..., :2] + corners[..., 2:]) / 2
    extent = (corners[..., 2:] - corners[..., :2]) / STRIDE
    spread = (SPREAD * extent).clamp(min=LEAST_SPREAD)
    limit = torch.tensor([width - 1, height - 1], device=corners.device)
    cell = (middle / STRIDE).floor().clamp(min=0).minimum(limit)
    x = torch.arange(width, device=corners.device) - cell[..., :1]
    y = torch.arange(height, device=corners.device) - cell[..., 1:]
    along_x = torch.exp(-(x / spread[..., :1]).square() / 2)
    along_y = torch.exp(-(y / spread[..., 1:]).square() / 2)
    return along_y[..., :, None] * along_x[..., None, :]


def _covered(corners: torch.Tensor, which: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Tell which cells have their middle in one of some boxes: bool [N, h, w]."""
    x = (torch.arange(width, device=corners.device) + 0.5) * STRIDE
    y = (torch.arange(height, device=corners.device) + 0.5) * STRIDE
    x1, y1, x2, y2 = (side[..., None] for side in corners.unbind(-1))
    columns = (x >= x1) & (x <= x2) & which[..., None]
    rows = (y >= y1) & (y <= y2)
    return (rows[..., :, None] & columns[..., None, :]).any(1)


def _focal(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    p = logits.sigmoid()
    centre = (1 - p).square() * F.softplus(-logits)
    other = (1 - target).pow(4) * p.square() * F.softplus(logits)
    return torch.where(target == 1, centre, other)


def _box_loss(sides: torch.Tensor, corners: torch.Tensor, gaussians: torch.Tensor) -> torch.Tensor:
    """Sum 1 − GIoU over the objects; a cell near several centres learns the nearest one's box."""
    nearest, owner = gaussians.max(1)  # [N, h, w]
    weight = nearest * (nearest > NEAR)
    truth = corners.gather(1, owner.flatten(1)[..., None].expand(-1, -1, 4))
    told = box_map(sides).flatten(2).transpose(1, 2)
    mine = F.one_hot(owner, gaussians.shape[1]).permute(0, 3, 1, 2) * weight[:, None]
    total = mine.sum((2, 3)).clamp(min=1e-6)  # of each object, [N, K]
    share = weight.flatten(1) / total.gather(1, owner.flatten(1))
    return (share * (1 - giou(told, truth))).sum()


def giou(boxes: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Return the generalised intersection over union of boxes in pairs (Rezatofighi et al., 2019).

    Args:
        boxes: x1, y1, x2, y2, [..., 4].
        others: Same shape.

    Returns:
        In [-1, 1], [...]: IoU − |hull − union| / |hull|.
    """
    overlap = _area(
        torch.maximum(boxes[..., :2], others[..., :2]),
        torch.minimum(boxes[..., 2:], others[..., 2:]),
    )
    hull = _area(
        torch.minimum(boxes[..., :2], others[..., :2]),
        torch.maximum(boxes[..., 2:], others[..., 2:]),
    ).clamp(min=1e-6)
    areas = (_area(b[..., :2], b[..., 2:]) for b in (boxes, others))
    union = (sum(areas) - overlap).clamp(min=1e-6)
    return overlap / union - (hull - union) / hull


def _area(low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
    return (high - low).clamp(min=0).prod(-1)
