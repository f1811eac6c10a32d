"""`prepare street`: simulated frames with boxes and colours, as a data folder."""

import cv2
import numpy as np
import pytest

from morngan_ros.simulation.canvas import PERSON
from morngan_ros.simulation.canvas import ROAD
from morngan_ros.simulation.canvas import SKY
from morngan_ros.simulation.canvas import VEGETATION
from morngan_ros.simulation.daylight import daylight
from morngan_ros.simulation.thermal_scene import ThermalScene
from morngan_train.cli import main
from morngan_train.data.boxes import read_boxes


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp('streets') / 'data'
    assert main(['prepare', 'street', '--out', str(out), '--seeds', '4', '5', '--frames', '2']) == 0
    return out


def test_every_frame_has_boxes_and_colours_of_its_name(folder):
    stems = {path.stem for path in (folder / 'trainB').iterdir()}
    assert len(stems) == 4
    for name in ('trainB_boxes', 'dayLow_thermal', 'dayLow_thermal_boxes', 'dayLow_color'):
        assert {path.stem for path in (folder / name).iterdir()} == stems
    stem = min(stems)
    color = cv2.imread(str(folder / 'dayLow_color' / f'{stem}.png'))
    assert color.shape == (128, 160, 3)
    boxes = read_boxes(folder / 'trainB_boxes' / f'{stem}.txt', 640, 512)
    assert len(boxes) > 3
    assert set(boxes[:, 0]) <= {0, 2}


def test_a_second_run_writes_the_same(folder, tmp_path):
    again = tmp_path / 'data'
    assert (
        main(['prepare', 'street', '--out', str(again), '--seeds', '5', '5', '--frames', '2']) == 0
    )
    for path in sorted((again / 'dayLow_color').iterdir()):
        assert path.read_bytes() == (folder / 'dayLow_color' / path.name).read_bytes()


@pytest.mark.parametrize(
    ('more', 'told'),
    [(['--seeds', '5', '4'], 'the last is before the first'), ([], 'holds other files')],
)
def test_what_cannot_be_written_is_told(tmp_path, capsys, more, told):
    (tmp_path / 'trainB').mkdir()
    (tmp_path / 'trainB/mine.png').write_bytes(b'')
    assert main(['prepare', 'street', '--out', str(tmp_path), *more]) != 0
    assert told in capsys.readouterr().err


def test_by_day_the_road_is_grey_the_sky_blue_and_trees_are_green():
    scene = ThermalScene(seed=4).render(2.0)
    color = daylight(scene, 4).astype(int)
    means = {label: color[scene.mask == label].mean(0) for label in (ROAD, SKY, VEGETATION, PERSON)}
    red, green, blue = means[ROAD]
    assert max(abs(red - green), abs(green - blue)) < 3
    assert 95 < green < 130
    assert means[SKY][2] > means[SKY][0] + 30
    assert means[VEGETATION][1] > means[VEGETATION][[0, 2]].max() + 10
    assert np.ptp(color[scene.mask == PERSON], axis=0).min() > 60  # skin, hair, clothes
