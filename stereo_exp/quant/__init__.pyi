from .bounds import prove
from .calibration import calibrate, settle_accumulators
from .diagnosis import layer_noise, rank_layers
from .fake import ActivationQuantiser, PerChannelWeightQuantiser, Quantiser
from .integer import compare
from .narrowing import narrow
from .network import QuantisedStereoNet, build_quantized, convert
from .ops import QUANTISE
from .state import integer_state, load_quantized
from .targets import Pow2, Target, covering
from .trunk import describe, export_trunk, fold_batchnorm, trunk_of
from .unfolding import unfold

__all__ = [
    "QUANTISE",
    "ActivationQuantiser",
    "PerChannelWeightQuantiser",
    "Pow2",
    "QuantisedStereoNet",
    "Quantiser",
    "Target",
    "build_quantized",
    "calibrate",
    "compare",
    "convert",
    "covering",
    "describe",
    "export_trunk",
    "fold_batchnorm",
    "integer_state",
    "layer_noise",
    "load_quantized",
    "narrow",
    "prove",
    "rank_layers",
    "settle_accumulators",
    "trunk_of",
    "unfold",
]
