"""Write frames of a simulated thermal night street, with masks and boxes.

python -m morngan_ros.simulation --out out/street --frames 100
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from morngan_ros.adapters.detector_head import COCO_NAMES
from morngan_ros.exposure import Exposure
from morngan_ros.simulation.thermal_scene import Scene
from morngan_ros.simulation.thermal_scene import ThermalScene


def _write_frame(folder: Path, name: str, picture: np.ndarray, scene: Scene) -> None:
    """Write the picture, its mask, and its boxes in YOLO's format with COCO's classes."""
    height, width = picture.shape
    cv2.imwrite(str(folder / f'{name}.png'), picture)
    cv2.imwrite(str(folder / 'masks' / f'{name}.png'), scene.mask)
    lines = [
        f'{COCO_NAMES.index(label)} {(x1 + x2) / 2 / width:.6f} {(y1 + y2) / 2 / height:.6f} '
        f'{(x2 - x1) / width:.6f} {(y2 - y1) / height:.6f}\n'
        for label, x1, y1, x2, y2 in scene.boxes
    ]
    (folder / 'boxes' / f'{name}.txt').write_text(''.join(lines))


def main(arguments: Sequence[str] | None = None) -> None:
    """Write frames as PNG, with masks and boxes in folders beside them."""
    parser = argparse.ArgumentParser(
        prog='python -m morngan_ros.simulation',
        description='Write frames of a simulated thermal night street.',
    )
    parser.add_argument('--out', type=Path, required=True, help='folder to write to')
    parser.add_argument('--frames', type=int, default=100, help='number of frames (default: 100)')
    parser.add_argument('--fps', type=float, default=10.0, help='frames per second (default: 10)')
    parser.add_argument('--seed', type=int, default=0, help='seed of the simulated street')
    parser.add_argument('--width', type=int, default=640, help='width in pixels')
    parser.add_argument('--height', type=int, default=512, help='height in pixels')
    parser.add_argument(
        '--bits', type=int, choices=(8, 16), default=16, help='16: raw counts; 8: after exposure'
    )
    options = parser.parse_args(arguments)
    for folder in ('masks', 'boxes'):
        (options.out / folder).mkdir(parents=True, exist_ok=True)
    scene = ThermalScene(options.width, options.height, options.seed)
    exposure = Exposure()
    for index in range(options.frames):
        stamp = index / options.fps
        frame = scene.render(stamp)
        picture = frame.counts if options.bits == 16 else exposure(frame.counts, stamp)
        _write_frame(options.out, f'{index:06d}', picture, frame)
    print(f'{options.frames} frames of {options.width}x{options.height} in {options.out}')


if __name__ == '__main__':
    main()
