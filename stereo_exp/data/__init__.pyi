from .augment.base import Augment
from .augment.geometry import resize_sample
from .endless.source import EndlessSource, Recipe
from .loader import StereoBatch, StereoLoader, collate, eval_loader, first_views, train_loader
from .order import TrainBatches, sample_rng, steps_per_epoch
from .shards.format import CODECS, INDEX_NAME, ShardEntry, ShardIndex
from .shards.packing import SKIPPED_NAME, pack
from .shards.read import ShardSource
from .shards.remote import GB, RemoteFolder, ShardCache, is_remote
from .source import StereoSource, num_pairs, read_pairs
from .sources.eth3d import Eth3dSource
from .sources.files import FilesSource, Layout, select
from .sources.kept import KeptSource, read_keys
from .sources.kitti import KITTI2012, KITTI2015, KittiSource
from .sources.middlebury import MiddleburySource, MotorcycleSource
from .sources.mix import MixSource
from .sources.pairs import PairsSource, find_pairs, read_pair_table
from .sources.sceneflow import RENDER_PASSES, FolderSource, read_pair_list

__all__ = [
    "CODECS",
    "GB",
    "INDEX_NAME",
    "KITTI2012",
    "KITTI2015",
    "RENDER_PASSES",
    "SKIPPED_NAME",
    "Augment",
    "EndlessSource",
    "Eth3dSource",
    "FilesSource",
    "FolderSource",
    "KeptSource",
    "KittiSource",
    "Layout",
    "MiddleburySource",
    "MixSource",
    "MotorcycleSource",
    "PairsSource",
    "Recipe",
    "RemoteFolder",
    "ShardCache",
    "ShardEntry",
    "ShardIndex",
    "ShardSource",
    "StereoBatch",
    "StereoLoader",
    "StereoSource",
    "TrainBatches",
    "collate",
    "eval_loader",
    "find_pairs",
    "first_views",
    "is_remote",
    "num_pairs",
    "pack",
    "read_keys",
    "read_pair_list",
    "read_pair_table",
    "read_pairs",
    "resize_sample",
    "sample_rng",
    "select",
    "steps_per_epoch",
    "train_loader",
]
