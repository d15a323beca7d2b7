"""Shards, tables, lists and calibrations: small whole files, and how they are read."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
from corpus import picture, scratch, written

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
