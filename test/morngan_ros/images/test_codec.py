"""Tests of image_codec: what cameras and files really hand over, and what broken ones do."""

from array import array
import struct
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest

from morngan_ros.errors import FrameError
from morngan_ros.images.codec import decode_compressed
from morngan_ros.images.codec import decode_image
from morngan_ros.images.codec import MAX_PIXELS
from morngan_ros.images.codec import MAX_SIDE


def gradient(dtype: str = 'u1', height: int = 5, width: int = 7) -> np.ndarray:
    """Counts that differ at every pixel, with high bytes where there are some."""
    step = {'u1': 3, 'u2': 311, 'f4': -7.3}[dtype]
    return (np.arange(height * width).reshape(height, width) * step).astype(dtype)


def padded(counts: np.ndarray, padding: int) -> bytes:
    """Rows of `counts` with `padding` bytes of rubbish behind each."""
    return b''.join(row.tobytes() + b'\xaa' * padding for row in counts)


DTYPES = {'mono8': 'u1', '8UC1': 'u1', 'mono16': 'u2', '16UC1': 'u2', '32FC1': 'f4'}


@pytest.mark.parametrize('encoding', DTYPES)
@pytest.mark.parametrize('padding', [0, 1, 2, 9])
@pytest.mark.parametrize('container', [bytes, bytearray, memoryview, lambda b: array('B', b)])
def test_mono_any_step_any_container(encoding, padding, container):
    counts = gradient(DTYPES[encoding])
    step = counts.shape[1] * counts.itemsize + padding
    data = container(padded(counts, padding))
    decoded = decode_image(encoding, 5, 7, step, False, data)
    assert decoded.dtype == counts.dtype
    assert decoded.dtype.isnative
    np.testing.assert_array_equal(decoded, counts)


@pytest.mark.parametrize('padding', [0, 3])
@pytest.mark.parametrize('encoding', ['mono16', '32FC1'])
def test_big_endian(encoding, padding):
    counts = gradient(DTYPES[encoding])
    data = padded(counts.astype(counts.dtype.newbyteorder('>')), padding)
    decoded = decode_image(encoding, 5, 7, 7 * counts.itemsize + padding, 1, data)
    assert decoded.dtype == counts.dtype
    assert decoded.dtype.isnative
    np.testing.assert_array_equal(decoded, counts)


def test_big_endian_flag_means_nothing_for_8_bit():
    counts = gradient()
    np.testing.assert_array_equal(decode_image('mono8', 5, 7, 7, 1, counts.tobytes()), counts)


def test_little_endian_is_a_view():
    data = bytearray(gradient('u2').tobytes())
    decoded = decode_image('mono16', 5, 7, 14, False, data)
    assert np.shares_memory(decoded, np.frombuffer(data, np.uint8))


@pytest.mark.parametrize('wrong', [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize('is_bigendian', [0, 1])
def test_floats_that_are_not_finite_are_left_to_the_exposure(wrong, is_bigendian):
    counts = gradient('f4')
    counts[3, 2] = counts[0, 0] = wrong
    data = counts.astype('>f4' if is_bigendian else '<f4').tobytes()
    np.testing.assert_array_equal(decode_image('32FC1', 5, 7, 28, is_bigendian, data), counts)


@pytest.mark.parametrize(
    ('encoding', 'place'), [('yuyv', 0), ('yuv422_yuy2', 0), ('uyvy', 1), ('yuv422', 1)]
)
@pytest.mark.parametrize('padding', [0, 5])
@pytest.mark.parametrize('container', [bytes, lambda b: array('B', b)])
def test_luma_beside_chroma(encoding, place, padding, container):
    luma = gradient()
    pixels = np.full((5, 7, 2), 128, np.uint8)
    pixels[..., place] = luma
    data = container(padded(pixels, padding))
    decoded = decode_image(encoding, 5, 7, 14 + padding, False, data)
    np.testing.assert_array_equal(decoded, luma)
    assert decoded.flags.c_contiguous  # as OpenCV and the engines want it


@pytest.mark.parametrize('encoding', ['nv12', 'nv21', 'nv24'])
@pytest.mark.parametrize('padding', [0, 57])
def test_luma_in_a_plane_before_chroma(encoding, padding):
    luma = gradient('u1', 6, 8)
    data = padded(luma, padding) + bytes([128]) * (3 * (8 + padding))
    decoded = decode_image(encoding, 6, 8, 8 + padding, False, data)
    np.testing.assert_array_equal(decoded, luma)
    assert np.shares_memory(decoded, np.frombuffer(data, np.uint8))


def test_luma_is_that_of_opencv():
    """Real conversions, there and back: the luma of grey in colour stays."""
    grey = cv2.resize(gradient(), (64, 48), interpolation=cv2.INTER_LINEAR)
    planes = cv2.cvtColor(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), cv2.COLOR_BGR2YUV_I420)
    expected = cv2.cvtColor(planes, cv2.COLOR_YUV2GRAY_I420)
    decoded = decode_image('nv12', 48, 64, 64, False, planes.tobytes())
    np.testing.assert_array_equal(decoded, expected)


@pytest.mark.parametrize(
    ('encoding', 'channels'),
    [('rgb8', 3), ('bgr8', 3), ('8UC3', 3), ('rgba8', 4), ('bgra8', 4), ('8UC4', 4)],
)
def test_grey_in_colour_is_exact(encoding, channels):
    counts = np.arange(256, dtype=np.uint8).reshape(16, 16)
    data = np.repeat(counts[..., None], channels, axis=2)
    data[..., 3:] = 255
    decoded = decode_image(encoding, 16, 16, 16 * channels, False, data.tobytes())
    np.testing.assert_array_equal(decoded, counts)


def test_rgb_and_bgr_are_told_apart():
    red = np.zeros((2, 2, 3), np.uint8)
    red[..., 0] = 255
    assert decode_image('rgb8', 2, 2, 6, False, red.tobytes())[0, 0] == 76  # 0.299 * 255
    assert decode_image('bgr8', 2, 2, 6, False, red.tobytes())[0, 0] == 29  # 0.114 * 255


def test_last_row_may_lack_its_padding():
    counts = gradient()
    np.testing.assert_array_equal(
        decode_image('mono8', 5, 7, 10, False, padded(counts, 3)[:-3]), counts
    )


@pytest.mark.parametrize(
    ('encoding', 'height', 'width', 'step', 'size', 'words'),
    [
        ('JPEG', 4, 4, 16, 64, "encoding 'JPEG'.*mono16"),
        ('', 4, 4, 4, 16, "encoding ''"),
        ('mono8', 0, 4, 4, 16, 'empty: 4x0'),
        ('mono8', 4, 0, 4, 16, 'empty: 0x4'),
        ('mono8', MAX_SIDE + 1, 4, 4, 16, f'4x{MAX_SIDE + 1} pixels'),
        ('mono8', 4, 2**32 - 1, 4, 16, 'header is broken'),
        ('mono16', 4, 4, 4, 16, r'step of 4 bytes .* \(8 bytes\)'),
        ('mono8', 4, 4, 0, 16, 'step of 0 bytes'),
        ('mono8', 4, 4, 4, 15, 'needs 16 bytes of data but has 15'),
        ('mono8', 4, 4, 4, 0, 'has no data'),
        ('mono8', 8192, 8193, 8193, 16, f'more than .* {MAX_PIXELS} in all'),
        ('mono8', 4, 4, 2**32 - 1, 16, 'cut short'),
    ],
)
def test_broken_frames_are_named(encoding, height, width, step, size, words):
    with pytest.raises(FrameError, match=words):
        decode_image(encoding, height, width, step, False, bytes(size))


@pytest.mark.parametrize('dtype', ['u1', 'u2'])
@pytest.mark.parametrize('suffix', ['.png', '.tiff'])
def test_lossless_files_keep_counts(dtype, suffix):
    counts = gradient(dtype)
    data = cv2.imencode(suffix, counts)[1].tobytes()
    decoded = decode_compressed(data, suffix)
    assert decoded.dtype == counts.dtype
    np.testing.assert_array_equal(decoded, counts)


def test_jpeg_is_close():
    counts = cv2.resize(gradient(), (64, 48), interpolation=cv2.INTER_LINEAR)
    decoded = decode_compressed(cv2.imencode('.jpg', counts)[1], 'jpeg')
    assert decoded.shape == (48, 64)
    assert np.abs(decoded.astype(int) - counts).mean() < 3


@pytest.mark.parametrize('channels', [3, 4])
@pytest.mark.parametrize('dtype', ['u1', 'u2'])
def test_grey_in_colour_png(channels, dtype):
    counts = gradient(dtype)
    picture = np.repeat(counts[..., None], channels, axis=2)
    np.testing.assert_array_equal(decode_compressed(cv2.imencode('.png', picture)[1]), counts)


def test_cut_png_and_jpeg_are_refused():
    counts = np.random.default_rng(0).integers(0, 255, (64, 80), dtype=np.uint8)
    for suffix in ('.png', '.jpg'):
        data = cv2.imencode(suffix, counts)[1].tobytes()
        for keep in (len(data) * 9 // 10, len(data) // 2, 20, 3, 0):
            with pytest.raises(FrameError, match=f'{suffix}.* cannot be decoded'):
                decode_compressed(data[:keep], suffix)


@pytest.mark.parametrize('suffix', ['.png', '.jpg', '.tiff', '.bmp', '.pgm'])
def test_the_limit_holds_before_decoding(suffix):
    data = cv2.imencode(suffix, gradient('u1', 40, 50))[1]
    assert decode_compressed(data, max_pixels=2000).shape == (40, 50)
    with pytest.raises(FrameError, match=r'claims 50x40 pixels.* 1999 in all') as caught:
        decode_compressed(data, max_pixels=1999)
    assert caught.value.cause == 'too large'


@pytest.mark.parametrize('suffix', ['.png', '.jpg'])
def test_a_file_too_short_for_what_it_claims_takes_no_memory(suffix):
    data = bytearray(cv2.imencode(suffix, gradient('u1', 40, 50))[1].tobytes())
    if suffix == '.png':
        data[16:24] = struct.pack('>II', 8000, 8000)
        data[29:33] = struct.pack('>I', zlib.crc32(data[12:29]))
    else:
        at = data.index(b'\xff\xc0') + 5
        data[at : at + 4] = struct.pack('>HH', 8000, 8000)
    tracemalloc.start()
    with pytest.raises(FrameError, match='cannot be decoded'):
        decode_compressed(data)
    assert tracemalloc.get_traced_memory()[1] < 100_000
    tracemalloc.stop()


def test_what_opencv_throws_is_a_frame_error(monkeypatch):
    """Older versions throw at what newer ones just refuse."""

    def throw(*_):
        raise cv2.error('out of memory')

    data = cv2.imencode('.png', gradient())[1]
    monkeypatch.setattr(cv2, 'imdecode', throw)
    with pytest.raises(FrameError, match='cannot be decoded') as caught:
        decode_compressed(data)
    assert caught.value.cause == 'undecodable'


def test_other_picture_formats_are_refused_as_nobody_knows_their_size_before():
    data = cv2.imencode('.webp', gradient('u1', 40, 50))[1]
    with pytest.raises(FrameError, match='cannot be decoded') as caught:
        decode_compressed(data)
    assert caught.value.cause == 'undecodable'


@pytest.mark.parametrize('dtype', ['i1', 'i2', 'i4', 'f4', 'f8'])
def test_files_of_other_numbers_become_floats(dtype):
    values = (np.arange(35).reshape(5, 7) * 3.3 - 50).astype(dtype)
    data = cv2.imencode('.tiff', values)[1]
    if cv2.imdecode(data, cv2.IMREAD_UNCHANGED).dtype != dtype:
        pytest.skip(f'this OpenCV writes no TIFF of {dtype}')
    decoded = decode_compressed(data, 'tiff')
    assert decoded.dtype == np.float32
    np.testing.assert_array_equal(decoded, values.astype(np.float32))


def test_float_colour_becomes_grey():
    kelvin = np.repeat(gradient('f4')[..., None], 3, axis=2)
    plain = [cv2.IMWRITE_TIFF_COMPRESSION, 1]  # old OpenCV would take a lossy one
    decoded = decode_compressed(cv2.imencode('.tiff', kelvin, plain)[1])
    np.testing.assert_allclose(decoded, kelvin[..., 0], rtol=1e-6)


def test_pfm_keeps_floats():
    decoded = decode_compressed(cv2.imencode('.pfm', gradient('f4'))[1])
    np.testing.assert_array_equal(decoded, gradient('f4'))


def test_depth_transport_is_refused():
    kelvin = cv2.imencode('.tiff', gradient('f4'))[1]
    with pytest.raises(FrameError, match='compressedDepth'):
        decode_compressed(kelvin, '16UC1; compressedDepth png')
