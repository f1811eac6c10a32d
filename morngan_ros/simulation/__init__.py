"""A simulated night street in long-wave infrared, with ground truth."""

from morngan_ros.simulation.thermal_scene import Scene
from morngan_ros.simulation.thermal_scene import ThermalScene

__all__ = ['Scene', 'ThermalScene']
