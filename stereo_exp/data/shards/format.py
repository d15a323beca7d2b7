"""What a shard holds: WebDataset tar members of one pair, and the index beside the shards.

A pair with key K is the consecutive members `K.disp.npy` (float32 H×W, C order, the truth's values as they
stood, infinity = unknown), or `K.disp.z` (the same bits in fewer bytes), `K.json`, and the two views in the codec that
the index names: `K.left.png`, `K.right.png` (the source's bytes, untouched), or `.webp` (lossless), or `.npy` (uint8
H×W×3 RGB).
`INDEX_NAME` names the shards with their sizes and checksums; it has one entry for each shard, not for each
pair, so that it stays small.
"""

from __future__ import annotations

import io
import json
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import reduce
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import cv2
import numpy as np

from stereo_exp.base import ArgumentError, DataError, parse_json, tell_missing_extras, write_text
from stereo_exp.data.sources.sceneflow import Pair
from stereo_exp.geometry import decode_rgb, parse_npy, png_size

# Lossless codecs for the images in a shard: small and slow to read, or large and fast.
#
# `png` keeps the source's bytes; `webp` is a quarter smaller and somewhat faster to decode; `raw` is twice as large
# and costs a copy to read; `webp_fast` is a tenth larger than `webp` and packed in a quarter of its time. Measured in
# docs/log.md.


_WEBP_LOSSLESS = 101  # OpenCV: a quality above 100 is lossless


Member = tuple[bytes | memoryview, ...]
"""A tar member's bytes, in pieces, so that large arrays need not be copied on their way to the file."""


class Codec(NamedTuple):
    """How a view is stored.

    Attributes:
        suffix: of its tar member.
        encode: uint8 H×W×3 RGB -> the member. None: the source's PNG bytes, untouched.
        decode: (the member's bytes, what to call it in errors) -> uint8 H×W×3 RGB; `DataError` if damaged.
    """

    suffix: str
    encode: Callable[[np.ndarray], Member] | None
    decode: Callable[[bytes, object], np.ndarray]

    def store(self, data: bytes, source: object) -> tuple[Member, tuple[int, int]]:
        """A view's member, and its height and width; `DataError` unless the source's image is whole."""
        if self.encode is None:
            return (data,), png_size(data, source)
        pixels = decode_rgb(data, source)
        return self.encode(pixels), (pixels.shape[0], pixels.shape[1])

    @property
    def left(self) -> str:
        """The left view's member."""
        return f"left.{self.suffix}"

    @property
    def right(self) -> str:
        """The right view's member."""
        return f"right.{self.suffix}"


def find_codec(name: str) -> Codec:
    """The codec of this name. `ArgumentError`: there is none."""
    if name not in CODECS:
        raise ArgumentError("codec", name, f"must be one of {', '.join(CODECS)}", "leave it out for png")
    return CODECS[name]


def _encode_webp(pixels: np.ndarray) -> Member:
    ok, data = cv2.imencode(
        ".webp", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, _WEBP_LOSSLESS]
    )
    if not ok:
        raise ValueError("this OpenCV cannot write WebP")
    return (data.reshape(-1).data,)


def _encode_webp_fast(pixels: np.ndarray) -> Member:
    # OpenCV has no setting for the effort.
    with tell_missing_extras():
        from PIL import Image
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "WEBP", lossless=True, method=1, quality=20)
    return (stream.getbuffer(),)


def _decode_raw(data: bytes, source: object) -> np.ndarray:
    pixels = read_npy(data, source)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise DataError(source, f"{pixels.dtype} {pixels.shape}", "an image is uint8 H×W×3", "pack the shard again")
    return pixels


def write_npy(values: np.ndarray) -> Member:
    """`.npy` bytes of an array of plain numbers, which is not copied; the same from every numpy release."""
    contiguous, header = np.ascontiguousarray(values), io.BytesIO()
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(contiguous))
    return header.getvalue(), contiguous.reshape(-1).view(np.uint8).data


def read_npy(data: bytes, source: object) -> np.ndarray:
    """The array of `.npy` bytes, without copying it: read-only. `DataError` unless the bytes are one whole array."""
    try:
        return parse_npy(data)
    except ValueError:
        raise DataError(
            source, f"{len(data)} bytes", "is not a whole .npy array", "restore the shard, or pack it again"
        ) from None


CODECS = {
    "png": Codec("png", None, decode_rgb),
    "webp": Codec("webp", _encode_webp, decode_rgb),
    "raw": Codec("npy", write_npy, _decode_raw),
    "webp_fast": Codec("webp", _encode_webp_fast, decode_rgb),
}


INDEX_NAME = "index.json"
FORMAT_VERSION, DEFLATED_VERSION = 2, 3
"""Of an index, and of one whose truth is deflated: what reads the first cannot read the second."""
DISPARITY, META = "disp.npy", "json"
_LONGEST_META = 1 << 16
# Of a shard's file beside the index: never a path.
_NAME, _COUNT_LIMIT = re.compile(r"[\w-][\w.-]*\.tar"), 1 << 50


@dataclass(frozen=True)
class ShardEntry:
    """One shard in the index; `skipped` counts list lines that on_error=skip left out."""

    name: str
    samples: int
    bytes: int
    sha256: str
    skipped: int = 0


@dataclass(frozen=True)
class ShardIndex:
    """The contents of `index.json`.

    Attributes:
        split, render_pass, samples_per_shard: as packed; shard k holds pairs [k·K, (k+1)·K) of the list.
        codec: of the images, see `stereo_exp.data.shards.format`.
        list_file, list_sha256, list_pairs: the list's name, checksum and number of pairs.
        tool_version: of this package, when it packed.
        truth: how the disparity is stored, see `stereo_exp.data.shards.disparity`.
    """

    split: str
    render_pass: str
    samples_per_shard: int
    codec: str
    list_file: str
    list_sha256: str
    list_pairs: int
    tool_version: str
    shards: tuple[ShardEntry, ...] = field(default=())
    truth: str = "npy"

    @property
    def samples(self) -> int:
        """Pairs in all shards."""
        return sum(shard.samples for shard in self.shards)

    @property
    def skipped(self) -> int:
        """List lines left out of all shards."""
        return sum(shard.skipped for shard in self.shards)

    @property
    def num_missing(self) -> int:
        """Shards that are still to be packed: of an index that was written, none."""
        return -(-self.list_pairs // self.samples_per_shard) - len(self.shards)

    def to_dict(self) -> dict[str, Any]:
        """A JSON object; the totals are written for people and other tools."""
        totals = {
            "samples": self.samples,
            "skipped": self.skipped,
            "bytes": sum(shard.bytes for shard in self.shards),
        }
        content = asdict(self)
        version = FORMAT_VERSION if self.truth == "npy" else DEFLATED_VERSION
        if version == FORMAT_VERSION:
            del content["truth"]
        return {"format": "stereo_exp shards", "version": version} | totals | content

    def write(self, folder: Path) -> None:
        """Write `index.json` into the shards' folder, atomically; one line for each shard."""
        content = self.to_dict()
        shards = ",\n".join(f"  {json.dumps(shard)}" for shard in content.pop("shards"))
        head = json.dumps(content, indent=1).removesuffix("\n}")
        write_text(folder / INDEX_NAME, f'{head},\n "shards": [\n{shards}\n ]\n}}\n')

    @staticmethod
    def read(folder: Path) -> ShardIndex:
        """Read `index.json`; `DataError` where there is none or it is not ours."""
        path = Path(folder) / INDEX_NAME
        fix = "pack the data set again: python -m data_tools.pack --help"
        try:
            content = parse_json(path.read_bytes())
        except OSError as error:
            raise DataError(path, None, f"cannot be read ({error.strerror})", fix) from None
        except ValueError:
            raise DataError(path, None, "is not JSON", fix) from None
        version = content.get("version") if isinstance(content, dict) else None
        if version not in (FORMAT_VERSION, DEFLATED_VERSION):
            rule = f"this release reads versions {FORMAT_VERSION} and {DEFLATED_VERSION}"
            raise DataError(path, f"version {version}", rule, fix)
        if version == FORMAT_VERSION:
            content["truth"] = "npy"
        try:
            shards = tuple(ShardEntry(**entry) for entry in content["shards"])
            values = {name: content[name] for name in ShardIndex.__dataclass_fields__ if name != "shards"}
            index = ShardIndex(**values, shards=shards)
            if not _is_typed(index) or not all(map(_is_sound, shards)):
                raise ValueError
        except (KeyError, TypeError, ValueError):
            raise DataError(path, None, "is not an index of shards", fix) from None
        return index


def _is_typed(index: ShardIndex) -> bool:
    kinds = {"str": str, "int": int}
    return all(type(getattr(index, f.name)) is kinds[str(f.type)] for f in fields(index) if str(f.type) in kinds)


def _is_sound(shard: ShardEntry) -> bool:
    for count in (shard.samples, shard.bytes, shard.skipped):
        if type(count) is not int or not 0 <= count < _COUNT_LIMIT:
            return False
    return type(shard.name) is type(shard.sha256) is str and _NAME.fullmatch(shard.name) is not None


def encode_disparity(values: np.ndarray) -> Member:
    """`.npy` bytes of float32 H×W, which is not copied."""
    return write_npy(values.astype("<f4", copy=False))


def decode_disparity(data: bytes, source: object) -> np.ndarray:
    """Read `.npy` bytes; `DataError` unless they are a whole float32 H×W array."""
    values = read_npy(data, source)
    if values.dtype != np.float32 or values.ndim != 2:
        raise DataError(source, f"{values.dtype} {values.shape}", "disparity is float32 H×W", "pack the shard again")
    return values


def encode_meta(pair: Pair, size: tuple[int, int], members: Mapping[str, Member]) -> Member:
    """The JSON member: where the pair comes from, its size, and the CRC-32 of every other member.

    Tar checks its headers only, and of the codecs PNG alone has checksums: without the CRC a flipped bit would train
    the network in silence.
    """
    content = {
        "line": pair.line,
        "left": pair.left,
        "right": pair.right,
        "disparity": pair.disparity,
        "height": size[0],
        "width": size[1],
        "crc32": {name: reduce(_crc32, member, 0) for name, member in members.items()},
    }
    return (json.dumps(content, separators=(",", ":")).encode(),)


def _crc32(so_far: int, piece: bytes | memoryview) -> int:
    return zlib.crc32(piece, so_far)


def decode_meta(data: bytes, source: object) -> dict[str, Any]:
    """The JSON member; `DataError` unless it names the left image and the other members' CRC-32."""
    try:
        content = parse_json(data, _LONGEST_META)
    except ValueError:
        content = None
    kinds = {"left": str, "crc32": dict}
    is_pair = isinstance(content, dict) and all(isinstance(content.get(k), t) for k, t in kinds.items())
    if not is_pair or not PurePosixPath(content["left"]).name:
        raise DataError(
            source, f"{len(data)} bytes", "is not the JSON of a pair", "restore the shard, or pack it again"
        )
    return content
