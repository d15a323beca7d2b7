from .bench import (
    Load,
    Progress,
    by_type,
    describe,
    measure_fps,
    measure_latency,
    measure_perf,
    pin_cores,
    write_profile,
)
from .engines import AUTO, ENGINES, choose_engine, is_installed, list_compiled_engines, load_engine
from .engines.base import Engine, OperatorTime
from .engines.onnxruntime import exact_options
from .engines.openvino import EXACT_SUM
from .manifest import (
    ALIGN,
    FORMS,
    FULL,
    MANIFEST,
    TRUNK,
    FileEntry,
    Manifest,
    ModelEntry,
    TensorEntry,
    file_entry,
    read_manifest,
    sha256_of,
)
from .model import MAPS, StereoModel, depth
from .ros import MessageStereo

__all__ = [
    "ALIGN",
    "AUTO",
    "ENGINES",
    "EXACT_SUM",
    "FORMS",
    "FULL",
    "MANIFEST",
    "MAPS",
    "TRUNK",
    "Engine",
    "FileEntry",
    "Load",
    "Manifest",
    "MessageStereo",
    "ModelEntry",
    "OperatorTime",
    "Progress",
    "StereoModel",
    "TensorEntry",
    "by_type",
    "choose_engine",
    "depth",
    "describe",
    "exact_options",
    "file_entry",
    "is_installed",
    "list_compiled_engines",
    "load_engine",
    "measure_fps",
    "measure_latency",
    "measure_perf",
    "pin_cores",
    "read_manifest",
    "sha256_of",
    "write_profile",
]
