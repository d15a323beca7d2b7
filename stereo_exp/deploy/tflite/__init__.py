"""ONNX graphs as TFLite programs, operator by operator: what LiteRT runs, written without its converter.

The values of a graph with their axes in memory (`values`), its operators in those of TFLite
(`operators`, `convolutions`), and the file that holds them (`program`).
"""

from stereo_exp.deploy.tflite.operators import translate
from stereo_exp.deploy.tflite.program import Operator, Program, Tensor

__all__ = ["Operator", "Program", "Tensor", "translate"]
