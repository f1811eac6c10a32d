"""Tests of recordings with more in them than images: only what is asked for is read."""

import numpy as np
import pytest
from recordings import counts
from recordings import frame
from recordings import frames
from recordings import Recorded
from recordings import stamp
from recordings import THERMAL
from recordings import Told
from recordings import write_db3
from recordings import write_mcap

from morngan_ros.bags import BagReader
from morngan_ros.bags import COMPRESSED_IMAGE
from morngan_ros.errors import SourceError

SERVICE = b"""service_msgs/ServiceEventInfo info
example_interfaces/AddTwoInts_Request[<=1] request
================================================================================
MSG: example_interfaces/AddTwoInts_Request
int64 a
---
int64 sum
"""

OTHERS = {
    'service event': ('example_interfaces/srv/AddTwoInts_Event', 'cdr', 'ros2msg', SERVICE),
    'json': ('foo.Bar', 'json', 'jsonschema', b'{"type": "object"}'),
    'protobuf': ('foxglove.LocationFix', 'protobuf', 'protobuf', b'\x0a\x00'),
    'flatbuffer': ('foxglove.Grid', 'flatbuffer', 'flatbuffer', b'\xff\xfe'),
    'no schema': ('', 'json', '', b''),
    'no schema but CDR': ('', 'cdr', '', b''),
    'ROS 1': ('std_msgs/String', 'ros1', 'ros1msg', b'string data'),
    'IDL that no parser knows': ('pkg/msg/Odd', 'cdr', 'ros2idl', b'module { union what'),
    'definition that is broken': ('pkg/msg/Worse', 'cdr', 'ros2msg', b'\xff\x00[[['),
    'definition that is empty': ('pkg/msg/Void', 'cdr', 'ros2msg', b''),
    'action feedback': ('pkg/action/Go_FeedbackMessage', 'cdr', 'ros2msg', b'?'),
}


def other(kind: str, index: int) -> Recorded:
    msgtype, encoding, schema_encoding, schema = OTHERS[kind]
    data = b'\0\1\0\0' + bytes(8)
    return Recorded(stamp(index), '/other', data, msgtype, encoding, schema_encoding, schema)


@pytest.mark.parametrize('kind', OTHERS)
@pytest.mark.parametrize('indexed', [True, False], ids=['index', 'no index'])
def test_another_channel_does_no_harm(tmp_path, kind, indexed):
    messages = [message for index in range(3) for message in (other(kind, index), frame(index))]
    path = write_mcap(tmp_path / 'a.mcap', messages)
    if not indexed:
        path.write_bytes(path.read_bytes()[:-40])
    told = Told()
    with BagReader(path, told) as bag:
        found = list(bag.frames())
        raw = list(bag.raw())
    assert told.lines == []
    for index, one in enumerate(found):
        np.testing.assert_array_equal(one.counts, counts(index))
    assert len(found) == 3
    # What ROS 2 can publish bit for bit stays, for those who ask for everything.
    ros = OTHERS[kind][1] == 'cdr' and '/' in OTHERS[kind][0]
    assert len(raw) == (6 if ros else 3)


@pytest.mark.parametrize('profile', ['ros2', '', 'ros1'])
def test_the_profile_of_a_file_does_not_matter(tmp_path, profile):
    path = write_mcap(tmp_path / 'a.mcap', frames(range(2)), profile=profile)
    with BagReader(path) as bag:
        assert len(list(bag.frames())) == 2


def test_another_topic_of_a_db3_does_no_harm(tmp_path):
    messages = [other('json', 0), other('service event', 0)._replace(topic='/event')]
    path = write_db3(tmp_path / 'a.db3', [*messages, *frames(range(2))])
    with BagReader(path) as bag:
        assert len(list(bag.frames())) == 2
        assert set(bag.topics) == {THERMAL, '/event'}


def test_a_topic_of_two_types_is_read_as_the_more_frequent_one(tmp_path):
    odd = frame(9)._replace(msgtype=COMPRESSED_IMAGE, data=b'\0\1\0\0')
    path = write_mcap(tmp_path / 'a.mcap', [odd, *frames(range(3))])
    with BagReader(path) as bag:
        assert bag.topics[THERMAL] == 'sensor_msgs/msg/Image'
        assert (len(list(bag.frames())), bag.count(THERMAL)) == (3, 3)


@pytest.mark.parametrize(
    ('messages', 'words'),
    [
        ([], 'no image topic; topics are: none'),
        (
            [Recorded(stamp(0), '/cam', b'{}', 'foxglove.RawImage', 'protobuf', 'protobuf', b'')],
            r'no image topic; topics are: /cam \(foxglove.RawImage in protobuf\)',
        ),
        (
            [other('json', 0)._replace(topic=f'/t{index}') for index in range(100)],
            r'topics are: /t0 .*, 92 more$',
        ),
    ],
    ids=['nothing', 'images in protobuf', 'many topics'],
)
def test_a_recording_without_images_says_what_it_has(tmp_path, messages, words):
    path = write_mcap(tmp_path / 'a.mcap', messages)
    with BagReader(path) as bag, pytest.raises(SourceError, match=words):
        bag.image_topic()
