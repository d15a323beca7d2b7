"""ONNX graphs as ncnn's networks, operator by operator, without its converter, which knows no quantise operators.

ncnn has no batch, no comparison and no int8 that rounds as ours does: integers are computed as floats of the same
value, so that nothing is lost. `layers` is the network and its two files, `operators` what becomes of ONNX's.
"""

from stereo_exp.deploy.ncnn.layers import Layer, Layers
from stereo_exp.deploy.ncnn.operators import translate

__all__ = ["Layer", "Layers", "translate"]
