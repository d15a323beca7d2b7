"""`dataset=sceneflow`: shards where there are any under the root, else the data set's own folders and lists."""

from __future__ import annotations

from pathlib import Path

from stereo_exp.config.dataset import SceneFlow
from stereo_exp.data.remote import RemoteFolder, is_remote
from stereo_exp.data.sample import StereoSource
from stereo_exp.data.shard_format import INDEX_NAME
from stereo_exp.data.sources.folder import FolderSource
from stereo_exp.data.sources.layout import Layout
from stereo_exp.data.sources.shards import ShardSource
from stereo_exp.errors import UserError

LAYOUT = Layout(
    "sceneflow",
    "SceneFlow",
    "SceneFlow_finalpass_train.txt, SceneFlow_finalpass_test.txt and the folders that they list, "
    "FlyingThings3D/{frames_finalpass,disparity}/..., or shards, {train,test}/index.json",
    "lmb.informatik.uni-freiburg.de, Scene Flow Datasets; shards: python -m data_tools.pack",
)


def open_split(config: SceneFlow, split: str) -> StereoSource:
    """The source of `train` or `test`."""
    assert config.root is not None
    if is_remote(config.root):
        remote = RemoteFolder(config.root, split, Path(config.cache))
        remote.fetch_index()
        return _of_pass(ShardSource(remote.folder, remote=remote), config)
    root = Path(config.root)
    LAYOUT.folder(root)
    if (root / split / INDEX_NAME).is_file():
        return _of_pass(ShardSource(root / split), config)
    if not any(root.glob("SceneFlow_*.txt")):
        raise LAYOUT.refusal(root)
    return FolderSource(root, split, render_pass=config.render_pass)


def _of_pass(source: ShardSource, config: SceneFlow) -> ShardSource:
    if source.index.render_pass != config.render_pass:
        raise UserError(
            "dataset.render_pass",
            config.render_pass,
            f"the shards in {source.folder} hold {source.index.render_pass}",
            f"add dataset.render_pass={source.index.render_pass} or give other shards",
        )
    return source
