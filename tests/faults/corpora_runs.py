"""Checkpoints, runs and compiled folders: small whole files, and how they are read."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cache
from typing import Any

import numpy as np
from corpus import scratch, written


@cache
def network() -> tuple[Any, Any]:
    """The smallest network, and its config."""
    import torch
    from composing import composed

    from stereo_exp.config import bind
    from stereo_exp.suite.build import build_network

    torch.manual_seed(0)
    torch.set_num_threads(1)
    config = bind(composed("experiment=smoke", "tracker=none"))
    return build_network(config.model).eval(), config


def checkpoint_meta() -> dict[str, Any]:
    config = asdict(network()[1])
    scores = {"epe": 1.0}
    return {"stage": "float", "step": 8, "num_steps": 8, "config": config, "run_id": None, "scores": scores,
            "lineage": [], "sizing": {"pixels": 1000, "least": 1.1, "most": 2.0}}  # fmt: skip


def checkpoints() -> list[bytes]:
    import torch

    from stereo_exp.model.checkpoint import save_checkpoint

    save_checkpoint(scratch() / "c.safetensors", checkpoint_meta(), {"model": {"a": torch.ones(2), "b": torch.ones(1)}})
    return [(scratch() / "c.safetensors").read_bytes()]


def read_checkpoint(data: bytes) -> Any:
    from stereo_exp.model.checkpoint import load_checkpoint, load_newest, read_meta, sizing_of

    path = written(data, "checkpoint.safetensors")
    load_newest(path)
    read_meta(path)
    return sizing_of(load_checkpoint(path))


def metadata() -> list[bytes]:
    return [json.dumps({"format": "stereo_exp/2", **checkpoint_meta()}).encode()]


def read_metadata(data: bytes) -> Any:
    """The JSON of a checkpoint, whole as a file, as every reader of it takes it."""
    from safetensors.numpy import save

    from stereo_exp.model.checkpoint import lineage_of, load_checkpoint, sizing_of
    from stereo_exp.suite.restore import check_same_network, network_of

    text = data.decode("utf-8", "replace").replace("\0", "")
    raw = save({"model/a": np.ones(1, np.float32)}, {"format": "stereo_exp/2", "json": text})
    found = load_checkpoint(written(raw, "meta.safetensors"))
    config = network()[1]
    sizing_of(found)
    network_of(found.meta)
    lineage_of(found)
    check_same_network(found.meta, config.model, config.quant, found.path)


def configs() -> list[bytes]:
    return [json.dumps(asdict(network()[1])).encode()]


def read_config(data: bytes) -> Any:
    from stereo_exp.base import parse_json
    from stereo_exp.config import bind, bind_network

    try:
        found = parse_json(data)
    except ValueError:
        return None
    if isinstance(found, dict):
        bind(found)
        bind_network(found)
    return None


def runs() -> list[bytes]:
    from omegaconf import OmegaConf

    return [OmegaConf.to_yaml(OmegaConf.create(asdict(network()[1]))).encode()]


def read_run(data: bytes) -> Any:
    from stereo_exp.suite.runs.replay import prepare_replay

    path = written(data, "outputs/smoke/float/1/config.yaml")
    return prepare_replay([f"replay={path.parent}"])


def logs() -> list[bytes]:
    lines = [json.dumps({"step": step, "train/loss": 1.5, "test/epe": None}) for step in range(4)]
    return ["\n".join(lines).encode() + b"\n"]


def read_log(data: bytes) -> Any:
    """Whoever reads the records sums and compares them: numbers by name."""
    from stereo_exp.suite.track.base import METRICS_FILE, read_metrics

    for record in read_metrics(written(data, METRICS_FILE).parent):
        assert all(isinstance(key, str) for key in record)
        assert isinstance(record["step"], int)
        assert all(value is None or float(value) is not None for value in record.values())


def manifests() -> list[bytes]:
    from stereo_exp.runtime.manifest import FileEntry, Manifest, ModelEntry, TensorEntry

    entry = FileEntry("full.xml", "0" * 64, FileEntry("full.bin", "1" * 64))
    model = ModelEntry("stereonetplus", "int_infer", "pow2", 192, "release", 1.5)
    tensors = (TensorEntry("a", "a_out", 0.5, 0, 8, "int8"),)
    made = Manifest(model, (64, 96), 1, 2, {"openvino": {"full": entry}}, tensors, multiple=32, versions={"a": "1"})
    return [made.to_json().encode()]


def read_manifest(data: bytes) -> Any:
    """What its users take for granted: sizes divide, texts join, files lie in the folder."""
    from stereo_exp.geometry import round_up_size
    from stereo_exp.runtime.manifest import read_manifest

    found = read_manifest(written(data, "compiled/manifest.json"), check_files=False)
    round_up_size((100, 200), found.multiple)
    found.sizing.scale((100, 200))
    ", ".join((*found.engines, *found.outputs, found.model.name, found.model.checkpoint))
    for engine, forms in found.engines.items():
        for form in forms:
            assert found.file(engine, form).resolve().is_relative_to(found.folder.resolve())
    return found.to_json()


@cache
def folded() -> tuple[Any, Any]:
    import torch

    from stereo_exp.quant import fold_batchnorm
    from stereo_exp.quant.trunk import _SMALL, TwoMaps, _shape

    whole = fold_batchnorm(network()[0])
    example = tuple(torch.rand(_shape(whole, _SMALL), generator=torch.Generator().manual_seed(i)) for i in range(2))
    return TwoMaps(*whole.parts).eval(), example


def graphs() -> list[bytes]:
    from stereo_exp.quant import fold_batchnorm
    from stereo_exp.quant.trunk import describe, export_trunk

    return [json.dumps(describe(export_trunk(fold_batchnorm(network()[0])))).encode()]


def read_graph(data: bytes) -> Any:
    """A graph out of a checkpoint; whatever is wrong with it is a `ValueError` there."""
    from stereo_exp.base import parse_json
    from stereo_exp.quant.trunk import rebuild

    module, example = folded()
    try:
        rebuild(parse_json(data), module, example)
    except ValueError:
        return
