"""The training of a scene parser: samples, the network, and a run from command to ONNX file."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from morngan_train import checkpoint
from morngan_train.classes import Label
from morngan_train.classes import UNLABELLED
from morngan_train.cli import main
from morngan_train.data.reading import DataError
from morngan_train.networks.scene_parser import SceneParserNetwork
from morngan_train.scene_parser import training
from morngan_train.scene_parser.onnx_parser import normalize
from morngan_train.scene_parser.onnx_parser import OnnxSceneParser
from morngan_train.scene_parser.samples import draw
from morngan_train.scene_parser.samples import list_pairs
from morngan_train.scene_parser.samples import Pair
from morngan_train.scene_parser.samples import shares
from morngan_train.scene_parser.training import pace
from morngan_train.scene_parser.training import Settings
from morngan_train.scene_parser.training import train


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Sky above, road below, a car between: by brightness alone, so that any colour will do."""
    rng = np.random.default_rng(0)
    for part, number in (('train', 4), ('val', 2)):
        for i in range(number):
            labels = np.full((64, 96), Label.SKY, np.uint8)
            horizon = 24 + 4 * i
            labels[horizon:] = Label.ROAD
            labels[horizon : horizon + 20, 20 + 10 * i : 52 + 10 * i] = Label.CAR
            labels[:2] = UNLABELLED
            levels = np.zeros(256)
            levels[[Label.SKY, Label.ROAD, Label.CAR]] = 230, 120, 20
            picture = levels[labels][..., None] + rng.normal(0, 4, (64, 96, 3))
            for folder, image in (('images', picture.clip(0, 255)), ('labels', labels)):
                path = tmp_path / 'data' / part / folder / f'{i}.png'
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), image.astype(np.uint8))
    return tmp_path / 'data'


def test_a_small_run_learns_what_there_is(data: Path, tmp_path: Path) -> None:
    out = tmp_path / 'parser.onnx'
    sizes = ['--size', '64', '96', '--batch', '2', '--rate', '0.01']
    arguments = ['parser', '--data', str(data), '--out', str(out), '--steps', '80', *sizes]
    assert main(arguments) == 0
    parser = OnnxSceneParser(out, 'cpu')
    picture = cv2.cvtColor(cv2.imread(str(data / 'val/images/0.png')), cv2.COLOR_BGR2RGB)
    truth = cv2.imread(str(data / 'val/labels/0.png'), cv2.IMREAD_GRAYSCALE)
    known = truth != UNLABELLED
    assert (parser(picture) == truth)[known].mean() > 0.85
    assert (parser(picture) == Label.CAR).any()
    network = SceneParserNetwork().eval()
    network.load_state_dict(checkpoint.load(out.with_suffix('.pt'))['mean'])
    for width, height in ((96, 64), (131, 77)):  # any size will do, odd ones too
        image = normalize(cv2.resize(picture, (width, height)))[None]
        with torch.inference_mode():
            expected = network(torch.from_numpy(image)).numpy()
        np.testing.assert_allclose(parser.engine(image)[0], expected, atol=1e-3)


def test_a_stopped_run_goes_on_as_if_it_had_not(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = list_pairs(data, 'train')
    settings = Settings(steps=6, batch=2, size=(64, 64))
    whole = train(pairs, settings, tmp_path / 'whole.pt')
    take_step = training._step

    def stop(*arguments: object) -> float:
        if arguments[-1] == 3:
            raise KeyboardInterrupt
        return take_step(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(training, '_step', stop)
        with pytest.raises(KeyboardInterrupt):
            train(pairs, settings, tmp_path / 'parts.pt')
    again = train(pairs, settings, tmp_path / 'parts.pt')
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, rtol=0, atol=0)


def test_other_settings_do_not_go_on(data: Path, tmp_path: Path) -> None:
    arguments = ['parser', '--data', str(data), '--out', str(tmp_path / 'a.onnx'), '--batch', '1']
    pairs = list_pairs(data, 'train')
    train(pairs, Settings(steps=1, batch=1, size=(64, 64)), tmp_path / 'a.pt')
    assert main([*arguments, '--steps', '2']) == 2


def test_other_pictures_do_not_go_on(data: Path, tmp_path: Path) -> None:
    """A network of other pictures must not be exported as if it were trained on these."""
    pairs, last = list_pairs(data, 'train'), tmp_path / 'a.pt'
    settings = Settings(steps=1, batch=1, size=(64, 64))
    train(pairs, settings, last)
    with pytest.raises(checkpoint.CheckpointError, match='was written with data'):
        train(pairs[:-1], settings, last)


def test_a_checkpoint_of_another_network_is_refused(data: Path, tmp_path: Path) -> None:
    """As one from before the head lost its dropout layer."""
    pairs, last = list_pairs(data, 'train'), tmp_path / 'a.pt'
    settings = Settings(steps=1, batch=1, size=(64, 64))
    train(pairs, settings, last)
    state = torch.load(last, weights_only=True)
    state['network']['head.1.weight'] = state['network'].pop('head.weight')
    torch.save(state, last)
    with pytest.raises(checkpoint.CheckpointError, match='holds another network'):
        train(pairs, settings, last)


def test_a_picture_without_labels_teaches_nothing(data: Path) -> None:
    pairs = list_pairs(data, 'train')[:1]
    cv2.imwrite(str(pairs[0][1]), np.full((64, 96), UNLABELLED, np.uint8))
    network = SceneParserNetwork()
    before = [value.detach().clone() for value in network.parameters()]
    optimizer = torch.optim.SGD(network.parameters(), 1.0)
    settings = Settings(steps=1, batch=1, size=(64, 64))
    assert training._step(network, optimizer, torch.ones(19), pairs, settings, 0) == 0.0
    for old, new in zip(before, network.parameters(), strict=True):
        torch.testing.assert_close(new, old, rtol=0, atol=0)


def test_draws_keep_picture_and_labels_together(data: Path) -> None:
    pair = list_pairs(data, 'train')[1]
    mirrored = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        rgb, labels = draw(pair, (64, 96), rng)
        assert (rgb.shape, labels.shape) == ((64, 96, 3), (64, 96))
        assert set(np.unique(labels)) <= {Label.SKY, Label.ROAD, Label.CAR, UNLABELLED}
        levels = rgb.mean(axis=2)
        if all((labels == label).sum() > 50 for label in (Label.SKY, Label.ROAD, Label.CAR)):
            sky, road, car = (np.median(levels[labels == label]) for label in (10, 0, 13))
            assert car < road < sky
        columns = np.flatnonzero((labels == Label.CAR).any(axis=0))
        mirrored += len(columns) > 0 and columns.mean() > 55
    assert 2 < mirrored < 18


def test_shares_and_strange_labels(data: Path, tmp_path: Path) -> None:
    pairs = list_pairs(data, 'train')
    each = shares(pairs)
    assert each.sum() == pytest.approx(1)
    assert set(np.flatnonzero(each)) == {Label.SKY, Label.ROAD, Label.CAR}
    labels = tmp_path / 'strange.png'
    cv2.imwrite(str(labels), np.full((64, 96), 33, np.uint8))
    strange: list[Pair] = [(pairs[0][0], labels)]
    with pytest.raises(DataError, match='33 is not a trainId'):
        shares(strange)
    cv2.imwrite(str(labels), np.full((64, 96), UNLABELLED, np.uint8))
    with pytest.raises(DataError, match='no pixel is labelled'):
        shares(strange)


def test_the_rate_rises_and_falls() -> None:
    rates = [pace(step, 1000) for step in range(1000)]
    assert rates[0] < 0.05
    assert max(rates) == 1.0 == rates[29]
    assert rates[500] == pytest.approx(0.52, abs=0.02)
    assert rates[-1] < 1e-4


def test_normalize_is_that_of_imagenet() -> None:
    picture = np.zeros((2, 2, 3), np.uint8)
    picture[..., 0] = 255
    planes = normalize(picture)
    np.testing.assert_allclose(planes[0], (1 - 0.485) / 0.229, rtol=1e-6)
    np.testing.assert_allclose(planes[1:, 0, 0], [-0.456 / 0.224, -0.406 / 0.225], rtol=1e-6)
