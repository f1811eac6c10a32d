"""Tables 3 and 4: from an archive like KAIST's to both tables, trained once."""

import json
from pathlib import Path

import cv2
import numpy as np
from preparing import draw
from preparing import prepare
from preparing import write_lists
import pytest
from tiny_parser import save_parser

from morngan_train.classes import Label
from morngan_train.cli import main
from morngan_train.prepare.kaist import KaistFrame
from morngan_train.published import published_table

SIZE = (360, 288)
"""Width and height of prepared frames."""
STEPS = 60
FRAMES = {
    'trainA': [KaistFrame(0, 0, 0), KaistFrame(0, 0, 20)],
    'trainB': [KaistFrame(3, 0, 0), KaistFrame(3, 0, 10)],
    'testB': [KaistFrame(9, 0, 0)],
}


@pytest.fixture(scope='module')
def kaist(tmp_path_factory) -> Path:
    """A data folder that `prepare kaist` made, with masks as networks and people make them."""
    root = tmp_path_factory.mktemp('kaist')
    for frames in FRAMES.values():
        for frame in frames:
            for channel in ('visible', 'lwir'):
                draw(frame.path(root / 'images', channel), 640, 512, seed=frame.frame)
    lists = {part: '\n'.join(frame.name for frame in frames) for part, frames in FRAMES.items()}
    lists_folder = write_lists(root / 'lists', **lists)
    data = root / 'data'
    prepare('kaist', root / 'images', '--lists', lists_folder, '--aligned', out=data)
    mask = np.full(SIZE[::-1], 255, np.uint8)
    mask[:100], mask[-100:] = Label.PERSON, Label.ROAD
    for folder in ('masks_cityscapes', 'masks_coco', 'testB_masks'):
        (data / folder).mkdir()
        part = 'testB' if folder.startswith('testB') else 'trainA'
        for frame in FRAMES[part]:
            cv2.imwrite(str(data / folder / f'{frame.name}.png'), mask)
    (data / 'testB_boxes').mkdir()
    box = '0 0.5 0.5 0.21875 0.5859375\n'  # 14x30 of 64x51.2, where the detector always sees it
    (data / 'testB_boxes' / f'{FRAMES["testB"][0].name}.txt').write_text(box)
    return data


def command(table: str, kaist: Path, base: Path, out: Path, *options: object) -> list[str]:
    given = ['experiments', table, '--scale', 'compact', '--data', kaist, '--base', base]
    given += ['--out', out, '--steps', STEPS, '--accelerator', 'cpu', '--workers', 0, '--jobs', 1]
    return [str(word) for word in (*given, *options)]


def test_both_tables_of_kaist(kaist, base, detector, tmp_path, capsys):
    parser = save_parser(tmp_path / 'parser.onnx')
    out = tmp_path / 'out'
    judges = ('--detector', detector, '--parser', parser)
    rows = ('--rows', 'morngan', '--foreign', 'UNIT=raw')
    assert main(command('table3', kaist, base, out, *judges, *rows)) == 0
    trained = (out / 'morngan/last.pt').stat().st_mtime_ns
    table = json.loads((out / 'table.json').read_text())
    for name in ('morngan', 'foreign_UNIT'):
        scores = table['rows'][name]['scores']
        # All is road to this parser: half of what is labelled is, and nothing else is found.
        assert scores['iou_road'] == pytest.approx(0.5)
        assert scores['miou_kaist'] == pytest.approx(0.25)
        assert scores['ap50_whole_person'] == 1.0
        assert (scores['precision50_whole_person'], scores['recall50_whole_person']) == (1, 1)
    assert table['rows']['morngan']['steps'] == STEPS
    text = (out / 'table.md').read_text()
    for number in (3, 4):
        sheet = text[text.index(f'## Table {number}') :]
        for title in published_table(number).rows:
            assert f'| {title} | ' in sheet
    assert '| UNIT | 100.0 (26.7) | 100.0 (14.5) | 100.0 (11.0) |' in text
    assert '| DRIT++ | - (7.9) | - (4.1) | - (1.2) |' in text
    assert 'to score third-party results: Reference NVC, DRIT++, ForkGAN' in text

    capsys.readouterr()
    assert main(command('table4', kaist, base, out, *judges, *rows)) == 0
    printed = capsys.readouterr().out
    assert printed.index('Table 4') < printed.index('Table 3')
    assert (out / 'morngan/last.pt').stat().st_mtime_ns == trained  # not again


def test_a_data_folder_that_is_not_prepared(base, tmp_path, capsys):
    assert main(command('table3', tmp_path / 'kaist', base, tmp_path / 'out')) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert 'kaist' in said[0]
    assert not (tmp_path / 'out').exists()
