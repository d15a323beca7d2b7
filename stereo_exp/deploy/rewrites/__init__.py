"""Changes of the graph that leave every number as it is: one function for each, listed with its level.

A rewrite is a function from an `onnx_ir.Model`, which it changes, to how many places it changed. Where what is replaced
always consists of the same operators, it is written as a pattern of them; where any number of inputs, of steps upwards
or of other readers belongs to it (views, concatenations, sizes, zero points), or where one of several operators may
stand (transposed convolutions, shuffles), it walks the graph.
"""

from stereo_exp.deploy.rewrites.schedule import REWRITES, Rewrite, rewrite

__all__ = ["REWRITES", "Rewrite", "rewrite"]
