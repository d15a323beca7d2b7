"""The released weights: checkpoints that come with the package, meant by `release` in place of a path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stereo_exp.base.errors import CheckpointError

RELEASE = "release"
PUBLISHED, SLIM = "published", "slim"
RELEASES = {
    PUBLISHED: {"float": "stereonetplus_float.safetensors", "int_infer": "stereonetplus_int8.safetensors"},
    SLIM: {"float": "stereonetplus_slim_float.safetensors", "int_infer": "stereonetplus_slim_int8.safetensors"},
}
"""Network -> stage -> file in this folder: of `model/backbone=mixvargenet`, and of `mixvargenet_slim`."""
NAMES = {
    RELEASE: PUBLISHED,
    f"{RELEASE}-stereonetplus": PUBLISHED,
    f"{RELEASE}-slim": SLIM,
    f"{RELEASE}-published": PUBLISHED,
}
SLIM_EXPANSION = (0.5, 1.0, 1.5, 2.0, 2.0)
"""Its `model.backbone.expansion`, which tells it from the published one."""
FOLDER = Path(__file__).resolve().parent


def network_with(expansion: Sequence[float] | None) -> str:
    """The released network that a configured one is nearest to: the slim one if it is that, else the published one."""
    return SLIM if expansion is not None and tuple(expansion) == SLIM_EXPANSION else PUBLISHED


def released(stage: str, key: str, network: str = PUBLISHED) -> Path:
    """The released checkpoint of a stage.

    Args:
        key: the config key that says `release`, for messages.
        network: one of `RELEASES`.

    Raises:
        CheckpointError: nothing is released of this stage, or the file is not there.
    """
    files = RELEASES[network]
    if stage not in files:
        raise CheckpointError(
            key,
            RELEASE,
            f"no weights of stage={stage} are released, only of {' and '.join(files)}",
            f"give stage=int_infer, or {key}=FILE",
        )
    path = FOLDER / files[stage]
    if not path.is_file():
        raise CheckpointError(
            key,
            RELEASE,
            f"the released weights are missing from this installation ({path})",
            f"install the package again, or give {key}=FILE",
        )
    return path


def checkpoint_named(value: str, stage: str, key: str, network: str = PUBLISHED) -> Path:
    """The path that a config key gives: a file's, or with `release` that of the released weights of `stage`."""
    return released(stage, key, network) if value == RELEASE else Path(value)


def compiled_release(network: str = PUBLISHED) -> Path:
    """stub until merged"""
    return FOLDER / "compiled" / network
