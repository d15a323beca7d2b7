from .align import Aligned, Limits, Reference, measure, summary
from .engines import ENGINES, OF_ONE_SIZE, TOOL_CHAINS, check_installed
from .folder import Options, build, save_program
from .forms import full_form, judge_form, network_form, trunk_form
from .onnx_export import OLDEST_OPSET, export_trunk_onnx, with_fake_weights
from .portable import with_float_biases, with_views_apart
from .report.estimate import JSON_FILE, PAGE_FILE, Figures, describe_device, measure_device, write_report
from .source import QuantisedTensor, Source
from .surgery import lower

__all__ = [
    "ENGINES",
    "JSON_FILE",
    "OF_ONE_SIZE",
    "OLDEST_OPSET",
    "PAGE_FILE",
    "TOOL_CHAINS",
    "Aligned",
    "Figures",
    "Limits",
    "Options",
    "QuantisedTensor",
    "Reference",
    "Source",
    "build",
    "check_installed",
    "describe_device",
    "export_trunk_onnx",
    "full_form",
    "judge_form",
    "lower",
    "measure",
    "measure_device",
    "network_form",
    "save_program",
    "summary",
    "trunk_form",
    "with_fake_weights",
    "with_float_biases",
    "with_views_apart",
    "write_report",
]
