"""The whole configuration, as one dataclass."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from stereo_exp.base import UserError, declare
from stereo_exp.config import dataset as data
from stereo_exp.config import deploy, model, quant, training
from stereo_exp.config import training as loss
from stereo_exp.config.deploy import Align, Bench
from stereo_exp.config.infer import Infer, Temporal
from stereo_exp.config.marks import NETWORK, RUN, TASK, makes
from stereo_exp.config.rules import at_least, crop_size, one_of, pair_scale

TASKS = declare(
    "task",
    train="stereo_exp.suite.stages:run",
    eval="stereo_exp.suite.tasks.eval:run",
    infer="stereo_exp.suite.tasks.infer:run",
    export="stereo_exp.suite.tasks.export:run",
    compile="stereo_exp.suite.tasks.compile:run",
    align="stereo_exp.suite.tasks.align:run",
    bench="stereo_exp.suite.tasks.bench:run",
    sync="stereo_exp.suite.tasks.sync:run",
    report="stereo_exp.suite.tasks.report:run",
)
STAGES = declare(
    "stage",
    float="stereo_exp.suite.stages.float:train",
    calib="stereo_exp.suite.stages.calib:train",
    qat="stereo_exp.suite.stages.qat:train",
    int_infer="stereo_exp.suite.stages.int_infer:train",
)
SCORES = ("epe", "epe_noc", "d1", "bad1", "bad2", "bad3")
COSTS = ("latency_ms", "gmac", "parameters")
"""What a job may be judged by: of its evaluation, and of its network's structure."""
FURTHEST_STAGE = "auto"
"""Stands for the furthest stage that there is, where a network is used and not trained."""
# torch takes seeds of 64 bits; a signed integer is also what every store and file format takes.
_SEED_LIMIT = 2**63
_NAME = re.compile(r"[\w.+=,@-]+")


@dataclass
class Eval:
    pictures: int = 4
    """Test images to draw (left, truth, prediction, error)."""
    stability: bool = False
    """The test split is a sequence: also tell how much disparity changes where the image does not."""
    places: bool = False
    """Also tell where the error lies: the border, occluded places, depth edges, bare surfaces, or elsewhere."""
    scale: float | None = makes(RUN, default=None)
    """Resize a pair by this before the network sees it, and the result back; figures are always of the size of the
    truth. None: `task=eval` and `bench.mode=accuracy` enlarge small pairs as `infer` does, by the rule that comes with
    the weights; `task=train` evaluates pairs as they are, at every stage. The report says which, as `eval_scale`."""
    refine: bool = makes(RUN, default=False)
    """Evaluate what `infer.refine=true` gives: the network's disparity, corrected by semi-global matching."""
    fill: bool = makes(RUN, default=False)
    """Evaluate what `infer.fill=true` gives: hidden places take the disparity of what lies behind."""
    left_right: bool = makes(RUN, default=False)
    """Evaluate what `infer.left_right=true` trusts, too: its share (`trusted`) and the metrics of that part
    (`_trusted`); the others stay those of all pixels, as they are predicted. Twice the time."""

    def __post_init__(self) -> None:
        at_least("eval.pictures", self.pictures, 0)
        pair_scale("eval.scale", self.scale)


@dataclass
class Root:
    """Everything that a run is made of."""

    task: str = makes(TASK, default=MISSING)
    """What is done: train, eval, infer, export, compile, align, bench, sync, report."""
    stage: str = makes(TASK, default=MISSING)
    """At which numeric stage the network stands: float, calib, qat, int_infer; auto, where nothing is trained: the
    furthest that there is."""
    name: str = MISSING
    """Runs of one name belong together: a stage finds the one before it by name."""
    root: str = MISSING
    """Folder that takes runs, data made here, and the tracking store."""
    seed: int = makes(RUN, default=0)
    """Initial weights, order of the data, crops and augmentation."""
    init_from: str | None = makes(TASK, default=None)
    """Checkpoint whose weights training starts from; None takes the stage before (float: random weights), `release`
    begins the chain at the released float weights."""
    checkpoint: str | None = makes(TASK, default=None)
    """Network to evaluate, infer, export, compile, align or bench: a checkpoint, the folder of a run, or `release`,
    `release-slim`, the weights that come with the package. None takes the last one of this name, and the release where
    no run of the default name is there yet; `infer` takes the release unless a name is given, too."""
    overwrite: bool = makes(TASK, default=False)
    """Let `infer.out=` and exports write over files that another run, or somebody else, left in their folder."""
    objectives: list[str] = makes(TASK, default_factory=lambda: ["epe"])
    """What a sweeper that learns gets of each job: figures of its evaluation (`epe`, `epe_noc`, `d1`, `bad1`, `bad2`,
    `bad3`) and of its structure (`latency_ms` of the exported float network, `gmac`, `parameters`). Several are a
    tuple, each made small unless `hydra.sweeper.direction` says otherwise."""
    allow_pipe: bool = makes(TASK, default=False)
    """Use a `pipe:` command or a URL that comes out of a file: of the run that `replay=` names, or of `--config-dir`.
    Only the command line can say so."""
    plugins: list[str] = field(default_factory=list)
    """Packages of one's own that declare options, imported before anything is composed. Only the command line loads
    them; in a file they say what to load."""
    model: model.Model = makes(NETWORK, RUN, default=MISSING)
    quant: quant.Quant = makes(RUN, default_factory=quant.Quant)
    dataset: data.Dataset = makes(RUN, TASK, default=MISSING)
    loader: data.Loader = makes(RUN, default_factory=data.Loader)
    augment: dict[str, Any] = makes(RUN, default_factory=dict)
    """Augmentations beside the crop, by name with their arguments, in order; the reference recipe has none."""
    loss: loss.Loss = makes(RUN, default=MISSING)
    optim: training.Optim = makes(RUN, default=MISSING)
    train: training.Train = field(default_factory=training.Train)
    machine: training.Machine = makes(RUN, default_factory=training.Machine)
    tracker: training.Tracker = MISSING
    engine: deploy.Engine = makes(TASK, default_factory=deploy.Engine)
    eval: Eval = makes(TASK, default_factory=Eval)
    infer: Infer = makes(TASK, default_factory=Infer)
    temporal: Temporal = makes(TASK, default_factory=Temporal)
    export: deploy.Export = makes(TASK, default_factory=deploy.Export)
    compile: deploy.Compile = makes(TASK, default_factory=deploy.Compile)
    bench: Bench = makes(TASK, default_factory=Bench)
    align: Align = makes(TASK, default_factory=Align)
    sync: training.Sync = makes(TASK, default_factory=training.Sync)
    report: training.Report = makes(TASK, default_factory=training.Report)

    def __post_init__(self) -> None:
        one_of("task", self.task, TASKS)
        one_of("stage", self.stage, STAGES if self.task == "train" else (*STAGES, FURTHEST_STAGE))
        at_least("seed", self.seed, 0)
        for name in self.objectives:
            one_of("objectives", name, (*SCORES, *COSTS))
        if not self.objectives or len(set(self.objectives)) != len(self.objectives):
            rule = "must name at least one figure, and each once"
            raise UserError("objectives", self.objectives, rule, "try objectives=[epe,latency_ms]")
        if self.seed >= _SEED_LIMIT:
            raise UserError("seed", self.seed, "must fit into 63 bits", "try seed=0")
        if not _NAME.fullmatch(self.name) or set(self.name) == {"."}:
            raise UserError(
                "name", self.name, "names a folder: letters, digits and . _ + = , @ - only", "try name=my-run"
            )
        if isinstance(self.tracker, training.Tracker):
            self.tracker.check()
        if self.task == "train":
            self._check_training()

    def _check_training(self) -> None:
        """What holds between nodes for whoever trains; the other tasks take what is there."""
        if self.quant.stage.name != self.stage:
            raise UserError(
                "quant/stage",
                self.quant.stage.name,
                f"is not the scheme of stage={self.stage}",
                f"pick the scheme with stage={self.quant.stage.name}",
            )
        crop_size("loader.crop", self.loader.crop, self.model.multiple)
        if self.stage != "float":
            self.model.check_integers()
