"""What a fuzzer begins from: for each parser small files that it takes, made here, and how it is called.

A parser may raise a `UserError`, which users see as one line, and nothing else; and it comes back within seconds.
"""

from __future__ import annotations

import io
import json
import os
import struct
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np


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


@cache
def scratch() -> Path:
    """A folder of this process for parsers that take paths."""
    return Path(tempfile.mkdtemp(prefix="stereo_exp-fuzz-"))


def written(data: bytes, name: str) -> Path:
    path = scratch() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def picture(height: int = 24, width: int = 32, kind: type = np.uint8, channels: int = 3) -> np.ndarray:
    rng = np.random.default_rng(height * width)
    shape = (height, width) if channels == 1 else (height, width, channels)
    return rng.integers(0, np.iinfo(kind).max, shape).astype(kind)


def encoded(suffix: str, pixels: np.ndarray) -> bytes:
    ok, data = cv2.imencode(suffix, pixels)
    assert ok
    return data.tobytes()


# Pictures and maps.


def pictures() -> list[bytes]:
    return [
        encoded(".png", picture()),
        encoded(".png", picture(kind=np.uint16)),
        encoded(".png", picture(channels=1)),
        encoded(".jpg", picture()),
        encoded(".tiff", picture()),
        encoded(".tiff", picture(kind=np.uint16, channels=1)),
        encoded(".bmp", picture()),
        encoded(".webp", picture()),
        encoded(".ppm", picture()),
        encoded(".pgm", picture(channels=1)),
    ]


def read_picture(data: bytes) -> Any:
    from stereo_exp.geometry.formats.exif import read_orientation
    from stereo_exp.geometry.formats.image import decode_rgb, decode_samples

    read_orientation(data)
    decode_samples(data)
    return decode_rgb(data)


def read_png_size(data: bytes) -> Any:
    """A PNG that `png_size` takes decodes, to that size."""
    from stereo_exp.geometry import decode_rgb, png_size

    assert png_size(data) == decode_rgb(data).shape[:2]


def read_grey(data: bytes) -> Any:
    from stereo_exp.geometry.formats.disparity import decode_disparity_png

    return decode_disparity_png(data, 4.0)


def pfms() -> list[bytes]:
    from stereo_exp.geometry import encode_pfm

    values = picture(6, 7, channels=1).astype(np.float32)
    return [encode_pfm(values), encode_pfm(np.dstack([values] * 3)), b"Pf\n2 1\n1.0\n" + b"\0" * 8]


def read_pfm(data: bytes) -> Any:
    from stereo_exp.geometry import decode_pfm

    return decode_pfm(data)


def npys() -> list[bytes]:
    found = []
    for array in (np.ones((3, 4), np.float32), np.ones((1, 3, 4)), np.asfortranarray(np.ones((3, 4), ">i2"))):
        stream = io.BytesIO()
        np.save(stream, array)
        found.append(stream.getvalue())
    return found


def read_npy(data: bytes) -> Any:
    from stereo_exp.geometry.formats.disparity import decode_npy

    return decode_npy(data)


def npzs() -> list[bytes]:
    found = []
    for save, names in ((np.savez, ("disparity", "mask")), (np.savez_compressed, ("arr_0",))):
        stream = io.BytesIO()
        save(stream, **{name: np.ones((3, 4), np.float32) for name in names})
        found.append(stream.getvalue())
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("disparity.txt", "1 2")
    return [*found, stream.getvalue()]


def read_npz(data: bytes) -> Any:
    from stereo_exp.geometry.formats.disparity import decode_npz

    return decode_npz(data)


# Shards.


def deflated() -> list[bytes]:
    from stereo_exp.data.shards.disparity import deflate_disparity

    return [b"".join(deflate_disparity(picture(5, 6, channels=1).astype(np.float32)))]


def read_deflated(data: bytes) -> Any:
    from stereo_exp.data.shards.disparity import inflate_disparity

    return inflate_disparity(data, "truth")


def metas() -> list[bytes]:
    content = {"line": 1, "left": "a/b/left.png", "right": "r.png", "disparity": "d.pfm", "height": 3, "width": 4}
    return [json.dumps({**content, "crc32": {"left.png": 1, "right.png": 2, "disp.npy": 3}}).encode()]


def read_meta(data: bytes) -> Any:
    from stereo_exp.data.shards.format import decode_meta
    from stereo_exp.data.sources.sceneflow import pair_key

    return pair_key(decode_meta(data, "meta")["left"])


def indexes() -> list[bytes]:
    from stereo_exp.data.shards.format import INDEX_NAME, ShardEntry, ShardIndex

    shards = (ShardEntry("shard-000000.tar", 2, 1024, "0" * 64), ShardEntry("shard-000001.tar", 1, 512, "1" * 64, 1))
    folder = scratch() / "index"
    folder.mkdir(exist_ok=True)
    ShardIndex("test", "finalpass", 2, "png", "list.txt", "2" * 64, 4, "0.2.0", shards).write(folder)
    return [(folder / INDEX_NAME).read_bytes()]


def read_index(data: bytes) -> Any:
    from stereo_exp.data.shards.format import INDEX_NAME, ShardIndex

    return ShardIndex.read(written(data, f"index/{INDEX_NAME}").parent)


def tars() -> list[bytes]:
    from stereo_exp.data.shards.write import write_samples
    from stereo_exp.geometry import StereoSample

    truth = picture(8, 12, channels=1).astype(np.float32)
    samples = [StereoSample(f"{n}", picture(8, 12), picture(8, 12), truth) for n in range(2)]
    write_samples(scratch() / "seed.tar", samples)
    return [(scratch() / "seed.tar").read_bytes()]


def read_tar(data: bytes) -> Any:
    """Every pair of a shard; a bit that the checksum of a member misses would be one that nobody sees."""
    from stereo_exp.data.shards.disparity import DEFLATED
    from stereo_exp.data.shards.format import META, find_codec
    from stereo_exp.data.shards.read import open_shard, read_pair

    codec, path = find_codec("png"), written(data, "shard.tar")
    names = (codec.left, codec.right, DEFLATED, META)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        shard = open_shard(descriptor, len(data), path, names)
        return [read_pair(descriptor, shard.members(i, names), key, "png") for i, key in enumerate(shard.keys)]
    finally:
        os.close(descriptor)


# Lists and tables.


def tables() -> list[bytes]:
    return [
        b"left,right,disparity,focal,baseline,doffs\nl/0.png,r/0.png,d/0.pfm,500,0.12,1.5\nl/1.png,r/1.png,,,,\n",
        b"left,right\n\"a,b.png\",c.png\n",
    ]  # fmt: skip


def read_table(data: bytes) -> Any:
    from stereo_exp.data.sources.pairs import read_pair_table

    return read_pair_table(written(data, "pairs.csv"))


def lists() -> list[bytes]:
    return [b"a/left/0.png a/right/0.png a/d/0.pfm\n\nb/left/1.png b/right/1.png b/d/1.pfm\n"]


def read_list(data: bytes) -> Any:
    from stereo_exp.data.sources.sceneflow import pair_key, read_pair_list

    found = read_pair_list(written(data, "list.txt"), "cleanpass")
    return [pair_key(each.left) for each in found.pairs]


# Calibrations.

_K = "[700.5, 0.0, 320.0, 0.0, 700.5, 240.0, 0.0, 0.0, 1.0]"
_MATRIX = "!!opencv-matrix\n   rows: {}\n   cols: {}\n   dt: d\n   data: {}\n"
_RIG = {
    "M1": (3, 3, _K),
    "D1": (1, 5, "[0.1, 0.0, 0.0, 0.0, 0.0]"),
    "M2": (3, 3, _K),
    "D2": (1, 5, "[0.1, 0.0, 0.0, 0.0, 0.0]"),
    "R": (3, 3, "[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]"),
    "T": (3, 1, "[-0.12, 0.0, 0.0]"),
}


def calibrations() -> list[bytes]:
    yaml = "%YAML:1.0\n---\nimage_width: 640\nimage_height: 480\n"
    yaml += "".join(f"{name}: {_MATRIX.format(*values)}" for name, values in _RIG.items())
    xml = "<?xml version='1.0'?>\n<opencv_storage>\n"
    for name, (rows, cols, values) in _RIG.items():
        data = values.strip("[]").replace(",", "")
        xml += f"<{name} type_id='opencv-matrix'><rows>{rows}</rows><cols>{cols}</cols><dt>d</dt>"
        xml += f"<data>{data}</data></{name}>\n"
    camera = {"width": 640, "height": 480, "fx": 700, "fy": 700, "ppx": 320, "ppy": 240, "coeffs": [0] * 5}
    chain = "cam0:\n  camera_model: pinhole\n  distortion_model: radtan\n  distortion_coeffs: [0.1, 0, 0, 0]\n"
    chain += "  intrinsics: [700, 700, 320, 240]\n  resolution: [640, 480]\n"
    turn = "  T_cn_cnm1:\n  - [1, 0, 0, -0.1]\n  - [0, 1, 0, 0]\n  - [0, 0, 1, 0]\n  - [0, 0, 0, 1]\n"
    zed = "[LEFT_CAM_HD]\nfx=700\nfy=700\ncx=640\ncy=360\nk1=0\nk2=0\np1=0\np2=0\nk3=0\n"
    return [each.encode() for each in (
        "cam0=[700 0 320; 0 700 240; 0 0 1]\ncam1=[700 0 330; 0 700 240; 0 0 1]\ndoffs=10\nbaseline=120\n"
        "width=640\nheight=480\nndisp=64\n",
        "P2: 700 0 320 40 0 700 240 0 0 0 1 0\nP3: 700 0 320 -300 0 700 240 0 0 0 1 0\n",
        yaml,
        xml + "</opencv_storage>\n",
        '{"fx": 700.5, "baseline": 0.12, "cx": 320, "cy": 240, "doffs": 0.5, "width": 640, "height": 480}',
        json.dumps({"left": camera, "right": camera, "baseline": 0.05}),
        chain + chain.replace("cam0", "cam1") + turn,
        "[STEREO]\nBaseline=120\nTY=0\nTZ=0\nCV_HD=0\nRX_HD=0\nRZ_HD=0\n" + zed + zed.replace("LEFT", "RIGHT"),
        "700 0 320 0 700 240 0 0 1\n0.12\n",
        "image_width: 640\nimage_height: 480\nK1: " + _K + "\nK2: " + _K + "\nD1: [0, 0, 0, 0]\nD2: [0, 0, 0, 0]\n"
        "R: [1, 0, 0, 0, 1, 0, 0, 0, 1]\nT: [-0.12, 0, 0]\ncamera_model: fisheye\n",
    )]  # fmt: skip


def read_calibration(data: bytes) -> Any:
    from stereo_exp.geometry.calibration.read import fit_cameras, read_calibration

    found = read_calibration(written(data, "calib"))
    return fit_cameras(found, found.size or (640, 480))


# Checkpoints, runs, compiled folders.


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


def tiffs() -> list[bytes]:
    """EXIF of every place, with a directory of its own."""
    entry = (
        struct.pack("<HHII", 0x0112, 3, 1, 6)
        + struct.pack("<HHII", 256, 4, 1, 32)
        + struct.pack("<HHII", 257, 4, 1, 24)
    )
    block = b"II*\0\x08\0\0\0" + struct.pack("<H", 3) + entry + b"\0" * 4
    jpeg = encoded(".jpg", picture())
    app1 = b"Exif\0\0" + block
    return [block, jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(app1) + 2) + app1 + jpeg[2:]]


def read_exif(data: bytes) -> Any:
    from stereo_exp.geometry.formats.declared import read_declared_size
    from stereo_exp.geometry.formats.exif import is_whole_jpeg, read_orientation

    assert 1 <= read_orientation(data) <= 8
    is_whole_jpeg(data)
    size = read_declared_size(data)
    assert size is None or min(size) > 0


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
