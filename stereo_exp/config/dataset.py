"""Schema of `dataset` and `loader`."""

from __future__ import annotations

from dataclasses import dataclass, field

from omegaconf import MISSING

from stereo_exp.base import NOT_BUILT_FROM, UserError, option
from stereo_exp.config.marks import free
from stereo_exp.config.rules import at_least, finite, image_size, one_of, positive

ON_ERROR = ("raise", "skip")
RENDER_PASSES = ("finalpass", "cleanpass")
MESH_SCENES = {"furnished": 3.0, "dense": 2.0, "tabletop": 3.0, "garden": 2.0}
SCENES = {"layers": 1.0, "room": 2.0, "street": 2.0, "table": 2.0, "shelf": 1.0, "thin": 1.0}


@dataclass
class Dataset:
    name: str = MISSING
    """Which data set; set by the option `dataset=`."""
    root: str | None = free(None)
    """Where it lies; None where a data set needs none."""
    on_error: str = field(default="raise", metadata=NOT_BUILT_FROM)
    """What a missing or damaged file does: `raise` stops with its name, `skip` leaves the pair out and counts it."""
    leave_out: str | None = field(default=None, metadata=NOT_BUILT_FROM)
    """List file of pairs to leave out, one a line by its key, as `data_tools.check --model` writes it; of a single set
    that is shuffled as a whole."""

    def __post_init__(self) -> None:
        one_of("dataset.on_error", self.on_error, ON_ERROR)


@dataclass
class Rendered(Dataset):
    """A set that we make ourselves: on first use and for good, or without an end while it is trained on."""

    num_train: int = 960
    """Training pairs to render on first use; with `endless` those of an epoch, a multiple of `reads`."""
    num_test: int = 40
    """Test pairs to render on first use; scenes of their own."""
    endless: bool = False
    """New training pairs in every epoch, rendered while training goes on; the test pairs stay the same."""
    reads: int = 8
    """Epochs in which a pair of an endless set is seen before it is dropped: in each, `num_train` / `reads` are new."""
    ahead: int | None = free(None)
    """Shards of an endless set to have ready before they are needed; None: as many as an epoch brings."""
    disk_gb: float = free(15.0)
    """GB (10⁹ bytes) that all endless sets below `root` together may take; what no run reads makes room."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for key in ("num_train", "num_test", "reads"):
            at_least(f"dataset.{key}", getattr(self, key), 1)
        if self.ahead is not None:
            at_least("dataset.ahead", self.ahead, 1)
        positive("dataset.disk_gb", self.disk_gb)
        if self.endless and self.num_train % self.reads:
            rule = f"is no multiple of dataset.reads={self.reads}: each epoch drops and renders as many pairs"
            fix = f"try dataset.num_train={max(self.num_train // self.reads, 1) * self.reads}"
            raise UserError("dataset.num_train", self.num_train, rule, fix)


@option("dataset", "shapes", "stereo_exp.suite.datasets:open_shapes")
@dataclass
class Shapes(Rendered):
    name: str = "shapes"
    height: int = 256
    """Image height in px."""
    width: int = 512
    """Image width in px."""
    render_seed: int = 0
    """Every picture follows from it."""
    render_workers: int | None = free(None)
    """Processes that render and pack; None takes every core."""
    scenes: dict[str, float] = field(default_factory=lambda: dict(SCENES))
    """Relative share of each kind of scene; 0 leaves a kind out."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("dataset.render_seed", self.render_seed, 0)
        for key in ("height", "width"):
            at_least(f"dataset.{key}", getattr(self, key), 64)
        if self.render_workers is not None:
            at_least("dataset.render_workers", self.render_workers, 1)
        kinds = self.kinds()
        for name, share in self.scenes.items():
            if name not in kinds:
                raise UserError(
                    f"dataset.scenes.{name}", share, f"the kinds are {', '.join(kinds)}", "name one of them"
                )
            finite(f"dataset.scenes.{name}", share)
            at_least(f"dataset.scenes.{name}", share, 0)
        if not any(self.scenes.values()):
            raise UserError(
                "dataset.scenes", "{}", "at least one kind has a share above 0", "set dataset.scenes.room=1"
            )

    @staticmethod
    def kinds() -> tuple[str, ...]:
        """Names that `scenes` may hold."""
        return tuple(SCENES)


@option("dataset", "scenes", "stereo_exp.suite.datasets:open_scenes")
@dataclass
class Scenes(Shapes):
    name: str = "scenes"
    num_train: int = 2400
    """Training pairs to render on first use, twelve of each scene."""
    height: int = 320
    width: int = 640
    scenes: dict[str, float] = field(
        default_factory=lambda: {**MESH_SCENES, **{name: share / 2 for name, share in SCENES.items()}}
    )
    """Relative share of each kind of scene, of meshes and of closed form; 0 leaves a kind out."""
    lit: bool = True
    """Light, shadows and gloss in scenes of meshes; `false` shows the same scenes as bare paint in even light."""
    floaters: bool = True
    """Things in the air of furnished rooms; `false` shows the same rooms, from the same places, without them."""

    @staticmethod
    def kinds() -> tuple[str, ...]:
        """Names that `scenes` may hold."""
        return (*MESH_SCENES, *SCENES)


@option("dataset", "sceneflow", "stereo_exp.suite.datasets:open_sceneflow")
@dataclass
class SceneFlow(Dataset):
    name: str = "sceneflow"
    render_pass: str = "finalpass"
    """`finalpass` (with motion blur and defocus) or `cleanpass`."""
    cache: str | None = None
    """Folder that keeps shards fetched from a remote root; None will do for a root on this machine."""
    cache_gb: float | None = None
    """GB (10⁹ bytes) of shards that `cache` may hold, of all sets together; the least recently used are deleted. None
    keeps everything."""
    shuffle_window: int | None = None
    """Shards whose pairs training mixes at a time, drawing shard after shard in random order: what a set needs that is
    larger than the cache. None shuffles all pairs."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cache_gb is not None:
            positive("dataset.cache_gb", self.cache_gb)
        if self.shuffle_window is not None:
            at_least("dataset.shuffle_window", self.shuffle_window, 1)
        one_of("dataset.render_pass", self.render_pass, RENDER_PASSES)
        _given_a_place(self.root, "SceneFlow", "STEREO_EXP_SCENEFLOW")


@option("dataset", "motorcycle", "stereo_exp.suite.datasets:open_motorcycle")
@dataclass
class Motorcycle(Dataset):
    name: str = "motorcycle"


@dataclass
class Listed(Dataset):
    """A set with truth for one list of pairs: both splits are all of it, unless lists tell them apart."""

    train_list: str | None = None
    """List file of the pairs to train on, one a line by name or left image; None takes every pair with truth."""
    test_list: str | None = None
    """List file of the pairs to evaluate on; None takes every pair with truth."""


@option("dataset", "middlebury", "stereo_exp.suite.datasets:open_middlebury")
@dataclass
class Middlebury(Listed):
    name: str = "middlebury"
    scale: float | None = None
    """Divide integer truth by this; None finds it by year and size (2001: 8, 2003: 4, 2005/06: 1, 2 or 3)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scale is not None:
            positive("dataset.scale", self.scale)
        _given_a_place(self.root, "Middlebury", "STEREO_EXP_MIDDLEBURY")


@option("dataset", "kitti2012", "stereo_exp.suite.datasets:open_kitti2012")
@dataclass
class Kitti2012(Listed):
    name: str = "kitti2012"
    grey: bool = False
    """The grey cameras' images (`image_0`, `image_1`) in place of the colour ones."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _given_a_place(self.root, "KITTI 2012", "STEREO_EXP_KITTI2012")


@option("dataset", "kitti2015", "stereo_exp.suite.datasets:open_kitti2015")
@dataclass
class Kitti2015(Listed):
    name: str = "kitti2015"

    def __post_init__(self) -> None:
        super().__post_init__()
        _given_a_place(self.root, "KITTI 2015", "STEREO_EXP_KITTI2015")


@option("dataset", "eth3d", "stereo_exp.suite.datasets:open_eth3d")
@dataclass
class Eth3d(Listed):
    name: str = "eth3d"

    def __post_init__(self) -> None:
        super().__post_init__()
        _given_a_place(self.root, "ETH3D", "STEREO_EXP_ETH3D")


@option("dataset", "pairs", "stereo_exp.suite.datasets:open_pairs")
@dataclass
class Pairs(Listed):
    name: str = "pairs"
    csv: str | None = None
    """CSV file with the columns left, right and optionally disparity, focal, baseline, doffs; its paths are relative
    to `root`, or to its own folder where there is no `root`."""
    left: str | None = None
    """Pattern of the left images below `root`: `left/*.png`, `**/left/*.png` for any depth of folders, or
    one file, which is one pair."""
    right: str | None = None
    """Pattern of the right images; its wildcards stand for what they stand for in `left`. One file where `left` is."""
    disparity: str | None = None
    """Pattern of the truth (PFM, PNG, PGM, NPY or NPZ); None where there is none."""
    scale: float | None = None
    """Divide what the truth's files hold by this; None: 256 for 16-bit PNG, 1 for PFM, NPY and NPZ."""
    focal: float | None = None
    """Focal length in px, of pairs for which the CSV has none."""
    baseline: float | None = None
    """Distance between the cameras in m, of pairs for which the CSV has none."""
    doffs: float = 0.0
    """Difference of the principal points in px, of pairs for which the CSV has no focal length."""

    def __post_init__(self) -> None:
        super().__post_init__()
        finite("dataset.doffs", self.doffs)
        for key in ("scale", "focal", "baseline"):
            if getattr(self, key) is not None:
                positive(f"dataset.{key}", getattr(self, key))
        if (self.focal is None) != (self.baseline is None):
            missing = "dataset.baseline" if self.baseline is None else "dataset.focal"
            raise UserError(missing, "null", "depth needs focal length (px) and baseline (m)", f"add {missing}=VALUE")
        patterns = [key for key in ("left", "right", "disparity") if getattr(self, key) is not None]
        if self.csv is not None:
            if patterns:
                raise UserError(
                    f"dataset.{patterns[0]}",
                    getattr(self, patterns[0]),
                    "the pairs come from a CSV file or from patterns",
                    "leave out the patterns, or dataset.csv",
                )
            return
        for key in ("root", "left", "right"):
            if not getattr(self, key):
                raise UserError(
                    f"dataset.{key}",
                    "null",
                    "pairs come from patterns below a folder, or from a CSV file",
                    "add dataset.csv=FILE, or dataset.root=DIR dataset.left=left/*.png dataset.right=right/*.png",
                )


def _given_a_place(root: str | None, title: str, variable: str) -> None:
    if not root:
        raise UserError(
            "dataset.root", "null", f"{title} must be given a place", f"add dataset.root=DIR or set {variable}"
        )


@option("dataset", "mix", "stereo_exp.suite.datasets:open_mix")
@dataclass
class Mix(Dataset):
    name: str = "mix"
    parts: dict[str, Dataset] = field(default_factory=dict)
    """The data sets, each a `dataset` option of its own, under names that the report uses."""
    weights: dict[str, float] = field(default_factory=dict)
    """Relative shares of an epoch's pairs, by part, 1 where left out; empty: every pair once an epoch."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.parts:
            raise UserError(
                "dataset.parts", "{}", "a mixture has at least one part", "add +dataset@dataset.parts.NAME=OPTION"
            )
        for name, weight in self.weights.items():
            if name not in self.parts:
                raise UserError(
                    f"dataset.weights.{name}", weight, f"the parts are {', '.join(self.parts)}", "name one of them"
                )
            positive(f"dataset.weights.{name}", weight)


CROP = (256, 512)


@dataclass
class Loader:
    batch_size: int = 4
    """Training pairs a step, on each process."""
    eval_batch_size: int = free(1)
    """Pairs at a time in evaluation; smaller images of a batch are padded to the largest."""
    crop: list[int] = field(default_factory=lambda: list(CROP))
    """Training crop [height, width] in px, multiples of what the network takes (StereoNetPlus: 32); the same window in
    both views and the truth."""
    workers: int = free(1)
    """Loading processes beside each training process; 0 loads in the training process itself."""

    def __post_init__(self) -> None:
        at_least("loader.batch_size", self.batch_size, 1)
        at_least("loader.eval_batch_size", self.eval_batch_size, 1)
        at_least("loader.workers", self.workers, 0)
        image_size("loader.crop", self.crop, CROP)
