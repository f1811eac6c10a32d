"""What runs an ONNX file: one module for each runtime, and what they share."""

from morngan_ros.engines.interface import EngineOptions
from morngan_ros.engines.load import load_engine
from morngan_ros.engines.load import PRECISIONS
from morngan_ros.engines.load import PROVIDERS

__all__ = ['PRECISIONS', 'PROVIDERS', 'EngineOptions', 'load_engine']
