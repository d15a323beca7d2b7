"""Rendering a set into a folder: in parallel, resumable, the same bytes whoever renders."""

from __future__ import annotations

import hashlib
import json
import math
import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import cv2

from stereo_exp.base import (
    WHOLE,
    ArgumentError,
    Part,
    UserError,
    count_cores,
    follow_parent,
    parse_json,
    write_bytes,
    write_text,
)
from stereo_exp.geometry import encode_pfm, encode_png
from stereo_exp.shapes.blocks import (
    ALL_KINDS,
    AS_USUAL,
    BLOCK,
    MESH_VERSION,
    MeshOptions,
    has_meshes,
    render_pairs,
)
from stereo_exp.shapes.raster import Pair
from stereo_exp.shapes.scenes import WEIGHTS

# Where the files of a set lie: SceneFlow's own folders, as its download unpacks them.
#
#     DIR/SceneFlow_finalpass_train.txt, DIR/SceneFlow_finalpass_test.txt
#     DIR/FlyingThings3D/frames_finalpass/TRAIN/A/0000/{left,right}/0006.png
#     DIR/FlyingThings3D/disparity/TRAIN/A/0000/{left,right}/0006.pfm
#     DIR/shapes.json
#
# A line of a list names the left image, the right image and the left disparity, relative to DIR and split by spaces.

PARAMETERS = "shapes.json"
LISTS = {"TRAIN": "SceneFlow_finalpass_train.txt", "TEST": "SceneFlow_finalpass_test.txt"}
ROOT = "FlyingThings3D"
_FRAME = "0006"  # the first frame that FlyingThings3D has for every scene


class PairPaths(NamedTuple):
    """The four files of a pair, relative to the set's folder, with forward slashes."""

    left: str
    right: str
    disparity_left: str
    disparity_right: str

    @property
    def line(self) -> str:
        """The pair's line in the list file, without its end."""
        return f"{self.left} {self.right} {self.disparity_left}"


def pair_paths(split: str, index: int) -> PairPaths:
    """The files of scene `index` of a split; numbers beyond 9999 simply grow longer."""
    scene = f"{split}/A/{index:04d}"
    frames, disparity = f"{ROOT}/frames_finalpass/{scene}", f"{ROOT}/disparity/{scene}"
    return PairPaths(
        f"{frames}/left/{_FRAME}.png",
        f"{frames}/right/{_FRAME}.png",
        f"{disparity}/left/{_FRAME}.pfm",
        f"{disparity}/right/{_FRAME}.pfm",
    )


_GIVE = "give {scenes} furnished=1 besides"
_BEFORE = {"lit": True, "floaters": True}
"""Of records that were written before these were parameters."""
GENERATOR_VERSION = 4  # to be raised whenever the same parameters would give other pictures
SMALLEST_SIZE, LARGEST_SIZE = 32, 4096
_CHUNK = 4  # pairs a task: a second's work, so that progress moves and the last tasks end together
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Parameters:
    """What a set is made from, as `shapes.json` records it.

    Height, width: pixels; train, test: pairs; scenes: share of each kind, by name; meshes: what scenes of meshes are
    made with besides.
    """

    train: int
    test: int
    height: int
    width: int
    seed: int
    scenes: dict[str, float]
    meshes: MeshOptions = AS_USUAL

    def __post_init__(self) -> None:
        for key in ("train", "test", "seed"):
            if getattr(self, key) < 0:
                raise ArgumentError(key, getattr(self, key), "must not be negative", f"set {{{key}}} to 0 or more")
        if self.train + self.test == 0:
            raise ArgumentError("train", 0, "a set must hold at least one pair", "set {train} or {test} above 0")
        for key in ("height", "width"):
            if not SMALLEST_SIZE <= getattr(self, key) <= LARGEST_SIZE:
                rule = f"must be {SMALLEST_SIZE}..{LARGEST_SIZE} pixels"
                raise ArgumentError(key, getattr(self, key), rule, "256x512 is the usual size")

        for name, share in self.scenes.items():
            if name not in ALL_KINDS:
                rule = f"the kinds are {', '.join(ALL_KINDS)}"
                raise ArgumentError("scenes", f"{name}={share}", rule, "name one of them")
            if not 0 <= share < math.inf:
                raise ArgumentError("scenes", f"{name}={share}", "a share must be 0 or more", f"set {name} to 1")
        if not any(self.scenes.values()):
            raise ArgumentError("scenes", "{}", "at least one kind has a share above 0", "give room=1")
        if not has_meshes(self.scenes):
            self._refuse_meshes()

    def _refuse_meshes(self) -> None:
        for name in ("models", "textures"):
            if found := getattr(self.meshes, name):
                raise ArgumentError(name, len(found), "only scenes of meshes show any", _GIVE)
        for name in ("lit", "floaters"):
            if not getattr(self.meshes, name):
                raise ArgumentError(name, False, "is a switch of scenes of meshes", _GIVE)

    def record(self) -> dict[str, object]:
        """The content of `shapes.json`."""
        facts = asdict(self)
        del facts["meshes"]
        if not has_meshes(self.scenes):
            return {"dataset": "shapes", "generator_version": GENERATOR_VERSION, **facts}
        versions = {"generator_version": GENERATOR_VERSION, "mesh_version": MESH_VERSION}
        # Names, not folders: the same models may lie elsewhere another time.
        facts["models"] = _digest(
            [f"{Path(each.path).name}:{each.member}{each.category}" for each in self.meshes.models]
        )
        facts["textures"] = _digest([Path(each).name for each in self.meshes.textures])
        facts |= {"lit": self.meshes.lit, "floaters": self.meshes.floaters}
        return {"dataset": "scenes", **versions, **facts}


def _digest(names: list[str]) -> str | None:
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:8] if names else None


@dataclass(frozen=True)
class RenderReport:
    """What `render_dataset` did: pairs drawn now, pairs found from an earlier run, and the seconds."""

    rendered: int
    reused: int
    seconds: float
    workers: int
    waiting: int = 0
    """Pairs of other parts that are not there yet; while there are some, the lists are not written."""

    @property
    def pairs_per_second(self) -> float:
        """Drawn pairs a second, start of the workers included; 0 when all were there."""
        return self.rendered / self.seconds if self.rendered else 0.0


def render_dataset(
    out: Path | str,
    *,
    train: int = 400,
    test: int = 40,
    height: int = 256,
    width: int = 512,
    seed: int = 0,
    scenes: Mapping[str, float] | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    meshes: MeshOptions = AS_USUAL,
    part: Part = WHOLE,
) -> RenderReport:
    """Render *shapes* into `out`, or finish what an earlier run with the same parameters began.

    The list files are written last: a folder that has them is whole. Of several parts whoever draws the last missing
    pair writes them.

    Args:
        out: the set's folder; made when missing.
        train, test: pairs of each split.
        height, width: pixels.
        seed: of the set; the files depend on it, on the sizes, on the scenes and on nothing else.
        scenes: relative share of each kind of scene; None is `WEIGHTS`.
        workers: processes; None takes one for each core this process may use. 1 renders in this process. More
            are spawned, so a script that asks for them needs the usual `if __name__ == "__main__"`.
        progress: called in this process with (pairs done, pairs in all), first with those already there.
        meshes: what scenes of meshes are made with besides.
        part: of the pairs, dealt out in runs of a few; other processes, also on other machines, draw the others into
            the same folder, or into folders that are copied together.

    Raises:
        UserError: a parameter is out of range, the folder holds another set or cannot be written, a model or a picture
            from outside is gone, or a process was ended.
    """
    started = time.perf_counter()
    shares = {name: float(share) for name, share in sorted((WEIGHTS if scenes is None else scenes).items())}
    parameters = Parameters(train, test, height, width, seed, shares, meshes)
    if workers is None:
        workers = count_cores()
    elif workers < 1:
        raise ArgumentError("workers", workers, "must be at least 1", "set {workers}=1 to render in one process")
    out = Path(out)
    try:
        _claim(out, parameters)
        every = [("TRAIN", index) for index in range(train)] + [("TEST", index) for index in range(test)]
        unit = BLOCK if has_meshes(shares) else _CHUNK
        jobs = [job for job in every if part.holds(job[1] // unit)]
        missing = _find_missing(out, jobs)
        done = len(jobs) - len(missing)
        if progress:
            progress(done, len(jobs))
        chunks = _split(missing, has_meshes(shares))
        workers = max(1, min(workers, len(chunks)))
        with _runner(partial(_render_chunk, out, parameters), chunks, workers) as finished:
            for count in finished:
                done += count
                if progress:
                    progress(done, len(jobs))
        waiting = 0 if part.is_whole else len(_find_missing(out, every))
        for split, count in (("TRAIN", train), ("TEST", test)):
            if waiting:
                break
            lines = [pair_paths(split, index).line + "\n" for index in range(count)]
            write_text(out / LISTS[split], "".join(lines))
    except OSError as error:
        path = Path(error.filename or out)
        if not path.is_relative_to(out) and not out.is_relative_to(path):
            # A model or a picture that scenes of meshes show.
            fix = "put it back, and begin again: what is there stays"
            raise UserError(path, None, f"cannot be read ({error.strerror})", fix) from None
        raise ArgumentError("out", path, f"cannot be written ({error.strerror})", "choose another folder") from None
    return RenderReport(len(missing), len(jobs) - len(missing), time.perf_counter() - started, workers, waiting)


def _find_missing(out: Path, jobs: list[tuple[str, int]]) -> list[tuple[str, int]]:
    return [job for job in jobs if not all((out / path).exists() for path in pair_paths(*job))]


def _claim(out: Path, parameters: Parameters) -> None:
    """Make `out` ours, or see that it already is, with these very parameters."""
    path, wanted = out / PARAMETERS, parameters.record()
    # Looked for first: another part may claim the folder meanwhile, and then its record is there before its pairs.
    foreign = [name for name in (ROOT, *LISTS.values()) if (out / name).exists()]
    if path.exists():
        try:
            found = parse_json(path.read_bytes())
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise UserError(path, None, "is not the record of a shapes set", "delete the folder or choose another")
        for key, value in wanted.items():
            if found.get(key, _BEFORE.get(key)) != value:
                rule = f"{out} was rendered with {key}={found.get(key)}"
                raise ArgumentError(key, value, rule, "repeat that value, choose another folder, or delete this one")
        return
    if foreign:
        rule = f"holds {foreign[0]} but no {PARAMETERS}: it is not a shapes set and will not be overwritten"
        raise ArgumentError("out", out, rule, "choose an empty folder")
    write_text(path, json.dumps(wanted, indent=2) + "\n")


def _render_chunk(out: Path, parameters: Parameters, jobs: list[tuple[str, int]]) -> int:
    """Render and write some pairs; returns how many."""
    size = parameters.height, parameters.width
    for split, group in groupby(jobs, lambda job: job[0]):
        indices = [index for _, index in group]
        for number, _, pair in render_pairs(
            parameters.seed, split, indices, *size, parameters.scenes, parameters.meshes
        ):
            _write(out, split, number, pair)
    return len(jobs)


def _write(out: Path, split: str, index: int, pair: Pair) -> None:
    paths = pair_paths(split, index)
    # Compression 1: within a few per cent of the default's size on such pictures, at half its time.
    write_bytes(out / paths.left, encode_png(pair.left, compression=1))
    write_bytes(out / paths.right, encode_png(pair.right, compression=1))
    write_bytes(out / paths.disparity_right, encode_pfm(pair.disparity_right))
    write_bytes(out / paths.disparity_left, encode_pfm(pair.disparity_left))


def _split(jobs: list[tuple[str, int]], blocks: bool) -> list[list[tuple[str, int]]]:
    """Jobs in tasks: a few pairs each, or one block each, as a block's scene is built once."""
    if not blocks:
        return [jobs[i : i + _CHUNK] for i in range(0, len(jobs), _CHUNK)]
    tasks: dict[tuple[str, int], list[tuple[str, int]]] = {}
    for split, index in jobs:
        tasks.setdefault((split, index // BLOCK), []).append((split, index))
    return list(tasks.values())


@contextmanager
def _runner(
    work: Callable[[list[tuple[str, int]]], int], chunks: list[list[tuple[str, int]]], workers: int
) -> Iterator[Iterator[int]]:
    """Results of `work` on every chunk as they come, here or from other processes."""
    if workers == 1:
        threads = cv2.getNumThreads()
        _single_thread()
        try:
            yield map(work, chunks)
        finally:
            cv2.setNumThreads(threads)
        return
    # Spawned, not forked: the caller may already hold torch's or CUDA's threads, which a fork would break.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_worker)
    try:
        futures = [pool.submit(work, chunk) for chunk in chunks]
        yield (future.result() for future in as_completed(futures))
    except KeyboardInterrupt:
        # Whoever stops does not wait for scenes under way.
        for process in list((getattr(pool, "_processes", None) or {}).values()):
            process.kill()
        raise
    except BrokenProcessPool:
        rule = "a process was ended, as a rule for want of memory"
        raise ArgumentError("workers", workers, rule, "begin again with fewer {workers}: what is there stays") from None
    finally:
        pool.shutdown(cancel_futures=True)


def _begin_worker() -> None:
    follow_parent()
    _single_thread()


def _single_thread() -> None:
    # Pairs are the unit of parallelism; threads of OpenCV's own would only fight over the same cores.
    cv2.setNumThreads(1)
