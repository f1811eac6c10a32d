"""What goes through cv_bridge, and what becomes of it.

The real cv_bridge cannot be had everywhere: builds for numpy 1 fail beside numpy 2. One of the same
interface stands in, which reads messages as the real one does.
"""

from collections.abc import Iterator
import sys
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest

from morngan_ros.errors import FrameError
from morngan_ros.images import via_cv_bridge
from morngan_ros.images.codec import decode_image

TYPES = {'8U': 'u1', '16U': 'u2', '16S': 'i2', '32S': 'i4', '32F': 'f4', '64F': 'f8'}
CONVERSIONS = {
    ('bayer_rggb8', 'mono8'): cv2.COLOR_BayerBG2GRAY,
    ('bayer_rggb16', 'mono16'): cv2.COLOR_BayerBG2GRAY,
}


class CvBridgeError(TypeError):
    pass


class CvBridge:
    calls = 0
    made = 0

    def __init__(self) -> None:
        CvBridge.made += 1

    def imgmsg_to_cv2(self, img_msg: Any, desired_encoding: str = 'passthrough') -> np.ndarray:
        CvBridge.calls += 1
        kind, channels = self._type(img_msg.encoding)
        dtype = np.dtype(kind).newbyteorder('>' if img_msg.is_bigendian else '<')
        shape = (img_msg.height, img_msg.width, channels)
        strides = (img_msg.step, channels * dtype.itemsize, dtype.itemsize)
        image: np.ndarray = np.ndarray(shape, dtype, img_msg.data, strides=strides)
        image = image[..., 0] if channels == 1 else image
        if desired_encoding == 'passthrough':
            return image
        try:
            conversion = CONVERSIONS[img_msg.encoding, desired_encoding]
        except KeyError as error:
            raise CvBridgeError(f'no conversion {error}') from error
        return cv2.cvtColor(image, conversion)

    @staticmethod
    def _type(encoding: str) -> tuple[str, int]:
        if encoding.startswith('bayer'):
            return ('u2' if encoding.endswith('16') else 'u1'), 1
        depth, channels = encoding.split('C')
        return TYPES[depth], int(channels)


def use(monkeypatch: pytest.MonkeyPatch, module: ModuleType | None) -> None:
    monkeypatch.setitem(sys.modules, 'cv_bridge', module)
    via_cv_bridge._load.cache_clear()


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    yield
    via_cv_bridge._load.cache_clear()


@pytest.fixture
def bridge(monkeypatch: pytest.MonkeyPatch) -> type[CvBridge]:
    module = ModuleType('cv_bridge')
    module.CvBridge, module.CvBridgeError = CvBridge, CvBridgeError
    use(monkeypatch, module)
    CvBridge.calls = CvBridge.made = 0
    return CvBridge


def decode(encoding: str, pixels: np.ndarray, is_bigendian: int = 0) -> np.ndarray:
    height, width = pixels.shape[:2]
    return decode_image(encoding, height, width, pixels.strides[0], is_bigendian, pixels.tobytes())


@pytest.mark.parametrize(('encoding', 'dtype'), [('bayer_rggb8', 'u1'), ('bayer_rggb16', 'u2')])
def test_a_mosaic_becomes_grey_of_the_same_depth(bridge, encoding, dtype):
    decoded = decode(encoding, np.full((8, 10), 200, dtype))
    assert decoded.dtype == dtype
    np.testing.assert_array_equal(decoded, np.full((8, 10), 200))


def test_luma_and_chroma_need_no_bridge(monkeypatch):
    use(monkeypatch, None)
    pixels = np.zeros((4, 6, 2), np.uint8)
    pixels[..., 1] = np.arange(24).reshape(4, 6)
    np.testing.assert_array_equal(decode('yuv422', pixels), pixels[..., 1])


@pytest.mark.parametrize('encoding', ['64FC1', '16SC1', '32SC1'])
@pytest.mark.parametrize('is_bigendian', [0, 1])
def test_other_numbers_become_floats(bridge, encoding, is_bigendian):
    counts = np.arange(-12, 12).reshape(4, 6)
    dtype = ('>' if is_bigendian else '<') + TYPES[encoding.split('C')[0]]
    decoded = decode(encoding, counts.astype(dtype), is_bigendian)
    assert decoded.dtype == np.float32
    assert decoded.dtype.isnative
    np.testing.assert_array_equal(decoded, counts)


def test_doubles_beyond_floats_become_infinite(bridge):
    decoded = decode('64FC1', np.full((4, 6), 1e300))
    np.testing.assert_array_equal(decoded, np.full((4, 6), np.inf, np.float32))


def test_colour_of_16_bits_becomes_grey(bridge):
    decoded = decode('16UC3', np.full((4, 6, 3), 7000, np.uint16))
    assert decoded.dtype == np.uint16
    np.testing.assert_array_equal(decoded, np.full((4, 6), 7000))


@pytest.mark.parametrize(
    ('encoding', 'pixels', 'cause', 'words'),
    [
        ('32FC2', np.zeros((4, 6, 2), np.float32), 'depth', '2 channels'),
        ('bayer_gbrg8', np.zeros((4, 6), np.uint8), 'encoding', 'no conversion'),
        ('64FC1', np.zeros((4, 6), np.uint8), 'encoding', 'cv_bridge cannot read 6x4 64FC1'),
    ],
)
def test_what_is_no_picture_is_refused(bridge, encoding, pixels, cause, words):
    with pytest.raises(FrameError, match=words) as caught:
        decode(encoding, pixels)
    assert caught.value.cause == cause


@pytest.mark.parametrize('size', [(0, 4), (2**31, 2**31), (16000, 16000)])
def test_sizes_are_checked_before(bridge, size):
    with pytest.raises(FrameError, match='frame'):
        decode_image('64FC1', *size, 8, 0, bytes(64))
    assert bridge.calls == 0


@pytest.mark.parametrize('encoding', ['', 'MONO8', 'mono8\n', '24UC1', '8UC1;', 'bayer_rgbg8'])
def test_names_that_nobody_knows_do_not_reach_it(bridge, encoding):
    with pytest.raises(FrameError, match='is not a thermal picture') as caught:
        decode(encoding, np.zeros((4, 6), np.uint8))
    assert caught.value.cause == 'encoding'
    assert bridge.made == bridge.calls == 0


def test_it_is_loaded_once_and_only_when_needed(bridge):
    decode('mono8', np.zeros((4, 6), np.uint8))
    assert bridge.made == 0
    for _ in range(3):
        decode('64FC1', np.zeros((4, 6)))
    assert (bridge.made, bridge.calls) == (1, 3)


def test_where_it_is_missing_the_message_says_so(monkeypatch):
    use(monkeypatch, None)
    with pytest.raises(FrameError, match=r'needs cv_bridge, which is not installed.*mono16'):
        decode('bayer_rggb8', np.zeros((4, 6), np.uint8))


def test_where_it_is_broken_the_message_says_so(monkeypatch):
    class Broken:
        def __init__(self) -> None:
            raise AttributeError('_ARRAY_API not found')

    module = ModuleType('cv_bridge')
    module.CvBridge = Broken
    use(monkeypatch, module)
    with pytest.raises(FrameError, match=r'does not work here.*_ARRAY_API') as caught:
        decode('bayer_rggb8', np.zeros((4, 6), np.uint8))
    assert caught.value.cause == 'encoding'
