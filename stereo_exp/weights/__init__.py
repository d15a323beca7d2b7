"""The released weights, meant by name in place of a path: checkpoints, and the int8 ones compiled for engines."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from stereo_exp.base import CheckpointError

__all__ = [
    "COMPILED",
    "FOLDER",
    "FURTHEST_RELEASE",
    "NAMES",
    "PUBLISHED",
    "RELEASE",
    "RELEASES",
    "RELIABILITY",
    "SLIM",
    "find_compiled_release",
    "find_name",
    "find_release",
    "find_reliability",
    "locate_compiled",
    "read_reliability",
    "resolve_checkpoint",
]

RELEASE = "release"
PUBLISHED, SLIM = "published", "slim"
RELEASES = {
    PUBLISHED: {"float": "stereonetplus_float.safetensors", "int_infer": "stereonetplus_int8.safetensors"},
    SLIM: {"float": "stereonetplus_slim_float.safetensors", "int_infer": "stereonetplus_slim_int8.safetensors"},
}
"""Network -> stage -> file in this folder: of `model/backbone=mixvargenet`, and of `mixvargenet_slim`."""
NAMES = {RELEASE: PUBLISHED, "release-stereonetplus": PUBLISHED, "release-slim": SLIM}
"""What users type -> network. `release` is the one that is taken unless another is named."""
FURTHEST_RELEASE = "int_infer"
"""The stage that a release is taken at unless another is asked for; at this one it comes compiled."""
FOLDER = Path(__file__).resolve().parent
RELIABILITY = FOLDER / "reliability.json"
"""Of each released network at each of its stages: what its confidence is worth (`stereo_exp.geometry.Reliability`), and
the SHA-256 of the checkpoint that it was counted on."""
COMPILED = "compiled"
"""Folder beside the weights, with a compiled folder for each int8 network."""


def find_name(network: str) -> str:
    """The name among `NAMES` that always means this network, of `RELEASES`."""
    return next(name for name, named in NAMES.items() if named == network and name != RELEASE)


def find_release(stage: str, key: str, network: str = PUBLISHED, value: str = RELEASE) -> Path:
    """The released checkpoint of a stage.

    Args:
        key: the config key that names the release, for messages.
        network: one of `RELEASES`.
        value: the name as it was typed, for messages.

    Raises:
        CheckpointError: nothing is released of this stage, or the file is not there.
    """
    files = RELEASES[network]
    if stage not in files:
        raise CheckpointError(
            key,
            value,
            f"no weights of stage={stage} are released, only of {' and '.join(files)}",
            f"give stage=int_infer, or {key}=FILE",
        )
    path = FOLDER / files[stage]
    if not path.is_file():
        raise CheckpointError(
            key,
            value,
            f"the released weights are missing from this installation ({path})",
            f"install the package again, or give {key}=FILE",
        )
    return path


def read_reliability(network: str = PUBLISHED, stage: str = FURTHEST_RELEASE) -> dict[str, Any] | None:
    """The table of a released network at a stage, as its file has it; None: it is not there.

    Raises:
        CheckpointError: the file is damaged.
    """
    try:
        found: dict[str, Any] | None = json.loads(RELIABILITY.read_text()).get(network, {}).get(stage)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise CheckpointError(RELIABILITY, None, f"cannot be read ({error})", "install the package again") from None
    return found


def find_reliability(checkpoint: Path) -> dict[str, Any] | None:
    """The table of a released checkpoint, wherever a copy of it lies; None: it is none, or not the one that was counted
    on."""
    for network, files in RELEASES.items():
        for stage, file in files.items():
            if checkpoint.name == file and checkpoint.is_file():
                found = read_reliability(network, stage)
                sha256 = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
                return found if found is not None and found.get("checkpoint_sha256") == sha256 else None
    return None


def resolve_checkpoint(value: str, stage: str, key: str, network: str = PUBLISHED) -> Path:
    """The path that a config key gives: a file's, or with one of `NAMES` that of the released weights of `stage`.

    Args:
        network: what `release` alone means here.

    Raises:
        CheckpointError: see `find_release`; or a name that begins like theirs is neither one of them nor a file.
    """
    if value in NAMES:
        return find_release(stage, key, network if value == RELEASE else NAMES[value], value)
    path = Path(value)
    if value.startswith(f"{RELEASE}-") and not path.exists():
        rule = f"is neither a file nor a release; released are {', '.join(NAMES)}"
        raise CheckpointError(key, value, rule, f"try {key}={RELEASE}")
    return path


def find_compiled_release(network: str = PUBLISHED) -> Path:
    """The compiled folder of a released int8 network, for `stereo_exp.runtime.StereoModel`.

    Its files are checked against their checksums when they are loaded.

    Args:
        network: one of `RELEASES`.

    Raises:
        CheckpointError: it is not there.
    """
    folder = locate_compiled(FOLDER, network)
    if not (folder / "manifest.json").is_file():
        raise CheckpointError(
            "network",
            network,
            f"its compiled form is missing from this installation ({folder})",
            "install the package again, or make it with: python -m stereo_exp.suite.publish --compile",
        )
    return folder


def locate_compiled(weights: Path, network: str) -> Path:
    """Where the compiled form of a network lies beside the released files in `weights`."""
    return weights / COMPILED / find_name(network).removeprefix(f"{RELEASE}-")
