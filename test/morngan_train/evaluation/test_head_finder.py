"""Evaluation of the head of a model: what it finds is scored like what a detector finds."""

import json

import cv2
import numpy as np
from tiny_models import save_generator

from morngan_train.cli import main

BOXES = np.array([[[8, 8, 24, 40], [40, 10, 60, 30]]], np.float32)
SCORES = np.array([[[0.9, 0.0], [0.0, 0.8]]], np.float32)


def test_the_head_is_scored(tmp_path, capsys):
    for name in ('testB', 'testB_boxes'):
        (tmp_path / name).mkdir()
    for i in range(2):
        frame = np.random.default_rng(i).integers(0, 255, (64, 80), np.uint8)
        cv2.imwrite(str(tmp_path / f'testB/{i}.png'), frame)
        # The person where the head finds it; the car elsewhere in the second frame.
        x = 0.625 if i == 0 else 0.2
        text = f'0 0.2 0.375 0.2 0.5\n2 {x} 0.3125 0.25 0.3125\n'
        (tmp_path / f'testB_boxes/{i}.txt').write_text(text)
    model = save_generator(
        tmp_path / 'm.onnx', info={'objects': ['person', 'car']}, found=(BOXES, SCORES)
    )
    out = tmp_path / 'scores.json'
    command = ['evaluate', str(model), '--data', str(tmp_path), '--detector', 'head']
    assert main([*command, '--metrics', 'ap', '--provider', 'cpu', '--json', str(out)]) == 0
    scores = json.loads(out.read_text())['scores']
    assert scores['ap50_whole_person'] == 1
    assert 0.2 < scores['ap50_whole_car'] < 0.8
    assert scores['ap50_whole_person_small'] == 1
    assert scores['recall_at_0.1_whole_person'] == 1
    assert 'ap50_tiled_person' not in scores


def test_a_model_without_a_head_is_told(tmp_path, capsys):
    (tmp_path / 'testB').mkdir()
    (tmp_path / 'testB_boxes').mkdir()
    cv2.imwrite(str(tmp_path / 'testB/a.png'), np.zeros((64, 80), np.uint8))
    (tmp_path / 'testB_boxes/a.txt').write_text('')
    model = save_generator(tmp_path / 'm.onnx')
    command = ['evaluate', str(model), '--data', str(tmp_path), '--detector', 'head']
    assert main([*command, '--metrics', 'ap', '--provider', 'cpu']) != 0
    assert 'has no head for objects' in capsys.readouterr().err
