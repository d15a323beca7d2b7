"""The released weights: checkpoints that come with the package, meant by `release` in place of a path."""

from __future__ import annotations

from pathlib import Path

from stereo_exp.errors import CheckpointError

RELEASE = "release"
FILES = {"float": "stereonetplus_float.safetensors", "int_infer": "stereonetplus_int8.safetensors"}
"""Stage -> file in this folder."""
FOLDER = Path(__file__).resolve().parent


def released(stage: str, key: str) -> Path:
    """The released checkpoint of a stage.

    Args:
        key: the config key that says `release`, for messages.

    Raises:
        CheckpointError: nothing is released of this stage, or the file is not there.
    """
    if stage not in FILES:
        raise CheckpointError(
            key,
            RELEASE,
            f"no weights of stage={stage} are released, only of {' and '.join(FILES)}",
            f"give stage=int_infer, or {key}=FILE",
        )
    path = FOLDER / FILES[stage]
    if not path.is_file():
        raise CheckpointError(
            key,
            RELEASE,
            f"the released weights are missing from this installation ({path})",
            f"install the package again, or give {key}=FILE",
        )
    return path


def checkpoint_named(value: str, stage: str, key: str) -> Path:
    """The path that a config key gives: a file's, or with `release` that of the released weights of `stage`."""
    return released(stage, key) if value == RELEASE else Path(value)
