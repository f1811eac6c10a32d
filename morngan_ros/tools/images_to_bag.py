"""Write a folder of pictures or a video as a rosbag2 with image and camera_info, without ROS."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from morngan_ros.bags import is_bag
from morngan_ros.errors import SourceError
from morngan_ros.sources import open_source
from morngan_ros.tools.support import cli
from morngan_ros.tools.support import to_bag

EXAMPLES = """\
night_drive --out night_bag --rate 30 --topic /thermal/image_raw
night.mp4 --out night_bag --start 1700000000 --storage sqlite3"""


@cli.reports_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = _parse(argv)
    skipped = cli.Skipped()
    if is_bag(Path(options.input)):
        raise SourceError(f'{options.input} is a bag already')
    source = open_source(
        options.input, rate=options.rate, start_ns=to_bag.start_ns(options), on_bad=skipped
    )
    cli.tell(source.notes)
    shots = (to_bag.AnnotatedFrame(frame.stamp_ns, frame.counts) for frame in source)
    to_bag.write(shots, source.length, source.label, options.input, options)
    return skipped.exit_code()


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = cli.parser('images_to_bag', __doc__ or '', EXAMPLES)
    parser.add_argument('input', help='folder of 8- or 16-bit pictures, or video')
    parser.add_argument(
        '--rate', type=float, help="frames per second (default: the video's own, else 10)"
    )
    to_bag.add_arguments(parser, '/image_raw')
    return parser.parse_args(argv)


if __name__ == '__main__':
    raise SystemExit(main())
