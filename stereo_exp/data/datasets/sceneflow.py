"""`dataset=sceneflow`: shards where there are any under the root, else the data set's own folders and lists."""

from __future__ import annotations

from pathlib import Path

from stereo_exp.config.dataset import SceneFlow
from stereo_exp.data.cache import GB, ShardCache
from stereo_exp.data.remote import RemoteFolder, is_remote
from stereo_exp.data.sample import StereoSource
from stereo_exp.data.shard_format import INDEX_NAME
from stereo_exp.data.sources.folder import FolderSource
from stereo_exp.data.sources.layout import Layout
from stereo_exp.data.sources.shards import ShardSource
from stereo_exp.errors import UserError

PARTS = ("FlyingThings3D", "Driving", "Monkaa")
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
    window = config.shuffle_window
    if is_remote(config.root):
        remote = RemoteFolder(config.root, split, ShardCache(Path(config.cache), config.cache_gb))
        remote.fetch_index()
        source = ShardSource(remote.folder, remote=remote, window=window)
        _check_cache(source, config, split)
        return _of_pass(source, config)
    root = Path(config.root)
    LAYOUT.folder(root)
    if (root / split / INDEX_NAME).is_file():
        return _of_pass(ShardSource(root / split, window=window), config)
    if not any(root.glob("SceneFlow_*.txt")):
        raise _refusal(root, split)
    if window is not None:
        fix = "pack it (python -m data_tools.pack --help), or leave dataset.shuffle_window out"
        raise UserError("dataset.shuffle_window", window, f"needs shards, and {root} holds files", fix)
    return FolderSource(root, split, render_pass=config.render_pass)


def _refusal(root: Path, split: str) -> UserError:
    """The error for a folder without lists or shards of the split: it may be one step from what is wanted."""
    if (root / INDEX_NAME).is_file():
        rule, fix = "holds the shards of one split", f"give the folder above it: dataset.root={root.resolve().parent}"
    elif packed := sorted(path.parent.name for path in root.glob(f"*/{INDEX_NAME}")):
        rule = f"holds shards of {', '.join(packed)}, none of {split}"
        fix = f"pack it: python -m data_tools.pack --split-name {split} --src-data-dir DIR --target-data-dir {root}"
    elif any((root / part).is_dir() for part in PARTS):
        rule, fix = "has no list files", f"write them with: python -m data_tools.check {root} --write-lists"
    elif root.resolve().name in PARTS:
        rule, fix = "is one part of SceneFlow", f"give the folder above it: dataset.root={root.resolve().parent}"
    else:
        return LAYOUT.refusal(root)
    return UserError("dataset.root", root, rule, fix)


def _check_cache(source: ShardSource, config: SceneFlow, split: str) -> None:
    """Refuse a cache from which shards would be dropped while they are still in use, to be fetched again and again."""
    if config.cache_gb is None:
        return
    sizes = [shard.bytes for shard in source.index.shards]
    fix = "raise dataset.cache_gb"
    if split != "train":
        needed, rule = max(sizes), "must hold the largest shard"
    elif source.window is None:
        needed, rule = sum(sizes), "must hold the whole set while all of its pairs are shuffled"
        fix += ", or draw shard after shard: dataset.shuffle_window=8"
    else:
        needed, rule = (source.window + 1) * max(sizes), "must hold the shards of the window and one more"
        fix += " or lower dataset.shuffle_window"
    if config.cache_gb * GB < needed:
        raise UserError("dataset.cache_gb", config.cache_gb, f"{rule}, {needed / GB:.3g} GB", fix)


def _of_pass(source: ShardSource, config: SceneFlow) -> ShardSource:
    if source.index.render_pass != config.render_pass:
        raise UserError(
            "dataset.render_pass",
            config.render_pass,
            f"the shards in {source.folder} hold {source.index.render_pass}",
            f"add dataset.render_pass={source.index.render_pass} or give other shards",
        )
    return source
