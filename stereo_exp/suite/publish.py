"""From the checkpoints of a chain to the released files: weights and facts, nothing of the machine that made them;
and from the released int8 weights to what engines run."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from stereo_exp.base import CheckpointError, exit_on_user_error, write_text
from stereo_exp.config import MAX_OPT, TASK, Root, bind, keys_of
from stereo_exp.geometry import Sizing
from stereo_exp.model import RELIABILITY, SIZING, Checkpoint, load_checkpoint, read_meta, save_checkpoint
from stereo_exp.runtime import ENGINES, FULL, MANIFEST, Manifest, sha256_of
from stereo_exp.suite.restore import load_source, network_difference, network_of, restore
from stereo_exp.weights import FOLDER, PUBLISHED, RELEASES, find_name, locate_compiled

# What a run does with the network, which says nothing about the weights; these keys a released file still has.
_KEPT = ("task", "stage", "init_from", "checkpoint", "dataset")
_OF_THE_TASK = frozenset(keys_of(Root, TASK)) - frozenset(_KEPT)
_NAME = "release"


def publish(
    sources: Mapping[str, Path],
    commit: str | None,
    folder: Path = FOLDER,
    network: str = PUBLISHED,
    sizing: Sizing | None = None,
    half: bool = False,
) -> dict[str, Path]:
    """Write the released file of each stage.

    Args:
        sources: stage -> its `best` checkpoint, for every released stage.
        commit: of the code that trained them.
        network: which of `RELEASES` they become.
        sizing: the size at which these weights were found to see pairs best; None leaves what the checkpoints say.
        half: store the float network's kernels in 16 bits.

    Raises:
        CheckpointError: one is of another stage, holds the state of training, is not a `pow2` network, the two are
            not the same network, or it is another of the released ones.
    """
    files = RELEASES[network]
    checkpoints = {stage: _checked(load_checkpoint(sources[stage]), stage) for stage in files}
    networks = {stage: network_of(c.meta) for stage, c in checkpoints.items()}
    original = networks["float"].model
    for stage, checkpoint in checkpoints.items():
        difference = network_difference(checkpoint.meta, original, networks["float"].quant, "float")
        if difference is not None:
            key, there, here = difference
            rule = f"its {key} is {here}, that of the float network {there}"
            raise CheckpointError(sources[stage], None, rule, "give two checkpoints of one chain")
    for other, its in RELEASES.items():
        path = FOLDER / its["float"]
        is_there = other != network and path.is_file()
        if is_there and network_difference(read_meta(path), original, networks["float"].quant, "float") is None:
            rule = f"is of the {other} network, not of the {network} one"
            raise CheckpointError(sources["float"], None, rule, f"say --network {other}")
    written = {}
    for stage, checkpoint in checkpoints.items():
        written[stage] = folder / files[stage]
        meta = strip_meta(checkpoint.meta, commit) | (_proved_graph_of(checkpoint) if stage == "int_infer" else {})
        meta |= {} if sizing is None else {SIZING: asdict(sizing)}
        weights = checkpoint.part("model")
        save_checkpoint(written[stage], meta, {"model": halve(weights) if half and stage == "float" else weights})
    return written


def publish_weights(source: Path, commit: str | None, path: Path) -> None:
    """Write a float network's weights alone, of a training that goes on: its best so far, kernels in 16 bits.

    Raises:
        CheckpointError: it is of another stage, or holds the state of training.
    """
    checkpoint = _checked(load_checkpoint(source), "float")
    save_checkpoint(path, strip_meta(checkpoint.meta, commit), {"model": halve(checkpoint.part("model"))})


def halve(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Kernels in 16 bits; what belongs to channels stays, for variances may be beyond what 16 bits hold."""
    return {name: value.half() if value.ndim > 1 else value for name, value in weights.items()}


def strip_meta(meta: Mapping[str, Any], commit: str | None) -> dict[str, Any]:
    """The JSON of a released checkpoint: the recipe stays, paths, stores and ids of runs go."""
    config = {key: value for key, value in meta["config"].items() if key not in _OF_THE_TASK}
    config |= {"root": "outputs", "name": _NAME, "init_from": None, "checkpoint": None, "tracker": {"name": "none"}}
    config["dataset"] = _without_places(config["dataset"])
    # As it was, not with today's defaults for keys that it did not have; but it must bind.
    bind(config)
    kept = ("stage", "step", "num_steps", "version", "torch", "scores", SIZING, RELIABILITY)
    # A chain that starts here begins at the released file: `lineage_of` adds that; what lies before is history.
    links = [part for link in meta.get("lineage") or [] for part in (*(link.get("history") or []), link)]
    history = [{key: link.get(key) for key in ("stage", "step", "epe")} for link in links]
    return {
        **{key: meta[key] for key in kept if key in meta},
        "name": _NAME,
        "run_id": None,
        "commit": commit,
        "config": config,
        "lineage": [],
        "history": history or meta.get("history", []),
    }


def commit_here() -> str | None:
    """The commit of the checkout that this package is run from; None where it is not one."""
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=FOLDER, capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _proved_graph_of(checkpoint: Checkpoint) -> dict[str, Any]:
    """What saves the export of the trunk whenever the network is restored; the oldest checkpoints do not have it.

    Raises:
        CheckpointError: float32 might round a sum of the network.
    """
    from stereo_exp.model import GRAPH
    from stereo_exp.quant import describe, prove

    trunk = restore(checkpoint).trunk
    prove(trunk, checkpoint.path)
    return {GRAPH: describe(trunk)}


def _checked(checkpoint: Checkpoint, stage: str) -> Checkpoint:
    path, meta = checkpoint.path, checkpoint.meta
    if meta["stage"] != stage:
        raise CheckpointError(path, None, f"is a {meta['stage']} checkpoint, not {stage}", f"give the {stage} one")
    if any(not name.startswith("model/") for name in checkpoint.tensors):
        raise CheckpointError(path, None, "holds the state of training", "give best.safetensors of that run")
    target = meta["config"]["quant"]["target"]["name"]
    if stage != "float" and target != "pow2":
        raise CheckpointError(path, None, f"is of quant/target={target}", "what is released is pow2")
    return checkpoint


def _without_places(dataset: Mapping[str, Any]) -> dict[str, Any]:
    """A data set's config without where it lies; of other absolute paths (lists of pairs) the name stays."""
    places = {"root": f"outputs/data/{dataset['name']}", "cache": "outputs/cache"}
    out = {key: places.get(key, value) for key, value in dataset.items()}
    out = {k: Path(v).name if isinstance(v, str) and Path(v).is_absolute() else v for k, v in out.items()}
    if "parts" in out:
        out["parts"] = {name: _without_places(part) for name, part in out["parts"].items()}
    return out


# The compiled form of what is released: the bytes that come with the package, for those without torch.


def compile_network(network: str, folder: Path = FOLDER) -> Manifest:
    """Compile a released int8 network for both engines.

    The full form alone, open in height and width, with every rewrite. Run again with the same versions it gives the
    same bytes: the manifest names the release and the checkpoint's SHA-256, neither a path nor a time.

    Args:
        network: one of `RELEASES`.
        folder: where the released files lie; the compiled folder stands below it.

    Raises:
        CheckpointError: the checkpoint is missing or damaged.
        ArgumentError: a package that engines are written with is not installed.
    """
    from stereo_exp.deploy import OF_ONE_SIZE, Options, build, check_installed

    # Of one size is nothing that comes along: it serves whatever size there is.
    engines = [name for name in ENGINES if ENGINES[name].is_ours and name not in OF_ONE_SIZE]
    for engine in engines:
        check_installed(engine)
    path, target = folder / RELEASES[network]["int_infer"], locate_compiled(folder, network)
    source = load_source(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    # The old folder goes only when the new one is whole: nothing of it stays beside what the manifest lists.
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as scratch:
        made = Path(scratch) / target.name
        manifest = build(source, made, Options(engines, MAX_OPT, None, None, (FULL,))).manifest
        name = find_name(network)
        model = replace(manifest.model, name=name, checkpoint=name, checkpoint_sha256=sha256_of(path))
        manifest = replace(manifest, model=model, created="", folder=target)
        write_text(made / MANIFEST, manifest.to_json())
        shutil.rmtree(target, ignore_errors=True)
        made.rename(target)
    return manifest


# Make the released files: `python -m stereo_exp.suite.publish FLOAT INT [--network slim] [--half] [--compile]`.


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser("python -m stereo_exp.suite.publish", description=__doc__)
    found.add_argument("float", type=Path, nargs="?", help="best.safetensors of the float run")
    found.add_argument("int_infer", type=Path, nargs="?", help="best.safetensors of the int_infer run")
    found.add_argument("--compile", action="store_true", help="compile the int8 network for the engines, too; without "
                       "FLOAT and INT_INFER: those that are released already, all or that of --network")  # fmt: skip
    found.add_argument("--commit", help="of the code that trained them; default: this checkout's")
    found.add_argument(
        "--network", choices=RELEASES, help=f"which of the released ones they become; default: {PUBLISHED}"
    )
    found.add_argument("--sizing", type=float, nargs=3, metavar=("PIXELS", "LEAST", "MOST"), help="the size at which "
                       "these weights see pairs best; default: what the checkpoints say")  # fmt: skip
    found.add_argument("--half", action="store_true", help="store the float network's kernels in 16 bits")
    found.add_argument("--weights", type=Path, metavar="FILE", help="write the float network's weights alone into this "
                       "file, kernels in 16 bits, and stop: of a training that goes on")  # fmt: skip
    found.add_argument("--out", type=Path, default=FOLDER, help="folder; default: the package's own")
    return found


def main() -> None:
    """Write the files; the last line is JSON."""
    command = parser()
    arguments = command.parse_args()
    if arguments.weights is not None:
        if arguments.float is None or arguments.int_infer is not None:
            command.error("give one checkpoint beside --weights")
        with exit_on_user_error():
            publish_weights(arguments.float, arguments.commit or commit_here(), arguments.weights)
        print(json.dumps({"file": str(arguments.weights), "bytes": arguments.weights.stat().st_size}))
        return
    if arguments.int_infer is None and (arguments.float is not None or not arguments.compile):
        command.error("give both checkpoints, or --compile alone")
    with exit_on_user_error():
        report = {} if arguments.float is None else _publish(arguments)
        if arguments.compile:
            report["compiled"] = _compile(arguments)
        elif locate_compiled(arguments.out, arguments.network or PUBLISHED).exists():
            print("the compiled form is still that of the weights before: make it anew with --compile")
    print(json.dumps(report))


def _publish(arguments: argparse.Namespace) -> dict[str, Any]:
    """The two checkpoints' part of the report."""
    sources = {"float": arguments.float, "int_infer": arguments.int_infer}
    sizing = None
    if arguments.sizing is not None:
        pixels, least, most = arguments.sizing
        sizing = Sizing(int(pixels), least, most)
    network, commit = arguments.network or PUBLISHED, arguments.commit or commit_here()
    written = publish(sources, commit, arguments.out, network, sizing, arguments.half)
    sizes = {stage: path.stat().st_size for stage, path in written.items()}
    for stage, path in written.items():
        print(f"{stage:10} {sizes[stage] / 1e6:.2f} MB  {path}")
    return {"files": {stage: str(path) for stage, path in written.items()}, "bytes": sizes}


def _compile(arguments: argparse.Namespace) -> dict[str, dict[str, int]]:
    """The compiled folders' part of the report: network -> file -> bytes."""
    networks = list(RELEASES) if arguments.network is None else [arguments.network]
    if arguments.float is not None:
        networks = [arguments.network or PUBLISHED]
    found: dict[str, dict[str, int]] = {}
    for network in networks:
        folder = compile_network(network, arguments.out).folder
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        found[network] = {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}
        print(f"{network:10} {sum(found[network].values()) / 1e6:.2f} MB  {folder}")
    return found


if __name__ == "__main__":
    main()
