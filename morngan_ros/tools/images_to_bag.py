"""Write a folder of pictures or a video as a rosbag2 with image and camera_info; no ROS needed."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from morngan_ros.bags import BagWriter
from morngan_ros.bags import camera_info_message
from morngan_ros.bags import image_message
from morngan_ros.bags import is_bag
from morngan_ros.bags import sibling
from morngan_ros.bags import STORAGES
from morngan_ros.errors import SourceError
from morngan_ros.sources import DEFAULT_FRAME_ID
from morngan_ros.sources import open_source
from morngan_ros.tools import cli

EXAMPLES = """\
set00/V000/lwir --out kaist_bag --rate 20 --topic /thermal/image_raw
night.mp4 --out night_bag --start 1700000000 --storage sqlite3"""


@cli.reports_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = _parse(argv)
    skipped = cli.Skipped()
    if is_bag(Path(options.input)):
        raise SourceError(f'{options.input} is a bag already')
    source = open_source(
        options.input,
        rate=options.rate,
        start_ns=None if options.start is None else round(options.start * 1e9),
        frame_id=options.frame_id,
        on_bad=skipped,
    )
    cli.claim_output(options.out, options.input, options.overwrite)
    info_topic = sibling(options.topic, 'camera_info')
    written = 0
    with BagWriter(options.out, options.storage) as bag, cli.progress() as progress:
        for frame in progress.track(source, source.length, description='write'):
            head = frame.stamp_ns, frame.frame_id
            height, width = frame.counts.shape
            bag.write(options.topic, image_message(frame.counts, *head), frame.stamp_ns)
            bag.write(info_topic, camera_info_message(height, width, *head), frame.stamp_ns)
            written += 1
    if written == 0:
        raise SourceError(f'{source.label}: none of its frames could be read')
    print(f'{written} frames of {source.label} -> {options.out} ({options.topic}, {info_topic})')
    return skipped.exit_code()


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = cli.parser('images_to_bag', __doc__ or '', EXAMPLES)
    parser.add_argument('input', help='folder of 8- or 16-bit pictures, or video')
    parser.add_argument('--out', type=Path, required=True, help='the bag, a new directory')
    parser.add_argument(
        '--rate', type=float, help="frames a second (default: the video's own, else 10)"
    )
    parser.add_argument('--topic', default='/image_raw', help='default: %(default)s')
    parser.add_argument('--frame-id', default=DEFAULT_FRAME_ID, help='default: %(default)s')
    parser.add_argument(
        '--start', type=float, help='stamp of the first frame, seconds since 1970 (default: now)'
    )
    parser.add_argument('--storage', choices=STORAGES, default='mcap', help='default: %(default)s')
    parser.add_argument('--overwrite', action='store_true', help='replace an old bag')
    return parser.parse_args(argv)


if __name__ == '__main__':
    raise SystemExit(main())
