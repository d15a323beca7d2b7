"""Schema of `optim` (what is optimised, and how fast) and `train` (how a run goes)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from omegaconf import MISSING

from stereo_exp.base import UserError, declare, option
from stereo_exp.config.marks import RUN, free, makes
from stereo_exp.config.rules import at_least, fraction, one_of, positive

DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("auto", "fp32", "bf16")


@dataclass
class Optim:
    name: str = MISSING
    """Which optimiser; set by the option `optim=`."""
    lr: float = 2e-3
    """Peak learning rate, before `lr_scale`."""
    lr_scale: float = 1.0
    """A stage's share of `lr`: recipes scale it, so that an experiment's own `lr` still counts."""
    weight_decay: float = 4e-5
    """L2 decay, on parameters with `weight` in their name only (BN scales too, as the reference does)."""
    betas: list[float] = field(default_factory=lambda: [0.9, 0.999])
    """Decay rates of Adam's two moments."""
    epochs: float = 1.5
    """Length of training in passes over the training split."""
    steps: int | None = None
    """Length of training in steps; where given, `epochs` does not count."""
    warmup_epochs: float = 0.1
    """Linear warm-up from 0, in passes over the training split; then a cosine to 0."""
    warmup_steps: int | None = None
    """Linear warm-up in steps; where given, `warmup_epochs` does not count."""
    length_scale: float = 1.0
    """A stage's share of `epochs` or `steps`, as `lr_scale` is of `lr`."""
    warmup_scale: float = 1.0
    """A stage's share of the warm-up; 0 leaves it out."""
    grad_clip: float | None = 10.0
    """Largest L2 norm of the gradient; None clips nothing."""
    ema_decay: float = 0.98
    """Exponential moving average of the weights, used for evaluation; 0 is off."""

    def __post_init__(self) -> None:
        positive("optim.lr", self.lr)
        positive("optim.lr_scale", self.lr_scale)
        positive("optim.length_scale", self.length_scale)
        at_least("optim.warmup_scale", self.warmup_scale, 0)
        at_least("optim.weight_decay", self.weight_decay, 0)
        positive("optim.epochs", self.epochs)
        at_least("optim.warmup_epochs", self.warmup_epochs, 0)
        fraction("optim.ema_decay", self.ema_decay)
        for key, minimum in (("steps", 1), ("warmup_steps", 0)):
            if getattr(self, key) is not None:
                at_least(f"optim.{key}", getattr(self, key), minimum)
        if self.grad_clip is not None:
            positive("optim.grad_clip", self.grad_clip)
        if len(self.betas) != 2 or not all(0 <= b < 1 for b in self.betas):
            raise UserError("optim.betas", self.betas, "must be two numbers in [0, 1)", "try optim.betas=[0.9,0.999]")
        if not math.isfinite(self.lr * self.lr_scale):
            raise UserError("optim.lr", self.lr, "must be finite", "try optim.lr=2e-3")

    def num_steps(self, steps_per_epoch: int) -> int:
        """Steps in all."""
        steps = self.steps if self.steps is not None else self.epochs * steps_per_epoch
        return max(1, round(steps * self.length_scale))

    def num_warmup_steps(self, steps_per_epoch: int) -> int:
        """Steps of the linear warm-up."""
        steps = self.warmup_steps if self.warmup_steps is not None else self.warmup_epochs * steps_per_epoch
        return round(steps * self.warmup_scale)


@option("optim", "adam", "torch.optim:Adam")
@dataclass
class Adam(Optim):
    name: str = "adam"


@option("optim", "adamw", "torch.optim:AdamW")
@dataclass
class AdamW(Optim):
    name: str = "adamw"


@option("optim", "muon", "stereo_exp.suite.train.muon:Muon")
@dataclass
class Muon(Optim):
    name: str = "muon"
    momentum: float = 0.95
    """Decay rate of the momentum of what is made orthogonal."""

    def __post_init__(self) -> None:
        super().__post_init__()
        fraction("optim.momentum", self.momentum)


@dataclass
class Train:
    resume: str = "never"
    """`never` starts afresh; `auto` goes on from the last unfinished run of this name, stage and configuration;
    or the folder of a run."""
    log_every: int = 10
    """Steps between records of loss and learning rate."""
    eval_every: float = 1.0
    """Passes over the training split between evaluations on the test split; 0 evaluates before the first step and after
    the last one only."""
    save_every: int = 50
    """Steps between writes of the `last` checkpoint."""
    compile: bool = False
    """Have torch.compile fuse the network's kernels: for long runs, since compiling takes a minute or more; needs a C++
    compiler, and Triton on a GPU."""
    freeze_norm: bool = makes(RUN, default=False)
    """BatchNorm keeps its statistics while training: for going on from trained weights."""
    max_bad_steps: int = 20
    """Steps in a row with a non-finite loss or gradient after which training stops."""

    def __post_init__(self) -> None:
        at_least("train.log_every", self.log_every, 1)
        at_least("train.eval_every", self.eval_every, 0)
        at_least("train.save_every", self.save_every, 1)
        at_least("train.max_bad_steps", self.max_bad_steps, 1)


@dataclass
class Machine:
    device: str = free("auto")
    """`auto` takes CUDA where there is one, else the CPU."""
    precision: str = "auto"
    """Autocast: `fp32`, `bf16`, or `auto`, which takes bf16 where the device has instructions for it."""
    processes: int = 1
    """Training processes, one for each GPU (or several on a CPU), started by the run itself; under torchrun those that
    it started."""
    threads: int | None = free(None)
    """CPU threads of each process; None leaves torch its choice."""
    patience: float = free(600.0)
    """Seconds that a process which reads or trains may stand still before the run ends and says which one it was."""

    def __post_init__(self) -> None:
        positive("machine.patience", self.patience)
        one_of("machine.device", self.device, DEVICES)
        one_of("machine.precision", self.precision, PRECISIONS)
        at_least("machine.processes", self.processes, 1)
        if self.threads is not None:
            at_least("machine.threads", self.threads, 1)


@dataclass
class Tracker:
    name: str = MISSING
    """Where runs are tracked beside metrics.jsonl; set by the option `tracker=`."""

    def check(self) -> None:
        """What is asked once the run's name is known to be one, which a tracker may take for its own.

        Raises:
            UserError: a value that cannot be.
        """


@option("tracker", "mlflow", "stereo_exp.suite.track.mlflow:MLflowRun")
@dataclass
class MLflowTracker(Tracker):
    name: str = "mlflow"
    uri: str = MISSING
    """The tracking store, e.g. sqlite:///outputs/mlflow.db."""
    experiment: str = MISSING
    """MLflow experiment that takes the run."""
    model: str | None = None
    """Registered model of MLflow whose next version the end of a chain becomes, the network of `stage=int_infer` or the
    folder of `task=compile`: `mlflow.pyfunc.load_model` opens it. null registers none."""

    def check(self) -> None:
        if self.model is not None and (not self.model.strip() or set(self.model) & set("/:")):
            rule = "names a registered model of MLflow: not empty, and without / and :"
            raise UserError("tracker.model", self.model, rule, "try tracker.model=stereo")


@option("tracker", "none", "stereo_exp.suite.track.base:Tracker")
@dataclass
class NoTracker(Tracker):
    name: str = "none"


@dataclass
class Sync:
    run: str | None = None
    """Folder of the run whose records are brought over; None takes every run of this name."""


@dataclass
class Report:
    sweep: str | None = None
    """Folder of the sweep whose jobs are compared. None of the two: all runs of this name."""
    experiment: str | None = None
    """MLflow experiment whose runs are compared; of those whose folder is not here, what the store has."""
    measure: bool = True
    """Measure the latency of float networks that were not measured here yet, once for each structure; false tells what
    is known."""


# Schema of `loss`.


@dataclass
class Loss:
    name: str = MISSING
    """Which loss; set by the option `loss=`."""


@option("loss", "smooth_l1", "stereo_exp.model.losses:smooth_l1_loss")
@dataclass
class SmoothL1(Loss):
    name: str = "smooth_l1"


@option("loss", "distribution", "stereo_exp.model.losses:distribution_loss")
@dataclass
class Distribution(Loss):
    name: str = "distribution"
    weight: float = 10.0
    """Px of loss for each nat of cross-entropy between the disparity distribution and the truth."""
    volumes: float = 0.0
    """Share of `weight` for the cross-entropy of each correlation volume itself, before any aggregation; 0 leaves the
    volumes alone."""
    modes: int = 1
    """1: the truth at a cell's centre is what its distribution should show; 2: where a cell holds two depths, both."""
    spread: float = 0.0
    """Scale of the Laplacian around each mode, in candidates; 0: the two candidates next to it."""
    coarse: float = 1.0
    """Share of the published loss's weight that its coarse map keeps; 0: the final map alone."""

    def __post_init__(self) -> None:
        at_least("loss.weight", self.weight, 0)
        at_least("loss.volumes", self.volumes, 0)
        one_of("loss.modes", self.modes, (1, 2))
        at_least("loss.spread", self.spread, 0)
        at_least("loss.coarse", self.coarse, 0)


# Augmentations have their keys and rules beside their code: each is a dataclass that changes a pair.
_AUGMENT = "stereo_exp.data.augment"
declare(
    "augment",
    photometric=f"{_AUGMENT}.photometric:Photometric",
    statistics=f"{_AUGMENT}.photometric:Statistics",
    vertical_flip=f"{_AUGMENT}.geometry:VerticalFlip",
    scale=f"{_AUGMENT}.geometry:Scale",
    hflip_swap=f"{_AUGMENT}.geometry:HflipSwap",
    vertical_jitter=f"{_AUGMENT}.geometry:VerticalJitter",
    erase=f"{_AUGMENT}.photometric:Erase",
    noise=f"{_AUGMENT}.photometric:Noise",
    jpeg=f"{_AUGMENT}.photometric:Jpeg",
    vertical_field=f"{_AUGMENT}.camera:VerticalField",
    patches=f"{_AUGMENT}.camera:Patches",
    vignette=f"{_AUGMENT}.camera:Vignette",
    defocus=f"{_AUGMENT}.camera:Defocus",
    motion_blur=f"{_AUGMENT}.camera:MotionBlur",
    exposure=f"{_AUGMENT}.camera:Exposure",
    bayer=f"{_AUGMENT}.camera:Bayer",
)
