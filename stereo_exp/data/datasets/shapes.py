"""`dataset=shapes`: our procedural scenes, rendered and packed the first time they are asked for."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from pathlib import Path

from filelock import FileLock

from stereo_exp.config.dataset import Shapes
from stereo_exp.data.packing import pack
from stereo_exp.data.sample import StereoSource
from stereo_exp.data.shard_format import INDEX_NAME
from stereo_exp.data.sources.shards import ShardSource
from stereo_exp.errors import UserError

log = logging.getLogger(__name__)
SPLITS = ("train", "test")
_SAMPLES_PER_SHARD = 64


def open_split(config: Shapes, split: str) -> StereoSource:
    """The shards of `train` or `test`, made now where they are missing."""
    return ShardSource(prepare(config) / split)


def prepare(config: Shapes) -> Path:
    """Render and pack the set unless it is there; returns its folder, one for each set of parameters."""
    from data_tools.render import GENERATOR_VERSION

    assert config.root is not None
    folder = Path(config.root) / (
        f"{config.num_train}+{config.num_test}_{config.height}x{config.width}"
        f"_seed{config.render_seed}_v{GENERATOR_VERSION}_{_digest(config.scenes)}"
    )
    if all((folder / split / INDEX_NAME).is_file() for split in SPLITS):
        return folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            "dataset.root", config.root, f"cannot be written ({error.strerror})", "give a folder that can"
        ) from None
    # Processes of one run, or two runs at once, must not render the same set twice.
    with FileLock(folder.with_name(f".{folder.name}.lock")):
        if not all((folder / split / INDEX_NAME).is_file() for split in SPLITS):
            _make(config, folder)
    return folder


def _digest(scenes: dict[str, float]) -> str:
    """Eight hexadecimal digits that stand for the shares of the kinds, whatever their order and scale."""
    total = sum(scenes.values())
    shares = {name: round(share / total, 6) for name, share in sorted(scenes.items()) if share}
    return hashlib.sha256(json.dumps(shares).encode()).hexdigest()[:8]


def _make(config: Shapes, folder: Path) -> None:
    from data_tools.render import render_dataset
    from stereo_exp.progress import Meter

    total = config.num_train + config.num_test
    workers = config.render_workers or len(os.sched_getaffinity(0))
    log.info("rendering %d pairs of shapes into %s (once; interrupt and repeat as you like)", total, folder)
    scenes = folder / "scenes"
    with Meter("render", total) as meter:
        render_dataset(
            scenes,
            train=config.num_train,
            test=config.num_test,
            height=config.height,
            width=config.width,
            seed=config.render_seed,
            scenes=config.scenes,
            workers=workers,
            progress=lambda done, _: meter.advance(done - meter.done),
        )
    for split in SPLITS:
        pack(scenes, folder, split, num_workers=workers, samples_per_shard=_SAMPLES_PER_SHARD)
    # The shards hold it all; the set can be drawn again from its seed.
    shutil.rmtree(scenes)
