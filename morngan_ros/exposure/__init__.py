"""Raw thermal counts to a steady 8-bit picture."""

from morngan_ros.exposure.agc import Exposure
from morngan_ros.exposure.agc import MODES

__all__ = ['MODES', 'Exposure']
