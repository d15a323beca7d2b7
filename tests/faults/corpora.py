"""What a fuzzer begins from: for each parser small files that it takes, made here, and how it is called.

A parser may raise a `UserError`, which users see as one line, and nothing else; and it comes back within seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from corpora_data import (
    calibrations,
    deflated,
    indexes,
    lists,
    metas,
    read_calibration,
    read_deflated,
    read_index,
    read_list,
    read_meta,
    read_table,
    read_tar,
    tables,
    tars,
)
from corpora_pictures import (
    npys,
    npzs,
    pfms,
    pictures,
    read_exif,
    read_grey,
    read_npy,
    read_npz,
    read_pfm,
    read_picture,
    read_png_size,
    tiffs,
)
from corpora_runs import (
    checkpoints,
    configs,
    graphs,
    logs,
    manifests,
    metadata,
    read_checkpoint,
    read_config,
    read_graph,
    read_log,
    read_manifest,
    read_metadata,
    read_run,
    runs,
)
from corpus import encoded, picture


@dataclass(frozen=True)
class Parser:
    """One reader of foreign bytes.

    Attributes:
        seeds: whole inputs, made when they are asked for.
        read: takes bytes; raises a `UserError` or nothing.
        text: mutations of words and numbers go with those of bytes.
    """

    seeds: Callable[[], list[bytes]]
    read: Callable[[bytes], Any]
    text: bool = False


PARSERS: dict[str, Parser] = {
    "image": Parser(pictures, read_picture),
    "exif": Parser(tiffs, read_exif),
    "png-size": Parser(lambda: pictures()[:1], read_png_size),
    "grey": Parser(lambda: [encoded(".png", picture(channels=1)), encoded(".pgm", picture(channels=1))], read_grey),
    "pfm": Parser(pfms, read_pfm),
    "npy": Parser(npys, read_npy),
    "npz": Parser(npzs, read_npz),
    "deflated": Parser(deflated, read_deflated),
    "shard-meta": Parser(metas, read_meta, text=True),
    "shard-index": Parser(indexes, read_index, text=True),
    "tar": Parser(tars, read_tar),
    "table": Parser(tables, read_table, text=True),
    "list": Parser(lists, read_list, text=True),
    "calibration": Parser(calibrations, read_calibration, text=True),
    "checkpoint": Parser(checkpoints, read_checkpoint),
    "checkpoint-json": Parser(metadata, read_metadata, text=True),
    "config": Parser(configs, read_config, text=True),
    "replay": Parser(runs, read_run, text=True),
    "metrics": Parser(logs, read_log, text=True),
    "manifest": Parser(manifests, read_manifest, text=True),
    "graph": Parser(graphs, read_graph, text=True),
}
