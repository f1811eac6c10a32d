"""Pictures in false colour are told from grey ones and from those of daylight cameras."""

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from tiny_models import FALSE_COLOR

from morngan_ros.exposure import Exposure
from morngan_ros.images import codec
from morngan_ros.images.codec import decode_compressed
from morngan_ros.images.codec import decode_image
from morngan_ros.images.palette import looks_like_palette
from morngan_ros.simulation import ThermalScene

# What thermal cameras call iron or ironbow, in steps: black, violet, red, orange, yellow, white.
IRONBOW = [
    (0, 0, 20),
    (90, 0, 150),
    (200, 30, 110),
    (240, 110, 10),
    (255, 210, 40),
    (255, 255, 230),
]


@pytest.fixture(scope='module')
def grey() -> np.ndarray:
    return Exposure()(ThermalScene(160, 128, 0).render(0.0).counts, 0.0)


@pytest.fixture(autouse=True)
def unwarned() -> Iterator[None]:
    codec._watch_palette.warned = False
    yield
    codec._watch_palette.warned = False


def ironbow(grey: np.ndarray) -> np.ndarray:
    knots = np.linspace(0, 255, len(IRONBOW))
    planes = [np.interp(grey, knots, [color[c] for color in IRONBOW]) for c in range(3)]
    return np.stack(planes, axis=-1).astype(np.uint8)


@pytest.mark.parametrize(
    'name', ['JET', 'INFERNO', 'HOT', 'TURBO', 'PLASMA', 'MAGMA', 'RAINBOW', 'HSV', 'VIRIDIS']
)
@pytest.mark.parametrize('gain', [1.0, 0.5], ids=['bright', 'dark'])
def test_palettes_are_noticed(grey, name, gain):
    picture = cv2.applyColorMap((grey * gain).astype(np.uint8), getattr(cv2, f'COLORMAP_{name}'))
    assert looks_like_palette(picture)


def test_ironbow_is_noticed_through_jpeg(grey):
    data = cv2.imencode('.jpg', ironbow(grey))[1]
    assert looks_like_palette(cv2.imdecode(data, cv2.IMREAD_COLOR))


def test_grey_in_colour_is_not(grey):
    rng = np.random.default_rng(0)
    colour = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    noisy = np.clip(colour + rng.integers(-10, 11, colour.shape), 0, 255).astype(np.uint8)
    warm = (colour * [0.8, 0.95, 1.0]).astype(np.uint8)
    for picture in (colour, noisy, warm, np.zeros_like(colour), np.full_like(colour, 255)):
        for quality in (10, 95):
            data = cv2.imencode('.jpg', picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
            assert not looks_like_palette(cv2.imdecode(data, cv2.IMREAD_COLOR))
        assert not looks_like_palette(picture)


def test_a_coloured_menu_over_grey_is_not(grey):
    colour = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    colour[:40] = (0, 0, 255)
    assert not looks_like_palette(colour)


def test_the_colours_of_day_are_not(grey):
    """What generators give: grass, sky, sand and skin are much weaker than a palette."""
    knots = list(FALSE_COLOR)
    planes = [np.interp(grey, knots, [c[i] for c in FALSE_COLOR.values()]) for i in range(3)]
    assert not looks_like_palette(np.stack(planes, axis=-1).astype(np.uint8))


def test_small_pictures_are_judged_too():
    assert looks_like_palette(np.full((16, 16, 4), (255, 0, 0, 255), np.uint8))


@pytest.mark.parametrize('encoding', ['rgb8', 'bgr8', 'rgba8', 'bgra8'])
def test_messages_in_false_colour_are_warned_of_once(grey, encoding, caplog):
    picture = ironbow(grey)
    if encoding.endswith('a8'):
        picture = np.dstack([picture, np.full_like(grey, 255)])
    for _ in range(3):
        decode_image(encoding, *grey.shape, picture.strides[0], 0, picture.tobytes())
    (record,) = caplog.records
    assert 'white hot' in record.message
    assert 'mono16' in record.message


def test_files_in_false_colour_are_warned_of_once(grey, caplog):
    for suffix in ('.png', '.jpg', '.bmp'):
        decode_compressed(cv2.imencode(suffix, ironbow(grey))[1])
    assert len(caplog.records) == 1


def test_grey_messages_and_files_are_not_warned_of(grey, caplog):
    colour = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    decode_image('bgr8', *grey.shape, colour.strides[0], 0, colour.tobytes())
    decode_compressed(cv2.imencode('.jpg', colour)[1])
    decode_compressed(cv2.imencode('.tiff', colour.astype(np.float32))[1])
    decode_compressed(cv2.imencode('.png', ironbow(grey).astype(np.uint16) * 200)[1])
    assert not caplog.records
