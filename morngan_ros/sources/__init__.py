"""Where thermal frames come from besides a topic."""

from morngan_ros.sources.frames import Frame
from morngan_ros.sources.frames import open_source
from morngan_ros.sources.frames import Source

__all__ = ['Frame', 'Source', 'open_source']
