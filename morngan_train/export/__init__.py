"""From a checkpoint to the ONNX file for the vehicle."""

from morngan_train.export.onnx_file import export
from morngan_train.export.onnx_file import load_trained
from morngan_train.export.onnx_file import to_onnx

__all__ = ['export', 'load_trained', 'to_onnx']
