"""Tests of the guess which image topic is the thermal camera, and of saying so."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from recordings import cdr
from recordings import counts
from recordings import frame
from recordings import Recorded
from recordings import stamp
from recordings import Told
from recordings import write_mcap

from morngan_ros.bags import BagReader
from morngan_ros.bags import COMPRESSED_IMAGE
from morngan_ros.bags import header_message
from morngan_ros.bags import image_message
from morngan_ros.bags import typestore
from morngan_ros.errors import SourceError

GREY = (counts(0) >> 6).astype(np.uint8)
COLOR = np.random.default_rng(0).integers(0, 255, (24, 32, 3), dtype=np.uint8)
PALETTE = cv2.applyColorMap(GREY, cv2.COLORMAP_JET)
ALIKE = np.repeat(GREY[..., None], 3, axis=2)

Make = Callable[[str], Recorded]


def image(pixels: np.ndarray, encoding: str = '') -> Make:
    def make(topic: str) -> Recorded:
        return Recorded(stamp(0), topic, cdr(image_message(pixels, stamp(0), 'cam', encoding)))

    return make


def compressed(pixels: np.ndarray, suffix: str) -> Make:
    data = cv2.imencode(suffix, pixels)[1].reshape(-1)

    def make(topic: str) -> Recorded:
        message = typestore().types[COMPRESSED_IMAGE](header_message(stamp(0), 'cam'), suffix, data)
        return Recorded(stamp(0), topic, cdr(message), COMPRESSED_IMAGE)

    return make


def broken(topic: str) -> Recorded:
    return frame(0, topic)._replace(data=frame(0, topic).data[:60])


MONO16, MONO8, RGB = image(counts(0)), image(GREY), image(COLOR)
FLOAT = image(np.zeros((24, 128), np.uint8), '32FC1')
YUV = image(np.zeros((24, 64), np.uint8), 'yuv422_yuy2')

# The thermal camera is the first of each.
BAGS: dict[str, dict[str, Make]] = {
    'names say nothing, counts do': {'/b/image_raw': MONO16, '/a/image_raw': RGB},
    'counts before grey': {'/b/image_raw': MONO16, '/a/image_raw': MONO8},
    'floats before grey': {'/b/image_raw': FLOAT, '/a/image_raw': MONO8},
    'grey before colour': {'/b/image_raw': MONO8, '/a/image_raw': RGB},
    'grey in three channels before colour': {'/b/image_raw': image(ALIKE), '/a/image_raw': RGB},
    'grey before YUV': {'/b/image_raw': MONO8, '/a/image_raw': YUV},
    'a maker that makes colour cameras too': {'/boson/image': MONO16, '/blackfly/image_raw': RGB},
    'a colour camera by a maker of thermal ones': {
        '/thermal/image_raw': MONO8,
        '/flir_camera/image_raw': MONO8,
    },
    'a depth camera counts too': {
        '/lepton/image_raw': MONO8,
        '/camera/depth/image_rect_raw': MONO16,
        '/camera/infra1/image_rect_raw': MONO8,
        '/camera/color/image_raw': RGB,
    },
    'depth of no name': {'/lwir/image': MONO8, '/zed/registered': MONO16},
    'ir is a word, not a part of one': {'/ir/image_raw': MONO8, '/airsim/image_raw': MONO8},
    'words run together': {'/flirboson/image': MONO8, '/blackfly/image': MONO8},
    'tau is a word, not a part of one': {'/tau/image_raw': MONO8, '/centaur/image_raw': MONO8},
    'numbers are no part of words': {'/tau2/image': MONO8, '/cam1/image': MONO8},
    'a palette is not taken': {'/cam/image_raw': MONO16, '/thermal/image_raw': image(PALETTE)},
    'what was made of it is not taken': {
        '/thermal/image_raw': MONO16,
        '/thermal/image_color': MONO16,
        '/thermal/overlay': MONO16,
    },
    'raw before compressed': {
        '/thermal/image_raw': MONO16,
        '/thermal/image_raw/compressed': compressed(counts(0), '.png'),
    },
    'compressed counts before a compressed photograph': {
        '/right/image_raw/compressed': compressed(counts(0), '.png'),
        '/left/image_raw/compressed': compressed(COLOR, '.jpg'),
    },
    'grey JPEG before a JPEG in colour': {
        '/right/image_raw/compressed': compressed(ALIKE, '.jpg'),
        '/left/image_raw/compressed': compressed(COLOR, '.jpg'),
    },
    'broken at first, and named well': {'/thermal/image_raw': broken, '/cam/image_raw': MONO8},
    'only palettes: the name counts': {
        '/thermal/image_raw': image(PALETTE),
        '/front/image_raw': RGB,
    },
}


@pytest.mark.parametrize('kind', BAGS)
def test_the_thermal_camera_is_taken_and_the_choice_said(tmp_path, kind):
    best, *others = BAGS[kind]
    # The order of recording must not matter.
    messages = [make(topic) for topic, make in reversed(BAGS[kind].items())]
    with BagReader(write_mcap(tmp_path / 'a.mcap', messages)) as bag:
        topic, said = bag.choose_images()
        assert topic == best
        assert f'has {len(BAGS[kind])} image topics; {best} (' in said
        assert 'choose another one with --topic: ' in said
        assert all(f'{other} (' in said for other in others)
        assert all(bag.choose_images(other) == (other, '') for other in others)


def test_a_topic_without_messages_is_the_last_choice(tmp_path):
    # Its chunk is lost; the index still names it.
    path = write_mcap(tmp_path / 'a.mcap', [RGB('/front/image_raw'), MONO16('/boson/image_raw')])
    content = bytearray(path.read_bytes())
    content[len(content) * 3 // 5] ^= 0xFF
    path.write_bytes(content)
    told = Told()
    with BagReader(path, told) as bag:
        topic, said = bag.choose_images()
    assert told.causes == ['broken chunk']
    assert topic == '/front/image_raw'
    assert said.endswith('choose another one with --topic: /boson/image_raw (no messages)')


def test_one_topic_is_no_choice(tmp_path):
    with BagReader(write_mcap(tmp_path / 'a.mcap', [RGB('/cam')])) as bag:
        assert bag.choose_images() == ('/cam', '')


def test_a_topic_may_be_named_without_its_slash(tmp_path):
    path = write_mcap(tmp_path / 'a.mcap', [RGB('/a/image'), MONO8('/b/image')])
    with BagReader(path) as bag:
        assert bag.image_topic('a/image') == '/a/image'
        with pytest.raises(SourceError, match=r"no image topic 'c'; it has: /[ab]/image, /[ab]"):
            bag.image_topic('c')


def test_the_sentence_stays_short_with_many_cameras(tmp_path):
    path = write_mcap(tmp_path / 'a.mcap', [RGB(f'/cam{index}/image_raw') for index in range(50)])
    with BagReader(path) as bag:
        assert bag.choose_images()[1].endswith(', 41 more')
