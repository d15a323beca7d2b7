"""`dataset=sceneflow`: shards where there are any under the root, else the data set's own folders and lists."""

from __future__ import annotations

from pathlib import Path

from stereo_exp.config.dataset import SceneFlow
from stereo_exp.data.sample import StereoSource
from stereo_exp.data.shard_format import INDEX_NAME
from stereo_exp.data.sources.folder import FolderSource
from stereo_exp.data.sources.shards import ShardSource
from stereo_exp.errors import UserError


def open_split(config: SceneFlow, split: str) -> StereoSource:
    """The source of `train` or `test`."""
    assert config.root is not None
    root = Path(config.root)
    if not root.is_dir():
        raise UserError(
            "dataset.root",
            root,
            "there is no such folder",
            "give the folder that holds SceneFlow or its shards",
        )
    if (root / split / INDEX_NAME).is_file():
        source = ShardSource(root / split)
        if source.index.render_pass != config.render_pass:
            raise UserError(
                "dataset.render_pass",
                config.render_pass,
                f"the shards in {root / split} hold {source.index.render_pass}",
                f"add dataset.render_pass={source.index.render_pass} or give other shards",
            )
        return source
    return FolderSource(root, split, render_pass=config.render_pass)
