"""Frames that no node may choke on: every kind of broken message, and odd ones that are good.

Each kind is a function that builds the message with a given header, and the cause that its
FrameError carries. Good ones are of 64x48 pixels, more than the least that a generator takes.
"""

from array import array
from collections.abc import Callable
import struct
import zlib

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from std_msgs.msg import Header

WIDTH, HEIGHT = 64, 48

_LARGEST = 2**32 - 1


def _counts(dtype: str) -> np.ndarray:
    """Counts that differ from pixel to pixel and are finite in any type."""
    values = np.arange(HEIGHT * WIDTH) % (251 if dtype == 'u1' else 16001)
    return values.reshape(HEIGHT, WIDTH).astype(dtype)


def _bytes(dtype: str, channels: int = 1) -> bytes:
    return np.repeat(_counts(dtype), channels).tobytes()


def _image(encoding: str, step: int, data: bytes, **fields: int) -> Callable[[Header], Image]:
    def build(header: Header) -> Image:
        values = {'width': WIDTH, 'height': HEIGHT} | fields
        return Image(header=header, encoding=encoding, step=step, data=array('B', data), **values)

    return build


def _sized(width: int, height: int) -> Callable[[Header], Image]:
    return _image('mono8', min(width, _LARGEST), _bytes('u1'), width=width, height=height)


def _encoded(encoding: str) -> Callable[[Header], Image]:
    return _image(encoding, WIDTH, _bytes('u1'))


def _cut(encoding: str) -> Callable[[Header], Image]:
    """An encoding that only cv_bridge can read, and too few bytes even for it."""
    return _image(encoding, WIDTH, bytes(16))


def _floats(order: str = '<', **pixels: float) -> Callable[[Header], Image]:
    values = _counts(f'{order}f4')
    values.reshape(-1)[: len(pixels)] = list(pixels.values())
    return _image('32FC1', 4 * WIDTH, values.tobytes(), is_bigendian=int(order == '>'))


def _many(value: float) -> dict[str, float]:
    """Name more pixels than are filled."""
    return {f'pixel{index}': value for index in range(WIDTH * HEIGHT // 50)}


#: name -> (builder, cause) of sensor_msgs/Image.
BAD_IMAGES: dict[str, tuple[Callable[[Header], Image], str]] = {
    'step zero': (_image('mono8', 0, _bytes('u1')), 'layout'),
    'step a byte short': (_image('mono8', WIDTH - 1, _bytes('u1')), 'layout'),
    'step in pixels of 16 bits': (_image('mono16', WIDTH, _bytes('u2')), 'layout'),
    'step in pixels of colour': (_image('bgr8', WIDTH, _bytes('u1', 3)), 'layout'),
    'step in pixels of floats': (_image('32FC1', WIDTH, _bytes('f4')), 'layout'),
    'step huge': (_image('mono8', _LARGEST, _bytes('u1')), 'layout'),
    'step longer than data': (_image('mono8', 2 * WIDTH, _bytes('u1')), 'layout'),
    'data a byte short': (_image('mono8', WIDTH, _bytes('u1')[:-1]), 'layout'),
    'data a row short': (_image('mono16', 2 * WIDTH, _bytes('u2')[: -2 * WIDTH]), 'layout'),
    'data of one byte': (_image('mono8', WIDTH, b'\x00'), 'layout'),
    '8-bit data called 16-bit': (_image('mono16', 2 * WIDTH, _bytes('u1')), 'layout'),
    '16-bit data called floats': (_image('32FC1', 4 * WIDTH, _bytes('u2')), 'layout'),
    'grey data called colour': (_image('rgb8', 3 * WIDTH, _bytes('u1')), 'layout'),
    'half a pixel of 16 bits': (_image('16UC1', 2 * WIDTH, _bytes('u2')[:-1]), 'layout'),
    'three quarters of a float': (_image('32FC1', 4 * WIDTH, _bytes('f4')[:-1]), 'layout'),
    'no data': (_image('mono8', WIDTH, b''), 'empty'),
    'no data of 16 bits': (_image('16UC1', 2 * WIDTH, b''), 'empty'),
    'width zero': (_sized(0, HEIGHT), 'empty'),
    'height zero': (_sized(WIDTH, 0), 'empty'),
    'all fields empty': (_image('mono8', 0, b'', width=0, height=0), 'empty'),
    'width 2**31': (_sized(2**31, HEIGHT), 'too large'),
    'height 2**31': (_sized(WIDTH, 2**31), 'too large'),
    'width largest': (_sized(_LARGEST, HEIGHT), 'too large'),
    'both sides largest': (_sized(_LARGEST, _LARGEST), 'too large'),
    'product is 2**32': (_sized(2**16, 2**16), 'too large'),
    'product overflows to the data': (_sized(2**30 + 16, 256), 'too large'),
    'more than 64 megapixels': (_sized(16000, 16000), 'too large'),
    'encoding empty': (_encoded(''), 'encoding'),
    'encoding in capitals': (_encoded('MONO8'), 'encoding'),
    'encoding with a space': (_encoded('mono8 '), 'encoding'),
    'encoding with a line end': (_encoded('mono8\n'), 'encoding'),
    'encoding of rubbish': (_encoded('\x1b[31m%s{0}'), 'encoding'),
    'encoding of 10000 letters': (_encoded('mono8' * 2000), 'encoding'),
    'encoding of a file': (_encoded('jpeg'), 'encoding'),
    'encoding of an impossible type': (_encoded('24UC1'), 'encoding'),
    'colour filter mosaic': (_cut('bayer_rggb8'), 'encoding'),
    'colour filter mosaic of 16 bits': (_cut('bayer_gbrg16'), 'encoding'),
    'luma and chroma cut short': (_image('yuv422', 2 * WIDTH, bytes(16)), 'layout'),
    'luma and chroma, step of luma alone': (_image('yuyv', WIDTH, _bytes('u1', 2)), 'layout'),
    'luma and chroma, grey data': (_image('uyvy', 2 * WIDTH, _bytes('u1')), 'layout'),
    'luma and chroma by planes, luma cut': (_image('nv12', WIDTH, _bytes('u1')[:-1]), 'layout'),
    'luma and chroma by planes, no data': (_image('nv21', WIDTH, b''), 'empty'),
    'luma and chroma in capitals': (_encoded('YUYV'), 'encoding'),
    'doubles': (_cut('64FC1'), 'encoding'),
    'signed counts': (_cut('16SC1'), 'encoding'),
    'two channels of floats': (_cut('32FC2'), 'encoding'),
    'one pixel in fifty NaN': (_floats(**_many(np.nan)), 'not finite'),
    'one pixel in fifty infinite': (_floats(**_many(np.inf)), 'not finite'),
    'one pixel in fifty NaN, big endian': (_floats('>', **_many(np.nan)), 'not finite'),
    'all NaN': (_image('32FC1', 4 * WIDTH, b'\xff' * (4 * WIDTH * HEIGHT)), 'not finite'),
}


def _file(suffix: str, dtype: str = 'u1') -> bytes:
    return cv2.imencode(suffix, _counts(dtype))[1].tobytes()


def _compressed(
    data: bytes, format: str = 'mono8; png compressed'
) -> Callable[[Header], CompressedImage]:
    def build(header: Header) -> CompressedImage:
        return CompressedImage(header=header, format=format, data=array('B', data))

    return build


def _jpeg(data: bytes) -> Callable[[Header], CompressedImage]:
    return _compressed(data, 'mono8; jpeg compressed mono8')


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def _png(
    width: int, height: int, *, depth: int = 8, color: int = 0, pixels: bytes = bytes(100)
) -> bytes:
    """A PNG that claims what it likes; its checksums are right."""
    header = struct.pack('>IIBBBBB', width, height, depth, color, 0, 0, 0)
    chunks = ((b'IHDR', header), (b'IDAT', zlib.compress(pixels)), (b'IEND', b''))
    return b'\x89PNG\r\n\x1a\n' + b''.join(_png_chunk(*chunk) for chunk in chunks)


def _patched(data: bytes, at: int, patch: bytes) -> bytes:
    return data[:at] + patch + data[at + len(patch) :]


def _jpeg_of(width: int, height: int) -> bytes:
    """A real JPEG whose frame header claims another size."""
    data = _file('.jpg')
    return _patched(data, data.index(b'\xff\xc0') + 5, struct.pack('>HH', height, width))


def _tiff_of(width: int, height: int) -> bytes:
    """A TIFF of nothing but its size."""
    entries = struct.pack('<HHII', 256, 4, 1, width) + struct.pack('<HHII', 257, 4, 1, height)
    return b'II*\x00' + struct.pack('<IH', 8, 2) + entries + bytes(4)


def _tiff(values: np.ndarray) -> bytes:
    return cv2.imencode('.tiff', values)[1].tobytes()


def _big_tiff(count: int, tags: bytes = b'') -> bytes:
    """A BigTIFF whose only directory claims so many tags."""
    return b'II+\x00' + struct.pack('<HHQQ', 8, 0, 16, count) + tags + bytes(8)


def _big_tiff_of(width: int, height: int) -> bytes:
    """A BigTIFF of nothing but its size, in 64 bits."""
    return _big_tiff(
        2,
        b''.join(struct.pack('<HHQQ', *tag) for tag in ((256, 16, 1, width), (257, 16, 1, height))),
    )


def _bomb(header: Header) -> CompressedImage:
    """A PNG that keeps its promise of 81 megapixels; built only when asked for."""
    return _compressed(_png(9000, 9000, pixels=bytes(9000 * 9001)))(header)


_PNG, _JPEG, _TIFF = _file('.png'), _file('.jpg'), _file('.tiff')
_BMP = _file('.bmp')

#: name -> (builder, cause) of sensor_msgs/CompressedImage.
BAD_COMPRESSED: dict[str, tuple[Callable[[Header], CompressedImage], str]] = {
    'no data': (_compressed(b''), 'empty'),
    'one byte': (_compressed(b'\x89'), 'undecodable'),
    'zeros': (_compressed(bytes(5000)), 'undecodable'),
    'noise': (_compressed(np.random.default_rng(0).bytes(5000)), 'undecodable'),
    'text': (_compressed(b'no picture, just words\n' * 50), 'undecodable'),
    'a web page': (_compressed(b'<!DOCTYPE html><html></html>'), 'undecodable'),
    'raw pixels': (_compressed(_bytes('u1'), 'mono8'), 'undecodable'),
    'a GIF': (_compressed(b'GIF89a\x01\x00\x01\x00\x00\x00\x00;', 'gif'), 'undecodable'),
    'a WebP': (_compressed(b'RIFF\x1a\x00\x00\x00WEBPVP8L' + bytes(20), 'webp'), 'undecodable'),
    'a frame of video': (_compressed(b'\x00\x00\x00\x01\x67\x42' * 40, 'h264'), 'undecodable'),
    'depth transport': (_compressed(_PNG, '16UC1; compressedDepth png'), 'encoding'),
    'depth transport of floats': (_compressed(_PNG, '32FC1; compressedDepth rvl'), 'encoding'),
    'format of 10000 letters': (_compressed(b'x' * 100, 'png ' * 2500), 'undecodable'),
    'PNG cut in half': (_compressed(_PNG[: len(_PNG) // 2]), 'undecodable'),
    'PNG without its last byte of pixels': (_compressed(_PNG[:-17]), 'undecodable'),
    'PNG cut in its header': (_compressed(_PNG[:20]), 'undecodable'),
    'PNG signature alone': (_compressed(_PNG[:8]), 'undecodable'),
    'PNG sent as text': (_compressed(_PNG.replace(b'\r\n', b'\n', 1)), 'undecodable'),
    'PNG without its header': (_compressed(_PNG[:8] + _PNG[33:]), 'undecodable'),
    'PNG with a bad header length': (_compressed(_patched(_PNG, 8, b'\xff')), 'undecodable'),
    'PNG with a bad checksum': (_compressed(_patched(_PNG, 29, bytes(4))), 'undecodable'),
    'PNG with rubbish for pixels': (_compressed(_patched(_PNG, 45, bytes(200))), 'undecodable'),
    'PNG of an impossible depth': (_compressed(_png(16, 16, depth=7)), 'undecodable'),
    'PNG of an impossible colour': (_compressed(_png(16, 16, color=5)), 'undecodable'),
    'PNG with too few pixels': (_compressed(_png(64, 64)), 'undecodable'),
    'PNG of no width': (_compressed(_png(0, HEIGHT)), 'empty'),
    'PNG of no height': (_compressed(_png(WIDTH, 0)), 'empty'),
    'PNG bomb, largest sides': (_compressed(_png(_LARGEST, _LARGEST)), 'too large'),
    'PNG bomb of 2**31': (_compressed(_png(2**31 - 1, 2**31 - 1)), 'too large'),
    'PNG bomb of 9 gigapixels': (_compressed(_png(95000, 95000)), 'too large'),
    'PNG bomb of 144 megapixels': (_compressed(_png(12000, 12000)), 'too large'),
    'PNG bomb, wide': (_compressed(_png(17000, 1000)), 'too large'),
    'PNG bomb that unpacks': (_bomb, 'too large'),
    'PNG that cannot hold what it claims': (_compressed(_png(2000, 2000)), 'undecodable'),
    'JPEG cut in half': (_jpeg(_JPEG[: len(_JPEG) // 2]), 'undecodable'),
    'JPEG cut before its pixels': (_jpeg(_JPEG[: _JPEG.index(b'\xff\xda')]), 'undecodable'),
    'JPEG cut in its header': (_jpeg(_JPEG[:30]), 'undecodable'),
    'JPEG of two bytes': (_jpeg(b'\xff\xd8'), 'undecodable'),
    'JPEG that ends at once': (_jpeg(b'\xff\xd8\xff\xd9'), 'undecodable'),
    'JPEG of markers': (_jpeg(b'\xff\xd8' + b'\xff\xe0\x00\x02' * 5000), 'undecodable'),
    'JPEG of 65535x65535': (_jpeg(_jpeg_of(65535, 65535)), 'too large'),
    'JPEG of 12000x12000': (_jpeg(_jpeg_of(12000, 12000)), 'too large'),
    'JPEG of no height': (_jpeg(_jpeg_of(WIDTH, 0)), 'empty'),
    'JPEG without tables': (
        _jpeg(_JPEG.replace(b'\xff\xdb', b'\xff\xe5').replace(b'\xff\xc4', b'\xff\xe5')),
        'undecodable',
    ),
    'JPEG of 7 components': (
        _jpeg(_patched(_JPEG, _JPEG.index(b'\xff\xc0') + 9, b'\x07')),
        'undecodable',
    ),
    'TIFF of NaN': (_compressed(_tiff(np.full((HEIGHT, WIDTH), np.nan)), 'tiff'), 'not finite'),
    'TIFF of too large doubles': (_compressed(_tiff(_counts('f8') + 1e300), 'tiff'), 'not finite'),
    'BigTIFF bomb': (_compressed(_big_tiff_of(2**40, 2**40), 'tiff'), 'too large'),
    'BigTIFF of 2**60 tags': (_compressed(_big_tiff(2**60), 'tiff'), 'undecodable'),
    'BigTIFF that begins nowhere': (
        _compressed(_patched(_big_tiff_of(64, 64), 8, b'\xff' * 8), 'tiff'),
        'undecodable',
    ),
    'PFM bomb': (_compressed(b'Pf\n99999999 99999999\n-1.0\n', 'pfm'), 'too large'),
    'TIFF cut': (_compressed(_TIFF[: len(_TIFF) // 2], 'tiff'), 'undecodable'),
    'TIFF without a directory': (_compressed(b'MM\x00*\xff\xff\xff\xff', 'tiff'), 'undecodable'),
    'TIFF without pixels': (_compressed(_tiff_of(64, 64), 'tiff'), 'undecodable'),
    'TIFF bomb': (_compressed(_tiff_of(2**31, 2**31), 'tiff'), 'too large'),
    'BMP cut': (_compressed(_BMP[:60], 'bmp'), 'undecodable'),
    'BMP bomb': (_compressed(_patched(_BMP, 18, b'\xff\xff\xff\x7f' * 2), 'bmp'), 'too large'),
    'PGM bomb': (_compressed(b'P5 999999999 999999999 255\n', 'pgm'), 'too large'),
}


def _padded(dtype: str, padding: int) -> bytes:
    return b''.join(row.tobytes() + b'\xaa' * padding for row in _counts(dtype))


def _framed(frame_id: str) -> Callable[[Header], Image]:
    def build(header: Header) -> Image:
        named = Header(stamp=header.stamp, frame_id=frame_id)
        # Data of its own, as the same message twice would be another matter.
        data = bytes([len(frame_id) % 251]) + _bytes('u1')[1:]
        return _image('mono8', WIDTH, data)(named)

    return build


def _without_stamp(header: Header) -> Image:
    return _image('mono8', WIDTH, _bytes('u1'))(Header(frame_id=header.frame_id))


#: name -> builder of sensor_msgs/Image: unusual, but to be colorized.
ODD_IMAGES: dict[str, Callable[[Header], Image]] = {
    'frame_id empty': _framed(''),
    'frame_id of 10000 letters': _framed('f' * 10000),
    'frame_id not ASCII': _framed('Wärmebild 熱'),
    'stamp zero': _without_stamp,
    'step padded': _image('mono8', WIDTH + 5, _padded('u1', 5)),
    'step odd for 16 bits': _image('mono16', 2 * WIDTH + 3, _padded('u2', 3)),
    'step odd for floats': _image('32FC1', 4 * WIDTH + 1, _padded('f4', 1)),
    'last row without its padding': _image('16UC1', 2 * WIDTH + 6, _padded('u2', 6)[:-6]),
    'data longer than needed': _image('mono8', WIDTH, _bytes('u1') + b'behind'),
    'big endian, 16 bits': _image('16UC1', 2 * WIDTH, _bytes('>u2'), is_bigendian=1),
    'big endian, floats': _image('32FC1', 4 * WIDTH, _bytes('>f4'), is_bigendian=255),
    'big endian, 8 bits': _image('8UC1', WIDTH, _bytes('u1'), is_bigendian=1),
    'grey in colour': _image('bgra8', 4 * WIDTH, _bytes('u1', 4)),
    'floats below zero': _image('32FC1', 4 * WIDTH, (_counts('f4') - 8000).tobytes()),
    'all pixels equal': _image('mono16', 2 * WIDTH, bytes(2 * WIDTH * HEIGHT)),
    'one side odd': _image('mono8', WIDTH, _bytes('u1'), width=WIDTH - 1, height=HEIGHT - 1),
    'one NaN': _floats(a=np.nan),
    'one infinity': _floats(a=np.inf),
    'one negative infinity': _floats(a=-np.inf),
    'both infinities': _floats(a=np.inf, b=-np.inf),
    'one NaN, big endian': _floats('>', a=np.nan),
    'YUYV': _image('yuyv', 2 * WIDTH, _bytes('u1', 2)),
    'YUYV as ROS spells it': _image('yuv422_yuy2', 2 * WIDTH, _bytes('u1', 2)),
    'UYVY': _image('uyvy', 2 * WIDTH, _bytes('u1', 2)),
    'UYVY as ROS spells it': _image('yuv422', 2 * WIDTH, _bytes('u1', 2)),
    'NV12': _image('nv12', WIDTH, _bytes('u1') + bytes(WIDTH * HEIGHT // 2)),
    'NV21': _image('nv21', WIDTH, _bytes('u1') + bytes(WIDTH * HEIGHT // 2)),
    'NV21 without its chroma': _image('nv21', WIDTH, _bytes('u1')),
}

#: name -> builder of sensor_msgs/CompressedImage: unusual, but to be colorized.
ODD_COMPRESSED: dict[str, Callable[[Header], CompressedImage]] = {
    'TIFF of floats': _compressed(_file('.tiff', 'f4'), 'tiff'),
    'TIFF of doubles': _compressed(_file('.tiff', 'f8'), 'tiff'),
    'TIFF of 32 bits': _compressed(_file('.tiff', 'i4'), 'tiff'),
    'PFM': _compressed(_file('.pfm', 'f4'), 'pfm'),
    'PGM of 16 bits': _compressed(_file('.pgm', 'u2'), 'pgm'),
    'colour': _compressed(cv2.imencode('.png', np.dstack([_counts('u1')] * 3))[1].tobytes()),
}
