"""The command `head`: detections are trained, the picture stays the same."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from morngan_train import checkpoint
from morngan_train.cli import main
from morngan_train.data.reading import DataError
from morngan_train.export.onnx_file import load_trained
from morngan_train.head.crops import ObjectCrops
from morngan_train.recipe.recipe import DataRecipe

SHIPPED = Path(__file__).parents[3] / 'models/morngan_context.pt'


@pytest.fixture
def folder(tmp_path):
    """Two frames with a bright person in each, one without labels."""
    root = tmp_path / 'data'
    for name in ('trainB', 'trainB_boxes', 'thermal'):
        (root / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for stem, x in (('a', 100), ('b', 220)):
        frame = rng.integers(60, 90, (360, 400), np.uint8)
        frame[120:240, x : x + 50] = 220
        cv2.imwrite(str(root / f'trainB/{stem}.png'), frame)
        text = f'0 {(x + 25) / 400} 0.5 0.125 {120 / 360}\n'
        (root / f'trainB_boxes/{stem}.txt').write_text(text)
    cv2.imwrite(str(root / 'trainB/c.png'), rng.integers(0, 255, (360, 400), np.uint8))
    cv2.imwrite(str(root / 'thermal/d.png'), rng.integers(0, 255, (360, 400), np.uint8))
    return root


def crops(*roots, draws=40):
    return ObjectCrops(roots, ['person', 'car'], DataRecipe(), seed=1, draws=draws)


def test_crops_come_from_folders_with_boxes_and_can_be_replayed(folder):
    data = crops(folder)
    assert {path.parent.name for path in data.frames} == {'trainB'}
    assert len(data) == 40
    boxed = [bool(data[i]['boxed']) for i in range(40)]
    assert 0.4 < np.mean(boxed) < 0.9
    for name in ('frame', 'objects'):
        assert torch.equal(data[7][name], data[7][name])
    assert data[7]['frame'].shape == (3, 320, 320)
    shown = [(data[i]['objects'][:, 0] == 0).any() for i in range(40) if boxed[i]]
    assert np.mean(shown) > 0.6


def test_boxes_lie_where_the_person_is(folder):
    data = crops(folder)
    seen = 0
    for i in range(40):
        sample = data[i]
        for kind, x1, y1, x2, y2 in sample['objects'].tolist():
            if kind == 0 and x2 - x1 > 12:
                inside = sample['frame'][0, int(y1) + 3 : int(y2) - 3, int(x1) + 3 : int(x2) - 3]
                assert inside.mean() > 0.5
                seen += 1
    assert seen > 5


def train(folder, out, *more):
    command = ['head', '--init', str(SHIPPED), '--data', str(folder), '--out', str(out)]
    return main([*command, '--batch', '2', '--accelerator', 'cpu', *more])


def test_the_picture_stays_and_the_head_learns(folder, tmp_path, capsys):
    out = tmp_path / 'runs/new.pt'
    assert train(folder, out, '--steps', '3', '--afresh') == 0
    before, after = load_trained(SHIPPED).colorizer, load_trained(out).colorizer
    frame = torch.randint(0, 256, (1, 1, 96, 128), dtype=torch.uint8)
    assert torch.equal(before(frame), after(frame))
    head = [checkpoint.load(out)['average'][f'decoder.head.{n}'] for n in ('mix.weight',)]
    again = tmp_path / 'again.pt'
    assert train(folder, again, '--steps', '3', '--afresh') == 0
    assert torch.equal(checkpoint.load(again)['average']['decoder.head.mix.weight'], head[0])
    assert train(folder, again, '--steps', '4', '--afresh') == 0
    assert not torch.equal(checkpoint.load(again)['average']['decoder.head.mix.weight'], head[0])


def test_colours_of_the_day_are_read_whatever_their_suffix(folder):
    for name in ('dayLow_thermal', 'dayLow_thermal_boxes', 'dayLow_color'):
        (folder / name).mkdir()
    for path in (folder / 'trainB').glob('[ab].png'):
        cv2.imwrite(str(folder / f'dayLow_thermal/{path.stem}.png'), cv2.imread(str(path)))
        cv2.imwrite(
            str(folder / f'dayLow_color/{path.stem}.jpg'), np.full((32, 32, 3), 90, np.uint8)
        )
    data = crops(folder)
    low = {path for path in data.frames if path.parent.name == 'dayLow_thermal'}
    samples = [data[i] for i in range(40)]
    share = np.mean([bool(sample['colored']) for sample in samples])
    assert 0.5 * len(low) / len(data.frames) < share < 1
    known = next(sample for sample in samples if sample['colored'])
    torch.testing.assert_close(
        known['color'], torch.full((3, 20, 20), 90 / 127.5 - 1), atol=0.02, rtol=0
    )
    (folder / 'dayLow_color/b.jpg').unlink()
    with pytest.raises(DataError, match='lacks the partners of 1 of the 2'):
        crops(folder)


def difference(one, other):
    frame = torch.randint(0, 256, (1, 1, 96, 128), dtype=torch.uint8)
    return (one(frame).float() - other(frame).float()).abs().mean().item()


def test_the_whole_generator_learns_and_its_picture_is_held(folder, tmp_path, monkeypatch):
    before = load_trained(SHIPPED).colorizer
    moved = []
    for weight in (0.0, 300.0):
        monkeypatch.setattr('morngan_train.head.training.KEEP_WEIGHT', weight)
        out = tmp_path / f'{weight}.pt'
        assert train(folder, out, '--steps', '40', '--whole', '--lr', '4e-3') == 0
        moved.append(difference(before, load_trained(out).colorizer))
    assert 0 < moved[1] < 0.7 * moved[0]
    names = checkpoint.load(out)['average']
    old = checkpoint.load(SHIPPED)['average']
    assert not torch.equal(names['encoder.fine.weight'], old['encoder.fine.weight'])


def test_a_folder_without_boxes_is_told(folder, tmp_path, capsys):
    (folder / 'trainB_boxes').rename(folder / 'elsewhere')
    assert train(folder, tmp_path / 'o.pt', '--steps', '1') != 0
    assert 'no labelled frames' in capsys.readouterr().err


def test_a_generator_of_the_paper_has_no_head(folder, tmp_path, capsys):
    state = checkpoint.load(SHIPPED)
    state['recipe']['generator'] = {'kind': 'paper'}
    state['recipe']['losses']['objects'] = 0.0
    checkpoint.save(tmp_path / 'paper.pt', {k: v for k, v in state.items() if k != 'format'})
    command = ['head', '--init', str(tmp_path / 'paper.pt'), '--data', str(folder)]
    assert main([*command, '--out', str(tmp_path / 'o.pt')]) != 0
    assert 'only kind context has a head' in capsys.readouterr().err
