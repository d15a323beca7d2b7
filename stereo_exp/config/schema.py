"""The whole configuration, as one dataclass, and which dataclass each config group's options have."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from omegaconf import MISSING

from stereo_exp.base.errors import UserError
from stereo_exp.config import dataset as data
from stereo_exp.config import deploy, model, quant, training
from stereo_exp.config import training as loss
from stereo_exp.config.deploy import Align, Bench
from stereo_exp.config.infer import Infer, Temporal
from stereo_exp.config.rules import at_least, one_of
from stereo_exp.quant.targets import target_classes

TASKS = ("train", "eval", "infer", "export", "compile", "align", "bench")
STAGES = ("float", "calib", "qat", "int_infer")
# torch takes seeds of 64 bits; a signed integer is also what every store and file format takes.
_SEED_LIMIT = 2**63
_NAME = re.compile(r"[\w.+=,@-]+")


@dataclass
class Eval:
    pictures: int = 4
    """Test images to draw (left, truth, prediction, error)."""
    stability: bool = False
    """The test split is a sequence: also tell how much disparity changes where the image does not."""

    def __post_init__(self) -> None:
        at_least("eval.pictures", self.pictures, 0)


@dataclass
class Root:
    """Everything that a run is made of."""

    task: str = MISSING
    """What is done: train, eval, infer, export, compile, align, bench."""
    stage: str = MISSING
    """At which numeric stage the network stands: float, calib, qat, int_infer."""
    name: str = MISSING
    """Runs of one name belong together: a stage finds the one before it by name."""
    root: str = MISSING
    """Folder that takes runs, data made here, and the tracking store."""
    seed: int = 0
    """Initial weights, order of the data, crops and augmentation."""
    init_from: str | None = None
    """Checkpoint whose weights training starts from; None takes the stage before (float: random weights), `release`
    begins the chain at the released float weights."""
    checkpoint: str | None = None
    """Checkpoint to evaluate, infer, export or compile; None takes the last one of this name and stage, `release`
    the weights that come with the package, which also serve where no run of the default name is there yet."""
    model: model.Model = MISSING
    quant: quant.Quant = field(default_factory=quant.Quant)
    dataset: data.Dataset = MISSING
    loader: data.Loader = field(default_factory=data.Loader)
    augment: dict[str, dict[str, float]] = field(default_factory=dict)
    """Augmentations beside the crop, by name with their arguments, in order; the reference recipe has none."""
    loss: loss.Loss = MISSING
    optim: training.Optim = MISSING
    train: training.Train = field(default_factory=training.Train)
    machine: training.Machine = field(default_factory=training.Machine)
    tracker: training.Tracker = MISSING
    eval: Eval = field(default_factory=Eval)
    infer: Infer = field(default_factory=Infer)
    temporal: Temporal = field(default_factory=Temporal)
    export: deploy.Export = field(default_factory=deploy.Export)
    compile: deploy.Compile = field(default_factory=deploy.Compile)
    bench: Bench = field(default_factory=Bench)
    align: Align = field(default_factory=Align)

    def __post_init__(self) -> None:
        one_of("task", self.task, TASKS)
        one_of("stage", self.stage, STAGES)
        at_least("seed", self.seed, 0)
        if self.seed >= _SEED_LIMIT:
            raise UserError("seed", self.seed, "must fit into 63 bits", "try seed=0")
        if not _NAME.fullmatch(self.name) or set(self.name) == {"."}:
            raise UserError(
                "name", self.name, "names a folder: letters, digits and . _ + = , @ - only", "try name=my-run"
            )
        if self.quant.stage.name != self.stage:
            raise UserError(
                "quant/stage",
                self.quant.stage.name,
                f"is not the scheme of stage={self.stage}",
                f"pick the scheme with stage={self.quant.stage.name}",
            )


# Config node -> {name -> its dataclass}: the options of that group. Order matters to `bind`: parents first.
NODES: dict[str, dict[str, type]] = {
    "model": {"stereonetplus": model.StereoNetPlus},
    "model.backbone": dict(model.BACKBONES),
    "model.neck": {"fpn": model.FPN},
    "model.head": {"aanet_spx": model.AANetSpx},
    "quant.stage": {
        "float": quant.FloatScheme,
        "calib": quant.CalibScheme,
        "qat": quant.QatScheme,
        "int_infer": quant.IntScheme,
    },
    "quant.target": target_classes(),
    "quant.observer": {
        "minmax": quant.MinMax,
        "moving_average": quant.MovingAverage,
        "percentile": quant.Percentile,
        "mse": quant.Mse,
    },
    "dataset": {
        "shapes": data.Shapes,
        "sceneflow": data.SceneFlow,
        "kitti2012": data.Kitti2012,
        "kitti2015": data.Kitti2015,
        "middlebury": data.Middlebury,
        "eth3d": data.Eth3d,
        "pairs": data.Pairs,
        "mix": data.Mix,
        "motorcycle": data.Motorcycle,
    },
    "loss": {"smooth_l1": loss.SmoothL1, "distribution": loss.Distribution},
    "optim": {"adam": training.Adam, "adamw": training.AdamW},
    "tracker": {"mlflow": training.MLflowTracker, "none": training.NoTracker},
}
