from .build import build_loss, build_network, quantize_network
from .datasets import open_split
from .door import compose, create_network, load, open_dataset, run
from .networks import Predictor
from .restore import count_costs, restore_model
from .runs.context import RunContext, leave_refused
from .runs.process import Process
from .runs.ranks import follow, lead
from .runs.report import tell_folder
from .tasks import dispatch
from .track.base import Tracker, read_metrics
from .train.device import Compute, choose
from .train.optim import build_optimizer
from .train.step import train_step

__all__ = [
    "Compute",
    "Predictor",
    "Process",
    "RunContext",
    "Tracker",
    "build_loss",
    "build_network",
    "build_optimizer",
    "choose",
    "compose",
    "count_costs",
    "create_network",
    "dispatch",
    "follow",
    "lead",
    "leave_refused",
    "load",
    "open_dataset",
    "open_split",
    "quantize_network",
    "read_metrics",
    "restore_model",
    "run",
    "tell_folder",
    "train_step",
]
