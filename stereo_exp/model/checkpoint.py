"""Checkpoints: tensors and JSON in one safetensors file. Reading one never runs code.

Tensors are named `model/<parameter>`, and in a `last` checkpoint also `ema/…`, `optim/<parameter>/<moment>` and
`rng/…`. The header's metadata holds one JSON object (format, stage, step, the resolved config, the loop's state) and a
SHA-256 over that and the tensors. Training keeps two generations of each file: the newest, and the one before it.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from stereo_exp.base import CheckpointError, parse_json, previous_generation, write_bytes, write_generation
from stereo_exp.geometry import Reliability, Sizing
from stereo_exp.model.former import rename, rename_tensors, update
from stereo_exp.weights import find_reliability

FORMAT = "stereo_exp/2"
FORMER = "stereo_exp/1"
"""Read for ever, see `stereo_exp.model.former`."""
# What every reader of a checkpoint may count on. Of another type it is of somebody else, who borrowed our format.
_META_KEYS: dict[str, type | UnionType] = {
    "stage": str,
    "step": int,
    "num_steps": int,
    "config": dict,
    "run_id": str | None,
}
# What may be there besides; links of a chain are dictionaries.
_MORE_KEYS: dict[str, type] = {"scores": dict, "lineage": list, "history": list}
_DIGEST = "sha256"
SIZING = "sizing"
"""Where the JSON holds the figures of `Sizing`; absent: its defaults."""
RELIABILITY = "reliability"
"""Where the JSON holds what the weights' confidence is worth, as `Reliability.to_json` has it; absent: not counted."""
BEST, LAST = "checkpoints/best.safetensors", "checkpoints/last.safetensors"
log = logging.getLogger(__name__)
_PICKLE_MAGICS = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"\x1f\x8b")


@dataclass
class Checkpoint:
    """What a checkpoint file holds."""

    meta: dict[str, Any]
    """`stage`, `step`, `config` (resolved), and the loop's state."""
    tensors: dict[str, Tensor] = field(default_factory=dict)
    path: Path | None = None

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors under `prefix/`, without it."""
        start = prefix + "/"
        return {name[len(start) :]: t for name, t in self.tensors.items() if name.startswith(start)}


def save_checkpoint(
    path: Path, meta: Mapping[str, Any], parts: Mapping[str, Mapping[str, Tensor]], keep_previous: bool = False
) -> None:
    """Write atomically and durably: a reader sees the old file or the new one, after a power cut too.

    Args:
        keep_previous: what stood there until now stays as the generation before, for `load_newest`.
    """
    tensors = {
        f"{prefix}/{name}": tensor.detach().cpu().contiguous()
        for prefix, part in parts.items()
        for name, tensor in part.items()
    }
    text = json.dumps({"format": FORMAT, **meta})
    data = save(tensors, metadata={"format": FORMAT, "json": text, _DIGEST: _digest(text, tensors)})
    if keep_previous:
        write_generation(path, data)
    else:
        write_bytes(path, data, durable=True)


def _digest(text: str, tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over the JSON and over each tensor's name, type, shape and bytes."""
    found = hashlib.sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        found.update(f"\0{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        found.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def load_newest(path: Path) -> Checkpoint | None:
    """The newest whole generation of the checkpoint at `path`: that one, or the one before it.

    A damaged one is told in a line of the log. None: there is none that is whole.
    """
    for each in (Path(path), previous_generation(Path(path))):
        if not each.is_file():
            continue
        try:
            found = load_checkpoint(each)
        except CheckpointError as error:
            log.warning("left out: %s", error)
            continue
        if each != path:
            log.warning("taking the generation before: %s (step %d)", each, found.meta["step"])
        return found
    return None


def locate_newest(place: Path, file: str = BEST) -> Path:
    """The checkpoint that a path means: itself, or of a run's folder the newest whole generation of `file`.

    Where none is whole the path is that of the file, for whoever reads it to say what is wrong.
    """
    if not place.is_dir():
        return place if file == BEST else place / file
    newest = load_newest(place / file)
    return place / file if newest is None or newest.path is None else newest.path


def read_meta(path: Path) -> dict[str, Any]:
    """The JSON of a checkpoint, without its tensors, which are not checked.

    Raises:
        CheckpointError: see `load_checkpoint`.
    """
    return _read(path, with_tensors=False).meta


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint onto the CPU.

    Raises:
        CheckpointError: it is missing, damaged (by a single bit, too: see `_digest`; the checkpoints of 0.1.0 carry
            none), not a safetensors file (pickles are not opened: they can carry code), or not one of ours.
    """
    return _read(path, with_tensors=True)


def _read(path: Path, with_tensors: bool) -> Checkpoint:
    path = Path(path)
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise CheckpointError(
            path,
            None,
            f"the checkpoint cannot be read ({error.strerror})",
            "give the path of an existing one",
        ) from None
    if magic.startswith(_PICKLE_MAGICS):
        raise CheckpointError(
            path,
            None,
            "is a pickle or PyTorch archive, which can carry code and is not opened",
            "use a .safetensors checkpoint written by stereo_exp",
        )
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            names = list(file.keys())
            tensors = {name: file.get_tensor(name) for name in names} if with_tensors else {}
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            path,
            None,
            f"is not a whole safetensors file ({error})",
            _older(path),
        ) from None
    if metadata.get("format") not in (FORMAT, FORMER):
        raise CheckpointError(
            path,
            metadata.get("format"),
            f"is not a checkpoint of ours (format {FORMAT})",
            "use one that stereo_exp wrote",
        )
    try:
        meta = parse_json(metadata["json"])
        missing = [key for key, kind in _META_KEYS.items() if not isinstance(meta[key], kind)]
        missing += [key for key, kind in _MORE_KEYS.items() if not _holds(meta.get(key), kind)]
    except KeyError as error:
        missing = [str(error.args[0])]
    except (TypeError, ValueError):
        missing = ["readable JSON"]
    if missing:
        raise CheckpointError(path, None, f"its header lacks {', '.join(missing)}", _older(path))
    if with_tensors and _DIGEST in metadata and metadata[_DIGEST] != _digest(metadata["json"], tensors):
        rule = "is damaged: its contents are not those that were written (SHA-256 differs)"
        raise CheckpointError(path, None, rule, _older(path))
    if metadata["format"] == FORMER:
        meta, tensors = update(meta, map(rename, names)), rename_tensors(tensors)
    return Checkpoint(meta, tensors, path)


def _holds(value: Any, kind: type) -> bool:
    """Whether an entry that may be missing is of its kind, and a list of dictionaries."""
    if value is None or not isinstance(value, kind):
        return value is None
    return not isinstance(value, list) or all(isinstance(each, dict) for each in value)


def _older(path: Path) -> str:
    """What to do about a damaged checkpoint."""
    before = previous_generation(path)
    return f"use the one before, {before}" if before.is_file() else "copy it again or use an older checkpoint"


def sizing_of(checkpoint: Checkpoint | None) -> Sizing:
    """The size that a checkpoint's network likes to see pairs at; the defaults where its JSON says nothing, and of
    random weights (None).

    Raises:
        CheckpointError: what it says is no such thing.
    """
    found = None if checkpoint is None else checkpoint.meta.get(SIZING)
    if checkpoint is None or found is None:
        return Sizing()
    try:
        return Sizing(**found)
    except (TypeError, ValueError) as error:
        rule, fix = f"is no sizing of a network ({error})", "copy the checkpoint again or use another one"
        raise CheckpointError(checkpoint.path, f"{SIZING}={found}", rule, fix) from None


def sizing_entry(start: Checkpoint | None) -> dict[str, Any]:
    """What the JSON of a checkpoint says of the size, whose weights came from `start`: what that one says."""
    return {} if start is None or start.meta.get(SIZING) is None else {SIZING: asdict(sizing_of(start))}


def reliability_of(checkpoint: Checkpoint) -> Reliability | None:
    """What the confidence of a checkpoint's weights is worth; None where its JSON says nothing and it is none of those
    that are released.

    Raises:
        CheckpointError: what it says is no such thing.
    """
    found = checkpoint.meta.get(RELIABILITY)
    if found is None and checkpoint.path is not None:
        found = find_reliability(checkpoint.path)
    try:
        return None if found is None else Reliability.from_json(found)
    except ValueError as error:
        rule, fix = f"its {RELIABILITY} is damaged ({error})", "copy the checkpoint again or use another one"
        raise CheckpointError(checkpoint.path, None, rule, fix) from None


def reliability_entry(start: Checkpoint | None) -> dict[str, Any]:
    """What the JSON of a checkpoint says of it, whose weights are those of `start` or nearly so: the same."""
    found = None if start is None else reliability_of(start)
    return {} if found is None else {RELIABILITY: found.to_json()}


def lineage_of(start: Checkpoint | None) -> list[dict[str, Any]]:
    """The stages behind a run that starts from `start`, oldest first: stage, EPE and its data set, step, MLflow run and
    path of each; of released weights also the `history` before them."""
    if start is None:
        return []
    meta = start.meta
    history = {"history": meta["history"]} if meta.get("history") else {}
    dataset = meta["config"].get("dataset")
    entry = {
        "stage": meta["stage"],
        "epe": (meta.get("scores") or {}).get("epe"),
        "dataset": dataset.get("name") if isinstance(dataset, dict) else None,
        "step": meta["step"],
        "run_id": meta["run_id"],
        "checkpoint": str(start.path),
        **history,
    }
    return [*(meta.get("lineage") or []), entry]


def load_weights(model: nn.Module, checkpoint: Checkpoint, prefix: str = "model") -> None:
    """Put the weights under `prefix/` into `model`.

    Raises:
        CheckpointError: a name or shape does not fit.
    """
    try:
        model.load_state_dict(checkpoint.part(prefix))
    except RuntimeError as error:
        reason = str(error).split("\n\t")[-1]
        raise CheckpointError(
            checkpoint.path,
            None,
            f"does not fit the network ({reason})",
            "choose a checkpoint of this network",
        ) from None


def optimizer_tensors(optimiser: torch.optim.Optimizer, model: nn.Module) -> dict[str, Tensor]:
    """The optimiser's moments by parameter name; rates come from the config and are not kept."""
    names: dict[Tensor, str] = {parameter: name for name, parameter in model.named_parameters()}
    return {
        f"{names[parameter]}/{key}": torch.as_tensor(value)
        for parameter, state in optimiser.state.items()
        for key, value in state.items()
    }


def restore_optimizer(optimiser: torch.optim.Optimizer, model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """The inverse of `optimizer_tensors`."""
    parameters = dict(model.named_parameters())
    for key, tensor in tensors.items():
        name, moment = key.rsplit("/", 1)
        parameter = parameters[name]
        # Adam keeps its step counter on the CPU, its moments beside their parameter.
        value = tensor.clone() if moment == "step" else tensor.to(parameter.device, copy=True)
        if value.ndim == 4 and parameter.is_contiguous(memory_format=torch.channels_last):
            value = value.contiguous(memory_format=torch.channels_last)
        optimiser.state[parameter][moment] = value
