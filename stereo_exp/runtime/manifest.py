"""`manifest.json`: what a compiled folder holds; written by `task=compile`, read by everything that runs it."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from stereo_exp.base import ArgumentError, UserError
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
        return json.dumps({"format": FORMAT, **facts}, indent=1) + "\n"


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
        facts = json.loads(path.read_text())
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
    except (TypeError, ValueError, KeyError, AttributeError) as error:
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
    values["model"] = ModelEntry(**facts["model"])
    values["size"] = None if facts["size"] is None else (int(facts["size"][0]), int(facts["size"][1]))
    values["engines"] = {e: {f: _entry(entry) for f, entry in forms.items()} for e, forms in facts["engines"].items()}
    values["tensors"] = tuple(TensorEntry(**t) for t in facts["tensors"])
    values["input"] = InputEntry(**{**facts["input"], "names": tuple(facts["input"]["names"])})
    values["outputs"] = tuple(facts["outputs"])
    values["multiple"] = int(facts.get("multiple", _FORMER_MULTIPLE))
    values["sizing"] = Sizing(**facts.get("sizing", {}))
    table = facts.get("reliability")
    values["reliability"] = None if table is None else Reliability.from_json(table)
    return Manifest(**{**values, "folder": folder})


def _entry(facts: Mapping[str, Any]) -> FileEntry:
    weights = facts.get("weights")
    return FileEntry(str(facts["path"]), str(facts["sha256"]), None if weights is None else _entry(weights))


def _dense(entry: dict[str, Any]) -> dict[str, Any]:
    """Without the weights that are not there."""
    return {k: v for k, v in entry.items() if v is not None}


def sha256_of(path: Path) -> str:
    """Of a file's bytes, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
