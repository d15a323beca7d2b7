"""Quantisation: float network -> folded graph -> fake-quantised graph -> integer graph.

`targets` say what the hardware can do, `observers` how ranges are taken, `quantiser` where in the graph tensors become
integers, `network` what the stages train and evaluate, `convert` makes the integer graph, `integer` computes the same
without floating point, `bounds` proves that float32 carries it exactly.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
