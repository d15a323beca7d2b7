"""`manifest.json`: what a compiled folder holds; written by `task=compile`, read by everything that runs it."""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from stereo_exp.base import ArgumentError, UserError, mask_all, parse_json
from stereo_exp.geometry import Reliability, Sizing
from stereo_exp.weights import FURTHEST_RELEASE, NAMES, PUBLISHED, RELEASES, find_name, read_reliability

log = logging.getLogger(__name__)
FORMAT = "stereo_exp.compiled/1"
MANIFEST = "manifest.json"
FULL, TRUNK, ALIGN = "full", "trunk", "align"
FORMS = {
    FULL: "uint8 B×H×W×3 RGB left, right -> disparity float32 B×H×W px, confidence float32 B×H×W in 0…1, as "
    "the network says it: `reliability` makes a probability of it",
    TRUNK: "uint8 left, right -> disparity logits B×D×h×w, superpixel logits B×neighbours×H×W: unrounded accumulators",
    ALIGN: "the trunk with every quantised activation as one more output, as integers",
}
_FIX = "compile again, or copy the folder again"
_TYPES = {
    "str": ("str",),
    "int": ("int",),
    "float": ("float", "int"),
    "str | None": ("str", "NoneType"),
    "float | None": ("float", "int", "NoneType"),
}
_LARGEST = 1 << 20
Entry = TypeVar("Entry")
_FORMER_MULTIPLE = 32
"""Px. Folders from before `multiple` was written down hold StereoNetPlus, whose it is."""


@dataclass(frozen=True)
class FileEntry:
    """A file of the compiled folder."""

    path: str
    """Relative to the manifest."""
    sha256: str
    """Of its bytes, hexadecimal."""
    weights: FileEntry | None = None
    """The second file of formats that have two (OpenVINO's .bin beside its .xml)."""


@dataclass(frozen=True)
class ModelEntry:
    """Where the network comes from."""

    name: str
    stage: str
    """float, calib, qat, int_infer."""
    target: str | None
    """Quantisation target; None for a float network."""
    maxdisp: int
    """Disparities lie in [0, maxdisp) px."""
    checkpoint: str
    """Its path, or the name of a release (`stereo_exp.weights.NAMES`)."""
    epe: float | None = None
    """Of the checkpoint's own evaluation, px."""
    checkpoint_sha256: str | None = None
    """Of a release's checkpoint: tells whether the folder was compiled from the weights that lie beside it."""


@dataclass(frozen=True)
class TensorEntry:
    """A quantised activation: real value = (integer − zero_point) · scale."""

    name: str
    """Stable label, as in a calibration's report."""
    output: str
    """Its name among the outputs of the `align` form."""
    scale: float
    zero_point: int
    """In the integers of the `align` form. Engines may want another one than the training framework has: what must be
    equal in both is integer − zero_point."""
    bits: int
    dtype: str
    """int8, uint8, int16 or uint16."""


@dataclass(frozen=True)
class InputEntry:
    """What the forms take."""

    names: tuple[str, ...] = ("left", "right")
    layout: str = "NHWC"
    dtype: str = "uint8"
    colour: str = "RGB"


@dataclass(frozen=True)
class Manifest:
    """A compiled folder. Paths are relative to `folder`."""

    model: ModelEntry
    size: tuple[int, int] | None
    """Height and width that the forms take; None: any multiples of `multiple`."""
    batch: int | None
    """Pairs at a time; None: left open, but engines need take no more than 1."""
    opt: int
    """Level of the graph rewrites, 0 to 3."""
    engines: dict[str, dict[str, FileEntry]]
    """Engine -> form -> file."""
    tensors: tuple[TensorEntry, ...] = ()
    """In the order of the graph; empty for a float network."""
    multiple: int = field(kw_only=True)
    """What the network's height and width must be multiples of, px."""
    sizing: Sizing = field(default_factory=Sizing)
    """The size that the network likes to see pairs at; folders from before it was written down have the defaults."""
    reliability: Reliability | None = None
    """What the confidence of the `full` form is worth; None: nobody counted it on these weights."""
    input: InputEntry = field(default_factory=InputEntry)
    outputs: tuple[str, ...] = ("disparity", "confidence")
    """Of the `full` form."""
    versions: dict[str, str] = field(default_factory=dict)
    """Of what made the folder."""
    created: str = ""
    """ISO 8601, UTC; empty in folders of releases, which have the same bytes whenever they are made."""
    folder: Path = Path()

    def file(self, engine: str, form: str) -> Path:
        """Where a form of an engine lies.

        Raises:
            UserError: the folder was not compiled for this engine or form.
        """
        forms = self.engines.get(engine)
        if not forms:
            has = ", ".join(self.engines)
            rule = f"{self.folder} was compiled for {has or 'no engine'}"
            raise ArgumentError("engine", engine, rule, "compile for that engine")
        if form not in forms:
            raise ArgumentError("form", form, f"{self.folder} has {', '.join(forms)} for {engine}", _FIX)
        return self.folder / forms[form].path

    def to_json(self) -> str:
        """The text of the file."""
        facts = asdict(self)
        del facts["folder"]
        facts["reliability"] = None if self.reliability is None else self.reliability.to_json()
        facts["engines"] = {
            e: {f: _dense(entry) for f, entry in forms.items()} for e, forms in facts["engines"].items()
        }
        return json.dumps(mask_all({"format": FORMAT, **facts}), indent=1) + "\n"


def read_manifest(folder: Path | str, check_files: bool = True) -> Manifest:
    """The manifest of a compiled folder.

    Args:
        folder: it, or its `manifest.json`, or a run folder with `compiled/` in it.
        check_files: compare every file with its checksum.

    Raises:
        UserError: there is none, it is not whole, of another format, or a file is missing or was changed.
    """
    path = _locate(Path(folder))
    try:
        facts = parse_json(path.read_bytes())
    except OSError as error:
        fix = "give the folder that was compiled"
        raise UserError(path, None, f"cannot be read ({error.strerror})", fix) from None
    except ValueError as error:
        raise UserError(path, None, f"is not JSON ({error})", _FIX) from None
    found = facts.pop("format", None) if isinstance(facts, dict) else None
    if found != FORMAT:
        raise UserError(path, found, f"is not of the format {FORMAT}", _FIX)
    try:
        manifest = _from_json(facts, path.parent)
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        raise UserError(path, None, f"is not a whole manifest ({error})", _FIX) from None
    if check_files:
        for forms in manifest.engines.values():
            for entry in forms.values():
                check_file(manifest.folder, entry)
    return manifest


def with_reliability(manifest: Manifest) -> Manifest:
    """A manifest that says what confidence is worth: where nobody counted it on these weights, as counted on released
    ones, which a line of the log says."""
    if manifest.reliability is not None:
        return manifest
    name, stage = manifest.model.name, manifest.model.stage
    is_released = name in NAMES and stage in RELEASES[NAMES[name]]
    network = NAMES[name] if is_released else PUBLISHED
    stage = stage if stage in RELEASES[network] else FURTHEST_RELEASE
    facts = read_reliability(network, stage)
    if facts is None:
        is_released, network, stage = False, PUBLISHED, FURTHEST_RELEASE
        facts = read_reliability(network, stage)
    if facts is None:
        return manifest
    if not is_released:
        told = "confidence: no table comes with these weights, that of %s (%s) serves until calibration makes one"
        log.info(told, find_name(network), stage)
    return replace(manifest, reliability=Reliability.from_json(facts))


def file_entry(folder: Path, path: str, weights: str | None = None) -> FileEntry:
    """The entry of files that exist."""
    return FileEntry(path, sha256_of(folder / path), None if weights is None else file_entry(folder, weights))


def check_file(folder: Path, entry: FileEntry) -> None:
    """Is the file (and its weights) what the manifest says?

    Raises:
        UserError: it is missing, or its checksum differs.
    """
    path = folder / entry.path
    if not path.resolve().is_relative_to(folder.resolve()):
        raise UserError(path, None, "lies outside the compiled folder", _FIX)
    try:
        found = sha256_of(path)
    except OSError as error:
        raise UserError(path, None, f"cannot be read ({error.strerror})", _FIX) from None
    if found != entry.sha256:
        raise UserError(path, None, "is not the file that was compiled (its SHA-256 differs)", _FIX)
    if entry.weights is not None:
        check_file(folder, entry.weights)


def _locate(path: Path) -> Path:
    if path.is_dir():
        inner = path / "compiled" / MANIFEST
        return inner if inner.is_file() and not (path / MANIFEST).is_file() else path / MANIFEST
    return path


def _from_json(facts: Mapping[str, Any], folder: Path) -> Manifest:
    known = {f.name for f in fields(Manifest)}
    values: dict[str, Any] = {k: v for k, v in facts.items() if k in known}
    values["model"] = _typed(ModelEntry, facts["model"])
    values["size"] = None if facts["size"] is None else tuple(map(_natural, facts["size"]))
    values["batch"] = None if facts["batch"] is None else _natural(facts["batch"])
    values["engines"] = {e: {f: _entry(entry) for f, entry in forms.items()} for e, forms in facts["engines"].items()}
    values["tensors"] = tuple(_typed(TensorEntry, t) for t in facts["tensors"])
    values["input"] = InputEntry(**{**facts["input"], "names": tuple(facts["input"]["names"])})
    values["outputs"] = tuple(facts["outputs"])
    values["multiple"] = _natural(facts.get("multiple", _FORMER_MULTIPLE))
    values["sizing"] = Sizing(**facts.get("sizing", {}))
    table = facts.get("reliability")
    values["reliability"] = None if table is None else Reliability.from_json(table)
    found = Manifest(**{**values, "folder": folder})
    texts = (*found.outputs, *found.input.names, *found.versions.items(), *found.engines, found.created)
    if not all(isinstance(each, str | tuple) for each in texts) or type(found.opt) is not int:
        raise ValueError("a text is none")
    if found.size is not None and (len(found.size) != 2 or any(side % found.multiple for side in found.size)):
        raise ValueError(f"size {found.size} is not one of multiples of {found.multiple}")
    if not all(0 < tensor.scale < math.inf for tensor in found.tensors):
        raise ValueError("a scale is not above 0")
    return found


def _typed(schema: type[Entry], facts: Mapping[str, Any]) -> Entry:
    """An entry whose values have the types that it says; a whole number will do for a float."""
    entry = schema(**facts)
    for each in fields(entry):  # type: ignore[arg-type]
        value = getattr(entry, each.name)
        if type(value).__name__ not in _TYPES[str(each.type)]:
            raise TypeError(f"{each.name} is {type(value).__name__}")
    return entry


def _natural(value: Any) -> int:
    """A whole number from 1 on that is no size of anything too large."""
    if type(value) is not int or not 0 < value <= _LARGEST:
        raise ValueError(f"{value!r:.40} is no size")
    return value


def _entry(facts: Mapping[str, Any]) -> FileEntry:
    weights = facts.get("weights")
    path = PurePosixPath(facts["path"])
    if path.is_absolute() or ".." in path.parts or not path.name or "\0" in str(path):
        raise ValueError(f"{path} lies outside of it")
    return FileEntry(str(facts["path"]), str(facts["sha256"]), None if weights is None else _entry(weights))


def _dense(entry: dict[str, Any]) -> dict[str, Any]:
    """Without the weights that are not there."""
    return {k: v for k, v in entry.items() if v is not None}


def sha256_of(path: Path) -> str:
    """Of a file's bytes, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
