"""Running `prepare` on small trees, and looking at what it wrote."""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np

from morngan_train.prepare.command import add_parser

SIZE = (64, 48)
"""Width and height of the pairs."""


def run(*arguments: str | Path) -> int:
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers(required=True))
    args = parser.parse_args(['prepare', *map(str, arguments)])
    return args.run(args)


def draw(path: Path, width: int, height: int, *, color: bool = True, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 10, 3), np.uint8)
    picture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST)
    assert cv2.imwrite(str(path), picture if color else picture[..., 0])


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def shape(file: Path) -> tuple[int, ...]:
    return cv2.imread(str(file), cv2.IMREAD_UNCHANGED).shape


def record(data: Path) -> dict:
    return json.loads((data / 'prepared.json').read_text())


def write_lists(folder: Path, **lists: str) -> Path:
    folder.mkdir()
    for name, text in lists.items():
        (folder / f'{name}.txt').write_text(text)
    return folder


def voc(path: Path, *objects: tuple[str, object, object, object, object], size: str = '') -> Path:
    """Write XML as LabelImg does; `size` is the element of that name."""
    lines = [
        f'<object><name>{name}</name><pose>Unspecified</pose><bndbox><xmin>{x1}</xmin>'
        f'<ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>'
        for name, x1, y1, x2, y2 in objects
    ]
    path.write_text(f'<annotation>{size}{"".join(lines)}</annotation>')
    return path


def sized(width: int, height: int) -> str:
    return f'<size><width>{width}</width><height>{height}</height><depth>3</depth></size>'


def pair(color: Path, thermal: Path, seed: int) -> None:
    """Draw a colour picture, and a thermal frame as a colour file of equal channels."""
    draw(color, *SIZE, seed=seed)
    gray = cv2.cvtColor(cv2.imread(str(color)), cv2.COLOR_BGR2GRAY)
    thermal.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(thermal), cv2.merge([255 - gray] * 3))


def read(path: Path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def notes(data: Path) -> str:
    return '\n'.join(record(data)['notes'])


def prepare(*arguments: str | Path, out: Path) -> Path:
    assert run(*arguments, '--out', out, '--jobs', 1) == 0
    return out
