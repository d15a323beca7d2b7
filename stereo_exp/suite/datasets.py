"""Data sets by name: from a `dataset` config node and a split to a source of pairs."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock

from stereo_exp.base import UserError, build, count_cores
from stereo_exp.config import (
    Dataset,
    Mix,
    Pairs,
    Scenes,
    Shapes,
    at_place,
)
from stereo_exp.data import (
    GB,
    INDEX_NAME,
    KITTI2012,
    KITTI2015,
    Eth3dSource,
    FilesSource,
    FolderSource,
    KeptSource,
    KittiSource,
    Layout,
    MiddleburySource,
    MixSource,
    MotorcycleSource,
    PairsSource,
    RemoteFolder,
    ShardCache,
    ShardSource,
    StereoSource,
    find_pairs,
    is_remote,
    pack,
    read_pair_table,
    select,
)
from stereo_exp.geometry import Calibration
from stereo_exp.suite.keys import DATASET, by_key


def open_split(dataset: Dataset, split: str) -> StereoSource:
    """The pairs of one split, `train` or `test`, of a `dataset` node.

    Raises:
        UserError: the data set is not where the config says, or has no such split.
    """
    with by_key(DATASET):
        source = build("dataset", dataset, split=split)
    if StereoSource not in type(source).__mro__:
        rule = f"its builder gave {type(source).__name__}, which is no StereoSource"
        raise UserError("dataset", dataset.name, rule, "derive it from stereo_exp.data.StereoSource")
    if dataset.leave_out is not None:
        with by_key(DATASET):
            return KeptSource(source, Path(dataset.leave_out))
    return source


# Splits of sets that publish one list of pairs with truth: all of it, or what the user's list names.


def _listed(source: FilesSource, split: str, train_list: str | None, test_list: str | None) -> StereoSource:
    """The source with the pairs of one split left in it; without a list for that split, all of them."""
    name = {"train": train_list, "test": test_list}[split]
    source.pairs = tuple(select(source.pairs, Path(name) if name else None))
    return source


def open_eth3d(split: str, root: str, train_list: str | None = None, test_list: str | None = None) -> StereoSource:
    """`dataset=eth3d`: every pair with truth, or those of the split's list."""
    return _listed(Eth3dSource(Path(root)), split, train_list, test_list)


def open_kitti2012(
    split: str, root: str, train_list: str | None = None, test_list: str | None = None, grey: bool = False
) -> StereoSource:
    """`dataset=kitti2012`: every pair with truth, or those of the split's list."""
    return _listed(KittiSource(Path(root), KITTI2012, grey=grey), split, train_list, test_list)


def open_kitti2015(split: str, root: str, train_list: str | None = None, test_list: str | None = None) -> StereoSource:
    """`dataset=kitti2015`: every pair with truth, or those of the split's list."""
    return _listed(KittiSource(Path(root), KITTI2015), split, train_list, test_list)


def open_middlebury(
    split: str,
    root: str,
    train_list: str | None = None,
    test_list: str | None = None,
    scale: float | None = None,
) -> StereoSource:
    """`dataset=middlebury`: every pair with truth, or those of the split's list."""
    return _listed(MiddleburySource(Path(root), scale=scale), split, train_list, test_list)


def open_mix(split: str, root: str | None, parts: dict[str, Dataset], weights: dict[str, float]) -> StereoSource:
    """`dataset=mix`: several data sets in one run; the parts' `train` or `test`, under their names."""
    sources = {}
    for name, part in parts.items():
        with at_place("dataset", f"dataset.parts.{name}"):
            sources[name] = open_split(part, split)
    return MixSource(sources, weights)


def open_motorcycle(split: str, root: str | None = None) -> StereoSource:
    """`dataset=motorcycle`: one real pair, to evaluate on; there is nothing to train on."""
    if split != "test":
        raise UserError(
            "dataset",
            "motorcycle",
            "is one pair, for evaluation only",
            "train on dataset=shapes, then add task=eval",
        )
    return MotorcycleSource()


def open_pairs(
    split: str,
    root: str | None = None,
    train_list: str | None = None,
    test_list: str | None = None,
    csv: str | None = None,
    left: str | None = None,
    right: str | None = None,
    disparity: str | None = None,
    scale: float | None = None,
    focal: float | None = None,
    baseline: float | None = None,
    doffs: float = 0.0,
) -> StereoSource:
    """`dataset=pairs`: one's own data, by patterns under a folder or by a CSV file, with or without truth."""
    folder = None if root is None else Path(root)
    if csv is not None:
        pairs = read_pair_table(Path(csv), folder)
    else:
        assert folder is not None and left is not None and right is not None
        pairs = find_pairs(folder, left, right, disparity)
    calibration = None
    if focal is not None and baseline is not None:
        calibration = Calibration(focal, baseline, doffs)
    return _listed(PairsSource(pairs, scale=scale, calibration=calibration), split, train_list, test_list)


PARTS = ("FlyingThings3D", "Driving", "Monkaa")
LAYOUT = Layout(
    "sceneflow",
    "SceneFlow",
    "SceneFlow_finalpass_train.txt, SceneFlow_finalpass_test.txt and the folders that they list, "
    "FlyingThings3D/{frames_finalpass,disparity}/..., or shards, {train,test}/index.json",
    "lmb.informatik.uni-freiburg.de, Scene Flow Datasets; shards: python -m data_tools.pack",
)


def open_sceneflow(
    split: str, root: str, render_pass: str, cache: str | None, cache_gb: float | None, shuffle_window: int | None
) -> StereoSource:
    """`dataset=sceneflow`: shards where there are any under the root, else the data set's own folders and lists."""
    if is_remote(root):
        if cache is None:
            rule = "keeps the shards of a remote root, which needs one"
            raise UserError("dataset.cache", "null", rule, "add dataset.cache=DIR")
        remote = RemoteFolder(root, split, ShardCache(Path(cache), cache_gb))
        remote.fetch_index()
        source = ShardSource(remote.folder, remote=remote, window=shuffle_window)
        _check_cache(source, cache_gb, split)
        return _of_pass(source, render_pass)
    folder = Path(root)
    LAYOUT.folder(folder)
    if (folder / split / INDEX_NAME).is_file():
        return _of_pass(ShardSource(folder / split, window=shuffle_window), render_pass)
    if not any(folder.glob("SceneFlow_*.txt")):
        raise _refusal(folder, split)
    if shuffle_window is not None:
        fix = "pack it (python -m data_tools.pack --help), or leave dataset.shuffle_window out"
        raise UserError("dataset.shuffle_window", shuffle_window, f"needs shards, and {folder} holds files", fix)
    return FolderSource(folder, split, render_pass=render_pass)


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


def _check_cache(source: ShardSource, cache_gb: float | None, split: str) -> None:
    """Refuse a cache from which shards would be dropped while they are still in use, to be fetched again and again."""
    if cache_gb is None:
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
    if cache_gb * GB < needed:
        raise UserError("dataset.cache_gb", cache_gb, f"{rule}, {needed / GB:.3g} GB", fix)


def _of_pass(source: ShardSource, render_pass: str) -> ShardSource:
    if source.index.render_pass != render_pass:
        raise UserError(
            "dataset.render_pass",
            render_pass,
            f"the shards in {source.folder} hold {source.index.render_pass}",
            f"add dataset.render_pass={source.index.render_pass} or give other shards",
        )
    return source


log = logging.getLogger(__name__)
SPLITS = ("train", "test")
_SAMPLES_PER_SHARD = 64
_PACKED = "webp_fast"
"""How views of `scenes` are stored, which are dear to render and many; those of `shapes` stay as they were."""


def open_shapes(split: str, **keys: Any) -> StereoSource:
    """`dataset=shapes`: our procedural scenes, rendered and packed the first time they are asked for.

    Args:
        keys: those of the node.
    """
    return _open_rendered(Shapes(**keys), split)


def open_scenes(split: str, **keys: Any) -> StereoSource:
    """`dataset=scenes`: procedural scenes of meshes and of closed form, rendered and packed on first use.

    Args:
        keys: those of the node.
    """
    return _open_rendered(Scenes(**keys), split)


def _open_rendered(config: Shapes, split: str) -> StereoSource:
    if not config.endless:
        return ShardSource(prepare_shapes(config) / split)
    if split == "test":
        return ShardSource(prepare_shapes(config, ("test",)) / split)
    from stereo_exp.suite.endless import open_endless

    size = config.height, config.width
    parameters = {"height": size[0], "width": size[1], "render_seed": config.render_seed, "scenes": config.scenes}
    parameters |= dict.fromkeys(_switched_off(config), False)
    codec = _PACKED if isinstance(config, Scenes) else "png"
    maker = "stereo_exp.shapes.maker:make_pairs"
    return open_endless(config, _place_of(config), size, maker, parameters, _version(config), codec)


def _place_of(config: Shapes) -> Path:
    """Where a rendered set is kept."""
    if not config.root:
        raise UserError("dataset.root", "null", "rendered pairs must be kept somewhere", "add dataset.root=DIR")
    return Path(config.root)


def _version(config: Shapes) -> str:
    """Of the generators that a set takes."""
    from stereo_exp.shapes import GENERATOR_VERSION, MESH_VERSION, has_meshes

    return f"{GENERATOR_VERSION}.{MESH_VERSION}" if has_meshes(config.scenes) else f"{GENERATOR_VERSION}"


def _switched_off(config: Shapes) -> list[str]:
    """Names of what scenes of meshes do without."""
    from stereo_exp.shapes import has_meshes

    if not isinstance(config, Scenes) or not has_meshes(config.scenes):
        return []
    return [name for name in ("lit", "floaters") if not getattr(config, name)]


def prepare_shapes(config: Shapes, splits: Sequence[str] = SPLITS) -> Path:
    """Render and pack the set unless it is there; returns its folder, one for each set of parameters.

    Args:
        splits: the wanted ones; neither's pairs depend on the other.
    """
    num_train = config.num_train if "train" in splits else 0
    folder = _place_of(config) / (
        f"{num_train}+{config.num_test}_{config.height}x{config.width}"
        f"_seed{config.render_seed}_v{_version(config)}_{_digest(config.scenes)}"
        + "".join(f"_not_{name}" for name in _switched_off(config))
    )
    if all((folder / split / INDEX_NAME).is_file() for split in splits):
        return folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            "dataset.root", config.root, f"cannot be written ({error.strerror})", "give a folder that can"
        ) from None
    # Processes of one run, or two runs at once, must not render the same set twice.
    with FileLock(folder.with_name(f".{folder.name}.lock")):
        if not all((folder / split / INDEX_NAME).is_file() for split in splits):
            _make(config, num_train, folder)
    return folder


def _digest(scenes: dict[str, float]) -> str:
    """Eight hexadecimal digits that stand for the shares of the kinds, whatever their order and scale."""
    total = sum(scenes.values())
    shares = {name: round(share / total, 6) for name, share in sorted(scenes.items()) if share}
    return hashlib.sha256(json.dumps(shares).encode()).hexdigest()[:8]


def _make(config: Shapes, num_train: int, folder: Path) -> None:
    from stereo_exp.base import Meter
    from stereo_exp.shapes import MeshOptions, render_dataset

    total, off = num_train + config.num_test, _switched_off(config)
    workers = config.render_workers or count_cores()
    log.info("rendering %d pairs of %s into %s (once; interrupt and repeat as you like)", total, config.name, folder)
    scenes = folder / "scenes"
    with Meter("render", total) as meter:
        render_dataset(
            scenes,
            train=num_train,
            test=config.num_test,
            height=config.height,
            width=config.width,
            seed=config.render_seed,
            scenes=config.scenes,
            workers=workers,
            progress=lambda done, _: meter.advance(done - meter.done),
            meshes=MeshOptions(lit="lit" not in off, floaters="floaters" not in off),
        )
    for split in SPLITS if num_train else ("test",):
        codec, truth = (_PACKED, "deflated") if isinstance(config, Scenes) else ("png", "npy")
        pack(
            scenes,
            folder,
            split,
            num_workers=workers,
            samples_per_shard=_SAMPLES_PER_SHARD,
            codec=codec,
            truth=truth,
        )
    # The shards hold it all; the set can be drawn again from its seed.
    shutil.rmtree(scenes)


# Which sets can be trained on: those with truth. To calibrate, or to look at predictions, images are enough.


def require_truth(config: Dataset, source: StereoSource) -> None:
    """Refuse to train on a set, or on a part of a mixture, none of whose pairs has truth.

    Args:
        config: what `source` was opened from.

    Raises:
        UserError: so it is; told with the key that names the truth.
    """
    if isinstance(config, Mix) and isinstance(source, MixSource):
        for name, part in config.parts.items():
            with at_place("dataset", f"dataset.parts.{name}"):
                require_truth(part, source.parts[name])
    elif not source.has_truth:
        key, value, fix = "dataset.disparity", None, "dataset.disparity=disparity/*.pfm"
        if isinstance(config, Pairs) and config.csv is not None:
            key, value, fix = "dataset.csv", config.csv, "a column `disparity`"
        raise UserError(
            key,
            value,
            "there is no truth to train on",
            f"add {fix}; without, stage=calib calibrates and task=eval shows predictions",
        )
