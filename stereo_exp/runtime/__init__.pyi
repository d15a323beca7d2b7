from .bench import Load, Progress, by_type, describe, measure_fps, measure_latency, measure_perf, pinned, write_profile
from .engines import AUTO, ENGINES, choose_engine, compiled_for, is_installed, load_engine
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
    "ModelEntry",
    "OperatorTime",
    "Progress",
    "StereoModel",
    "TensorEntry",
    "by_type",
    "choose_engine",
    "compiled_for",
    "depth",
    "describe",
    "exact_options",
    "file_entry",
    "is_installed",
    "load_engine",
    "measure_fps",
    "measure_latency",
    "measure_perf",
    "pinned",
    "read_manifest",
    "sha256_of",
    "write_profile",
]
