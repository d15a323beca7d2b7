from .build import build_loss, build_network, quantize_network
from .chains import run_chain
from .datasets import open_split
from .door import compose, create_network, load, open_dataset, run
from .networks import Predictor
from .publish import commit_here, publish_weights
from .reliability import count_reliability
from .restore import count_costs, load_source, nearest_release, network_of, restore_model
from .runs.context import RunContext, leave_line, leave_refused
from .runs.process import Process
from .runs.ranks import follow, lead
from .runs.replay import check_sources, prepare_replay, refuse_foreign_config
from .runs.report import tell_folder
from .sweep import check_objectives, read_scores
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
    "check_objectives",
    "check_sources",
    "choose",
    "commit_here",
    "compose",
    "count_costs",
    "count_reliability",
    "create_network",
    "dispatch",
    "follow",
    "lead",
    "leave_line",
    "leave_refused",
    "load",
    "load_source",
    "nearest_release",
    "network_of",
    "open_dataset",
    "open_split",
    "prepare_replay",
    "publish_weights",
    "quantize_network",
    "read_metrics",
    "read_scores",
    "refuse_foreign_config",
    "restore_model",
    "run",
    "run_chain",
    "tell_folder",
    "train_step",
]
