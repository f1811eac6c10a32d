"""What runs an ONNX file: one module for each runtime, and what they share."""
