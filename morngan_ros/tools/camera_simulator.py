"""Publish a simulated night street as a 14-bit thermal camera does, with stamps of the clock."""

import argparse
from collections.abc import Sequence
import itertools

from morngan_ros.errors import SourceError
from morngan_ros.simulation import ThermalScene
from morngan_ros.sources.frames import DEFAULT_FRAME_ID
from morngan_ros.sources.frames import DEFAULT_RATE
from morngan_ros.tools.support import cli
from morngan_ros.tools.support import ros

EXAMPLES = """\
--rate 30
--size 320x256 --frames 100 --topic /thermal/image_raw"""


@cli.reports_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    own, arguments = ros.split_arguments(argv)
    options = _parse(own)
    if not options.rate > 0:
        raise SourceError(f'--rate must be above zero, not {options.rate}')
    scene = _scene(options.size, options.seed)
    with ros.node('camera_simulator', arguments) as (node, stop):
        publish = ros.CameraPublisher(node, options.topic, ros.qos(options.qos))
        ros.wait_for_subscribers(publish.images, options.wait, stop)
        pacer = ros.Pacer(stop)
        published = 0
        for index in itertools.count():
            if index == options.frames:
                break
            counts = scene.render(index / options.rate).counts
            if not pacer.wait_until(round(index * 1e9 / options.rate)):
                break
            publish(counts, node.get_clock().now().nanoseconds, options.frame_id)
            published += 1
        ros.deliver([publish.images, publish.infos])
        print(f'published {published} simulated frames on {publish.images.topic_name}')
    return 0


def _scene(size: tuple[int, int], seed: int) -> ThermalScene:
    try:
        return ThermalScene(*size, seed)
    except ValueError as error:
        raise SourceError(str(error)) from None


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = cli.parser('camera_simulator', __doc__ or '', EXAMPLES)
    parser.add_argument(
        '--rate', type=float, default=DEFAULT_RATE, help='frames per second (default: %(default)s)'
    )
    parser.add_argument(
        '--frames', type=int, help='stop after this number of frames (default: never)'
    )
    parser.add_argument(
        '--size', type=cli.size, default=(640, 512), help='WIDTHxHEIGHT (default: 640x512)'
    )
    parser.add_argument('--seed', type=int, default=0, help='seed of the simulated street')
    parser.add_argument('--topic', default='image_raw', help='default: %(default)s')
    parser.add_argument('--frame-id', default=DEFAULT_FRAME_ID, help='default: %(default)s')
    parser.add_argument('--qos', choices=ros.QOS, default='reliable', help='default: %(default)s')
    parser.add_argument(
        '--wait', type=int, default=0, metavar='N', help='start when N subscribers are connected'
    )
    return parser.parse_args(argv)


if __name__ == '__main__':
    raise SystemExit(main())
