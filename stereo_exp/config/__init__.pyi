from .binding import MissingPlugin, Network, at_place, bind, bind_network, list_chosen_nodes, register
from .choices import USER_FOLDERS, Choices, conf_dir
from .dataset import Dataset, Eth3d, Kitti2012, Middlebury, Mix, Motorcycle, Pairs, Rendered, SceneFlow, Scenes, Shapes
from .deploy import MAX_OPT, Align, Bench, Device, Engine, Export
from .grammar import assign, keep_numbers_as_typed, quote
from .help import help_text, is_asked_for
from .infer import Infer, Temporal
from .marks import NETWORK, RUN, TASK, facts, find_differences, first_difference, keys_of, narrows
from .messages import from_hydra
from .model import Model, widen
from .parts import NUM_STAGES, STRIDES, Aggregation, Backbone, Neck, Readout, Upsampling, Volume
from .plugins import import_plugins, load_again, load_plugins, read_values
from .quant import CalibScheme, IntScheme, Observer, QatScheme, Quant, Target
from .rules import at_least, positive
from .schema import COSTS, FURTHEST_STAGE, STAGES, TASKS, Eval, Root
from .training import Loss, Machine, Optim, Tracker

__all__ = [
    "COSTS",
    "FURTHEST_STAGE",
    "MAX_OPT",
    "NETWORK",
    "NUM_STAGES",
    "RUN",
    "STAGES",
    "STRIDES",
    "TASK",
    "TASKS",
    "USER_FOLDERS",
    "Aggregation",
    "Align",
    "Backbone",
    "Bench",
    "CalibScheme",
    "Choices",
    "Dataset",
    "Device",
    "Engine",
    "Eth3d",
    "Eval",
    "Export",
    "Infer",
    "IntScheme",
    "Kitti2012",
    "Loss",
    "Machine",
    "Middlebury",
    "MissingPlugin",
    "Mix",
    "Model",
    "Motorcycle",
    "Neck",
    "Network",
    "Observer",
    "Optim",
    "Pairs",
    "QatScheme",
    "Quant",
    "Readout",
    "Rendered",
    "Root",
    "SceneFlow",
    "Scenes",
    "Shapes",
    "Target",
    "Temporal",
    "Tracker",
    "Upsampling",
    "Volume",
    "assign",
    "at_least",
    "at_place",
    "bind",
    "bind_network",
    "conf_dir",
    "facts",
    "find_differences",
    "first_difference",
    "from_hydra",
    "help_text",
    "import_plugins",
    "is_asked_for",
    "keep_numbers_as_typed",
    "keys_of",
    "list_chosen_nodes",
    "load_again",
    "load_plugins",
    "narrows",
    "positive",
    "quote",
    "read_values",
    "register",
    "widen",
]
