"""Abdominal CT segmentation with a distilled transformer: numpy, SimpleITK and onnxruntime only."""

__version__ = "0.1.0"
