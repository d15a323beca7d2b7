"""The one door to torchao: its PT2E functions and the classes that ours build on.

Raises:
    UserError: torchao is not installed (on import of this module).
"""

from __future__ import annotations

import logging
import os
import warnings

from stereo_exp.base import UserError

# Its compiled kernels serve GPUs only; where they do not load it would complain at every import.
os.environ.setdefault("TORCHAO_FORCE_SKIP_LOADING_SO_FILES", "1")
# Copying an exported graph stirs up a deprecation inside torch.
warnings.filterwarnings("ignore", message=r"`isinstance\(treespec, LeafSpec\)`", category=FutureWarning)
_quiet = [logging.getLogger(name) for name in ("torchao", "torch.utils._pytree")]
_levels = [logger.level for logger in _quiet]
try:
    for _logger in _quiet:
        _logger.setLevel(logging.ERROR)
    from torchao.quantization.pt2e.fake_quantize import FakeQuantizeBase
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_qat_pt2e
    from torchao.quantization.pt2e.quantizer import (
        DerivedQuantizationSpec,
        QuantizationAnnotation,
        QuantizationSpec,
        Quantizer,
    )
except ImportError:
    raise UserError("torchao", None, "is not installed", "pip install torchao, or stay with float networks") from None
finally:
    for _logger, _level in zip(_quiet, _levels, strict=True):
        _logger.setLevel(_level)

__all__ = [
    "DerivedQuantizationSpec",
    "FakeQuantizeBase",
    "QuantizationAnnotation",
    "QuantizationSpec",
    "Quantizer",
    "convert_pt2e",
    "prepare_qat_pt2e",
]
