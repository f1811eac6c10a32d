"""The head for road users: its loss by hand, its decoding, its labels in crops."""

import math

import numpy as np
import pytest
import torch

from morngan_train.data.crops import Crop
from morngan_train.data.crops import focus_on_boxes
from morngan_train.data.objects import in_crop
from morngan_train.data.objects import MOST
from morngan_train.data.objects import ObjectBoxes
from morngan_train.losses.objects import giou
from morngan_train.losses.objects import NONE
from morngan_train.losses.objects import objects_loss
from morngan_train.losses.objects import REGION
from morngan_train.networks.object_head import box_map
from morngan_train.networks.object_head import decode
from morngan_train.networks.object_head import MOST_BOXES
from morngan_train.networks.object_head import ObjectHead

LABELLED = torch.tensor([True])


def rows(*boxes):
    """One frame's boxes, float32 [1, K, 5]."""
    return torch.tensor([boxes], dtype=torch.float32)


def sides_of(boxes, height, width):
    """Distances from each cell to the box of the same place: [1, 4, h, w] from [4] by default."""
    at = box_map(torch.zeros(1, 4, height, width))
    x1, y1, x2, y2 = boxes
    return torch.stack([at[:, 0] - x1, at[:, 1] - y1, x2 - at[:, 0], y2 - at[:, 1]], 1)


def test_giou_by_hand():
    boxes = torch.tensor([[0.0, 0, 2, 2], [0, 0, 1, 1], [0, 0, 2, 2]])
    others = torch.tensor([[1.0, 1, 3, 3], [2, 0, 3, 1], [0, 0, 2, 2]])
    # Overlap 1, union 7, hull 9; apart with union 2 and hull 3; equal.
    assert giou(boxes, others) == pytest.approx([1 / 7 - 2 / 9, -1 / 3, 1.0])


def test_focal_part_by_hand():
    """One small car in the middle cell of 3x3; every cell is sure to a half of everything."""
    centres, sides = torch.zeros(1, 2, 3, 3), sides_of((4, 4, 8, 8), 3, 3)
    loss = objects_loss(centres, sides, rows([1, 4, 4, 8, 8]), LABELLED)
    near, corner = math.exp(-1 / 0.72), math.exp(-2 / 0.72)
    half = 0.25 * math.log(2)
    expected = half * (1 + 4 * (1 - near) ** 4 + 4 * (1 - corner) ** 4)  # its class
    expected += 9 * half  # the other class
    assert loss == pytest.approx(expected, rel=1e-5)


def test_right_answers_cost_nothing_and_each_kind_of_mistake_something():
    objects = rows([0, 8, 8, 24, 40])
    centres = torch.full((1, 1, 12, 12), -20.0)
    centres[0, 0, 6, 4] = 20.0
    sides = sides_of((8, 8, 24, 40), 12, 12)
    assert objects_loss(centres, sides, objects, LABELLED) < 1e-4
    missed = torch.full_like(centres, -20.0)
    assert objects_loss(missed, sides, objects, LABELLED) > 10
    invented = centres.clone()
    invented[0, 0, 0, 11] = 20.0
    assert objects_loss(invented, sides, objects, LABELLED) > 10
    assert objects_loss(centres, 2 * sides, objects, LABELLED) > 1


@pytest.mark.parametrize('kind', [NONE, REGION])
def test_rows_without_a_class_are_no_objects(kind):
    centres, sides = torch.randn(1, 3, 8, 8), torch.ones(1, 4, 8, 8)
    loss = objects_loss(centres, sides, rows([kind, 4, 4, 12, 12]), LABELLED)
    nothing = objects_loss(centres, sides, rows([NONE, 0, 0, 0, 0]), LABELLED)
    assert (loss < nothing) == (kind == REGION)


def test_nobody_judges_regions_but_objects_in_them():
    centres, sides = torch.full((1, 1, 8, 8), -20.0), torch.ones(1, 4, 8, 8)
    region = [REGION, 0, 0, 16, 32]
    centres[0, 0, 3, 2] = 20.0
    assert objects_loss(centres, sides, rows(region), LABELLED) < 1e-4
    centres[0, 0, 3, 6] = 20.0  # outside of it
    assert objects_loss(centres, sides, rows(region), LABELLED) > 10
    centres[0, 0] = -20.0
    assert objects_loss(centres, sides, rows(region, [0, 6, 10, 14, 18]), LABELLED) > 10


def test_frames_without_labels_cost_nothing():
    centres, sides = torch.randn(2, 1, 8, 8, requires_grad=True), torch.ones(2, 4, 8, 8)
    objects = rows([0, 4, 4, 20, 20]).expand(2, -1, -1)
    loss = objects_loss(centres, sides, objects, torch.tensor([True, False]))
    loss.backward()
    assert centres.grad is not None
    assert centres.grad[0].abs().sum() > 0
    assert centres.grad[1].abs().sum() == 0
    assert objects_loss(centres, sides, objects, torch.tensor([False, False])) == 0


def test_objects_count_alike_whatever_their_size():
    """A box that is wrong costs as much for a large object as for a small one."""
    centres, height, width = torch.zeros(1, 1, 32, 32), 32, 32
    wrong = torch.full((1, 4, height, width), 1e-3)
    costs = []
    for box in ([0, 40, 40, 50, 50], [0, 10, 10, 120, 120]):
        right = sides_of(box[1:], height, width)
        gap = [objects_loss(centres, s, rows(box), LABELLED) for s in (wrong, right)]
        costs.append(float(gap[0] - gap[1]))
    assert costs[0] == pytest.approx(costs[1], rel=0.35)


def test_decoding_finds_what_was_put_in():
    centres = torch.full((1, 2, 16, 20), -9.0)
    centres[0, 0, 5, 6] = 2.0
    centres[0, 0, 5, 7] = 1.0  # no peak beside a higher one
    centres[0, 1, 12, 15] = 0.0
    sides = torch.full((1, 4, 16, 20), 10.0)
    boxes, scores = decode(centres, sides, 64, 80)
    assert boxes.shape == (1, MOST_BOXES, 4)
    assert scores.shape == (1, MOST_BOXES, 2)
    assert scores[0, 0].tolist() == pytest.approx([1 / (1 + math.exp(-2)), 0.0], abs=1e-3)
    assert scores[0, 1].tolist() == pytest.approx([0.0, 0.5], abs=1e-3)
    assert (scores[0, 2:] < 0.01).all()
    assert boxes[0, 0].tolist() == [16, 12, 36, 32]
    assert boxes[0, 1].tolist() == [52, 40, 72, 60]


def test_boxes_stay_in_the_frame_and_padding_holds_none():
    centres, sides = torch.full((1, 1, 16, 16), 1.0), torch.full((1, 4, 16, 16), 999.0)
    centres[0, 0, 10, 10] = 9.0  # beyond the frame
    boxes, scores = decode(centres, sides, 33, 37)
    assert boxes.amin() == 0
    assert boxes[..., 2].amax() == 37
    assert boxes[..., 3].amax() == 33
    assert scores.amax() < 0.8


def test_a_small_frame_fills_its_places_with_nothing():
    head = ObjectHead(6, 5, 3)
    told = head(torch.randn(1, 6, 4, 4), torch.randn(1, 5, 8, 8))
    boxes, scores = decode(*told, 32, 32)
    assert (scores[0].amax(1) > 0).sum() <= 64
    assert torch.isfinite(boxes).all()


def test_a_fresh_head_says_nothing_of_middle_size():
    head = ObjectHead(6, 5, 3)
    centres, sides = head(torch.randn(2, 6, 8, 12), torch.randn(2, 5, 16, 24))
    assert centres.shape == (2, 3, 16, 24)
    assert sides.shape == (2, 4, 16, 24)
    assert centres.sigmoid().mean() < 0.05
    assert sides.mean().item() == pytest.approx(4 * math.exp(2), rel=0.2)


def test_the_head_learns_one_picture():
    torch.manual_seed(0)
    head = ObjectHead(6, 5, 2)
    at_8, at_4 = torch.randn(1, 6, 8, 8), torch.randn(1, 5, 16, 16)
    objects = rows([0, 10, 6, 22, 40], [1, 30, 30, 62, 50])
    optimizer = torch.optim.Adam(head.parameters(), 1e-2)
    for _ in range(150):
        optimizer.zero_grad()
        objects_loss(*head(at_8, at_4), objects, LABELLED).backward()
        optimizer.step()
    boxes, scores = decode(*head(at_8, at_4), 64, 64)
    for number, *box in objects[0].tolist():
        best = int(scores[0, :, int(number)].argmax())
        assert scores[0, best, int(number)] > 0.7
        assert giou(boxes[0, best], torch.tensor(box)) > 0.7


def test_boxes_follow_their_crop():
    crop = Crop(top=10, left=20, side=100, size=50, flip=False)
    boxes = np.array([[0, 30, 20, 50, 60], [2, 100, 100, 160, 160], [1, 0, 0, 15, 9]], float)
    inside, kept = crop.boxes(boxes)
    np.testing.assert_allclose(inside, [[0, 5, 5, 15, 25], [2, 40, 45, 50, 50]])
    assert kept.tolist() == [True, True, False]
    mirrored, _ = Crop(top=10, left=20, side=100, size=50, flip=True).boxes(boxes)
    np.testing.assert_allclose(mirrored, [[0, 35, 5, 45, 25], [2, 0, 45, 10, 50]])


def test_boxes_show_the_same_as_the_pixels():
    picture = np.zeros((80, 120), np.uint8)
    picture[20:50, 30:60] = 255
    crop = Crop(top=8, left=10, side=64, size=32, flip=True)
    (box,), _ = crop.boxes(np.array([[0, 30, 20, 60, 50]], float))
    ys, xs = np.nonzero(crop(picture) > 127)
    assert [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1] == pytest.approx(box[1:], abs=0.51)


def test_what_is_cut_or_tiny_is_a_region():
    crop = Crop(top=0, left=0, side=128, size=64, flip=False)
    boxes = np.array([[0, 10, 10, 40, 60], [2, 120, 10, 180, 60], [1, 60, 60, 68, 90]], float)
    rows = in_crop(boxes, crop)
    assert rows.shape == (MOST, 5)
    assert rows[:3, 0].tolist() == [0, REGION, REGION]
    assert (rows[3:, 0] == NONE).all()
    assert (in_crop(None, crop)[:, 0] == NONE).all()


def test_of_too_many_the_largest_are_kept():
    crop = Crop(top=0, left=0, side=512, size=512, flip=False)
    boxes = np.array([[0, 0, 0, 10 + k, 10] for k in range(MOST + 20)], float)
    assert in_crop(boxes, crop)[:, 3].min() == 30


def test_crops_go_where_objects_are():
    rng = np.random.default_rng(0)
    crop = Crop(top=0, left=0, side=64, size=64, flip=False)
    boxes = np.array([[0, 300, 200, 320, 240]], float)
    for _ in range(50):
        moved = focus_on_boxes(crop, boxes, (400, 500), 1.0, rng)
        assert moved.left <= 310 < moved.left + 64
        assert moved.top <= 220 < moved.top + 64
    assert focus_on_boxes(crop, boxes, (400, 500), 0.0, rng) == crop
    assert focus_on_boxes(crop, boxes[:0], (400, 500), 1.0, rng) == crop


def frame_with(tmp_path, name, text=None, regions=None):
    frame = tmp_path / 'trainB' / f'{name}.png'
    for kind, content in (('boxes', text), ('ignore', regions)):
        if content is not None:
            folder = tmp_path / f'trainB_{kind}'
            folder.mkdir(exist_ok=True)
            (folder / f'{name}.txt').write_text(content)
    return frame


def test_files_of_boxes(tmp_path):
    frames = [
        frame_with(tmp_path, 'a', '2 0.5 0.5 0.2 0.4\n1 0.1 0.1 0.1 0.1\n', '0 0.5 0.5 1 1\n'),
        frame_with(tmp_path, 'b', ''),
        frame_with(tmp_path, 'c'),
    ]
    boxes = ObjectBoxes(frames, ['car', 'person'])
    np.testing.assert_allclose(
        boxes(0, (100, 200)), [[0, 80, 30, 120, 70], [REGION, 0, 0, 200, 100]]
    )
    empty = boxes(1, (100, 200))
    assert empty is not None
    assert len(empty) == 0
    assert boxes(2, (100, 200)) is None


def test_no_boxes_at_all(tmp_path):
    assert not ObjectBoxes([frame_with(tmp_path, 'a')], ['person']).any
    assert ObjectBoxes([frame_with(tmp_path, 'b', '')], ['person']).any
