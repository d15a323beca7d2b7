"""Whether two checkouts compute the same bits: hashes of what the command line of one leaves, compared with another's.

    python benchmarks/bits.py --project DIR --json OUT.json [--against BITS.json] [--pairs DIR] [--jobs 2]

For changes that shall change no number: run it on the checkout before, keep its JSON, run it on the checkout after with
`--against`. It imports nothing of the project: it types commands with DIR as working folder and reads the files that
they leave, so that it drives any arrangement of modules. Where a key of a command is renamed, rename it in `COMMANDS`.

Hashed are rendered shards; of a tiny network along float, calib, qat and int_infer the losses by step number, the
tensors of checkpoints and the metrics of the last evaluation; exported and compiled graphs; the shares of `task=align`;
disparities of the runtime and of the released weights. Every image has sides that are multiples of 32: how others are
padded plays no role. Names inside graphs play none either (`graph_hash.py`); names of tensors, inputs and outputs have
hashes of their own. Floats differ between machines and installations: both sides of a comparison come from one.

`--pairs` names the folder of real pairs (`PAIRS`); without it the released weights see the drawn pair. The last line is
JSON. The exit code is 1 where a command failed or a hash differs.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from graph_hash import array, digest, read_onnx, read_openvino
from rich.console import Console
from rich.table import Table
from safetensors.numpy import load_file

Bits = dict[str, dict[str, str]]
"""Key -> `hash`, which is compared, and `about`, a figure for people."""
Report = dict[str, Any]


class Command(NamedTuple):
    """One process: `python -m stereo_exp WORDS`; of `runtime` `python -m stereo_exp.runtime WORDS`."""

    reads: str
    """Which of `READERS` takes what it leaves."""
    words: str
    after: str | None = None
    """The command that ends before this one begins."""


# Every command has COMMON. The braces hold paths.
COMMON = "root={root} tracker=none seed=1 machine.device=cpu machine.threads=1 loader.workers=0"
TINY = (
    "name=tiny experiment=smoke model.maxdisp=64 model.aggregation.num_modules=2 "
    "dataset.num_train=8 dataset.num_test=2 dataset.height=96 dataset.width=192 eval.pictures=0"
)
TRAIN = (
    "loader.batch_size=2 loader.crop=[64,128] optim.steps=20 optim.length_scale=1 "
    "train.log_every=1 train.eval_every=0 machine.precision"
)
CALIB = "quant.stage.num_batches=2 quant.stage.batch_size=4"
COMPILE = "compile/device=journey5_like compile.report_size=[96,192]"
FIXED = "export.size=[96,192] export.batch=1"
RUNTIME = "{compiled} {left} {right} --scale 1 --threads 1 -o {out} --engine"
INFER = "task=infer engine=torch name=released checkpoint=release infer.scale=1 infer.left={left} infer.right={right}"
COMMANDS = {
    "float": Command("train", f"stage=float {TINY} {TRAIN}=fp32"),
    "calib": Command("train", f"stage=calib {TINY} {CALIB}", "float"),
    "qat": Command("train", f"stage=qat {TINY} {TRAIN}=fp32", "calib"),
    "int_infer": Command("train", f"stage=int_infer {TINY}", "qat"),
    "compile": Command("compile", f"task=compile stage=int_infer {TINY} {COMPILE}", "int_infer"),
    "export/float": Command("export", f"task=export stage=float {TINY}", "float"),
    "export/qat": Command("export", f"task=export stage=qat {TINY} {FIXED}", "qat"),
    "export/int_infer": Command("export", f"task=export stage=int_infer {TINY} {FIXED}", "int_infer"),
    "align": Command("align", f"task=align stage=int_infer {TINY} engine.threads=1", "compile"),
    "runtime/onnxruntime": Command("runtime", f"{RUNTIME} onnxruntime", "compile"),
    "runtime/openvino": Command("runtime", f"{RUNTIME} openvino", "compile"),
    # Behind the first run, which renders the pairs; under a name of its own, or the chain would start from it.
    "float_bf16": Command("train", f"stage=float {TINY} name=bf16 {TRAIN}=bf16", "float"),
}
PER_PAIR = {
    "infer/float": Command("infer", f"stage=float {INFER}"),
    "infer/int_infer": Command("infer", f"stage=int_infer {INFER}"),
    "infer/slim_int_infer": Command("infer", f"stage=int_infer model/backbone=mixvargenet_slim {INFER}"),
}
PAIRS = {
    "aloe": ("middlebury0506_third/Aloe/view1.png", "middlebury0506_third/Aloe/view5.png"),
    "corridor": ("oakd/corridor/left.png", "oakd/corridor/right.png"),
}
DRAWN = "drawn"
METRICS = ("epe", "epe_px", "d1", "bad1", "bad2", "bad3", "n_images", "n_skipped", "num_calibration_pairs")
PROOFS = ("integers_equal", "integers_compared", "checkerboard")
TOTALS = ("gmac", "parameters", "mb_moved", "estimated_ms", "num_tensors")
SHARES = ("integers_equal", "disparity_logits_equal", "superpixel_logits_equal", "tensors", "differing", "n_images")
FAILED = "failed"


def entry(about: str, *parts: bytes) -> dict[str, str]:
    """One line of the table."""
    return {"hash": digest(*parts), "about": about}


def plain(value: Any) -> bytes:
    """JSON; of floats ten digits, for a sum in another order is no difference."""
    rounded = json.loads(json.dumps(value), parse_float=lambda text: float(f"{float(text):.10g}"))
    return json.dumps(rounded, sort_keys=True).encode()


def image(path: str | Path) -> np.ndarray:
    """What stands in a PFM or PNG file."""
    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if found is None:
        raise FileNotFoundError(f"{path} is no image")
    return found


def from_train(report: Report) -> Bits:
    """Tensors and metrics of a stage; losses where it has steps."""
    tensors = load_file(report["checkpoint"])
    names = sorted(f"{name} {t.dtype} {t.shape}" for name, t in tensors.items())
    found = {key: report[key] for key in (*METRICS, *PROOFS) if report.get(key) is not None}
    bits = {
        "tensors": entry(f"{len(tensors)} tensors", *sorted(digest(array(t)).encode() for t in tensors.values())),
        "names": entry(f"{len(names)} tensors", plain(names)),
        "metrics": entry(f"EPE {report['epe']:.4f} px", plain(found)),
    }
    records = map(json.loads, (Path(report["run_dir"]) / "metrics.jsonl").read_text().splitlines())
    losses = {r["step"]: r["train/loss"] for r in records if r.get("train/loss") is not None}
    if losses:
        bits["losses"] = entry(f"{len(losses)} steps, last {losses[max(losses)]:.4f}", json.dumps(losses).encode())
        # A network that was better before training would be the checkpoint, and hide what training does.
        bits["best_step"] = entry(f"step {report.get('best_step')}", plain(report.get("best_step")))
    return bits


def from_graph(path: Path) -> Bits:
    """What a graph computes, and the names of its inputs and outputs."""
    graph = (read_onnx if path.suffix == ".onnx" else read_openvino)(path)
    names = entry(f"{len(graph.names)} inputs and outputs", plain(graph.names))
    return {"graph": {"hash": graph.hash, "about": f"{graph.num_nodes} nodes"}, "names": names}


def from_compile(report: Report) -> Bits:
    """Every graph of the compiled folder, the totals of the report, how often each rewrite found its place."""
    bits = {
        "report": entry(f"{report['gmac']} GMAC", plain({key: report[key] for key in TOTALS})),
        "rewrites": entry(f"{sum(map(len, report['rewrites'].values()))} rewrites", plain(report["rewrites"])),
    }
    for file in sorted(f for f in Path(report["compiled"]).rglob("*") if f.suffix in (".onnx", ".xml")):
        bits |= {f"{file.parent.name}/{file.stem}/{kind}": value for kind, value in from_graph(file).items()}
    return bits


def from_maps(files: Mapping[str, str]) -> Bits:
    """Disparity, every bit of it, and confidence as its file has it."""
    maps = {key: image(files[f"{key}_{kind}"]) for key, kind in (("disparity", "pfm"), ("confidence", "png"))
            if f"{key}_{kind}" in files}  # fmt: skip
    return {key: entry(f"mean {values.mean():.4f}", array(values)) for key, values in maps.items()}


READERS: dict[str, Callable[[Report], Bits]] = {
    "train": from_train,
    "compile": from_compile,
    "export": lambda report: from_graph(Path(report["onnx"])),
    "align": lambda report: {
        of["engine"]: entry(f"{100 * of['integers_equal']:.4f} % equal", plain([of[key] for key in SHARES]))
        for of in report["by_engine"]
    },
    "infer": lambda report: from_maps(report["files"]),
    "runtime": lambda report: from_maps({"disparity_pfm": report["out"]}),
}


def from_shards(root: Path) -> Bits:
    """Every file of the rendered set, whatever the set's folder is called."""
    files = sorted(f for f in (root / "data").rglob("*") if f.is_file() and not f.name.startswith("."))
    return {f"shards/{f.parent.name}/{f.name}": entry(f"{f.stat().st_size} bytes", f.read_bytes()) for f in files}


def draw_pair(height: int = 352, width: int = 416) -> list[np.ndarray]:
    """Two views, uint8 H×W×3, of bands of noise whose disparity grows downwards from 4 px."""
    rng = np.random.default_rng(1)
    coarse = rng.integers(0, 160, (height // 8, width // 8 + 8, 3)).repeat(8, 0).repeat(8, 1)
    scene = (coarse + rng.integers(0, 96, coarse.shape)).astype(np.uint8)
    shifts = 4 + 4 * (np.arange(height) // 32)
    return [scene[:, :width], np.stack([row[d : d + width] for row, d in zip(scene, shifts, strict=True)])]


def prepare_pairs(folder: Path, real: Path | None) -> dict[str, dict[str, str]]:
    """Name -> files of the drawn pair and of real ones, cropped to multiples of 32."""
    views = {DRAWN: draw_pair()}
    if real is not None:
        views |= {name: [image(real / file) for file in files] for name, files in PAIRS.items()}
    paths: dict[str, dict[str, str]] = {}
    for name, pair in views.items():
        paths[name] = {side: str(folder / f"{name}_{side}.png") for side in ("left", "right")}
        for path, view in zip(paths[name].values(), pair, strict=True):
            height, width = (side // 32 * 32 for side in view.shape[:2])
            cv2.imwrite(path, view[:height, :width])
    return paths


class Project:
    """A checkout, driven through its command line, with runs and data in `root`."""

    def __init__(self, folder: Path, root: Path, pairs: Mapping[str, Mapping[str, str]]) -> None:
        self.folder, self.root, self.pairs, self.compiled = folder, root, pairs, ""
        # What a developer has exported must not decide.
        kept = {k: v for k, v in os.environ.items() if not k.startswith("STEREO_EXP_") and k != "PYTHONPATH"}
        self.environment = {**kept, "OMP_NUM_THREADS": "2", "MLFLOW_DISABLE_TELEMETRY": "true"}
        found = self._python("-c", "import stereo_exp; print(stereo_exp.__file__)").strip()
        if folder not in Path(found).parents:
            raise SystemExit(f"{folder} has no package stereo_exp: python takes {found}")

    def _python(self, *words: str) -> str:
        command = [sys.executable, *words]
        done = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError((done.stderr.strip() or "no message").splitlines()[-1])
        return done.stdout

    def bits(self, name: str, command: Command, pair: str) -> Bits:
        """Run a command; returns what it left, or that it failed."""
        out = str(self.root / f"{name.replace('/', '_')}.pfm")
        paths = {"root": self.root, "out": out, "compiled": self.compiled, **self.pairs[pair]}
        is_runtime = command.reads == "runtime"
        line = f"stereo_exp.runtime {command.words}" if is_runtime else f"stereo_exp {command.words} {COMMON}"
        try:
            lines = self._python("-m", *shlex.split(line.format(**paths))).splitlines()
            report = {"out": out} if is_runtime else json.loads(lines[-1])
            self.compiled = report.get("compiled", self.compiled)
            found = READERS[command.reads](report)
        except Exception as error:  # That a file or key is gone is a finding like any other.
            found = {FAILED: {"hash": FAILED, "about": f"{type(error).__name__}: {error}"}}
        print(name, "failed" if FAILED in found else "done", file=sys.stderr)
        return {f"{name}/{key}": value for key, value in sorted(found.items())}

    def all_bits(self, jobs: int) -> Bits:
        """Everything, several commands at a time; a command whose predecessor failed fails as well."""
        shown = [name for name in self.pairs if name != DRAWN] or [DRAWN]
        todo = {name: (command, DRAWN) for name, command in COMMANDS.items()}
        todo |= {f"{name}/{pair}": (command, pair) for name, command in PER_PAIR.items() for pair in shown}
        order, running, found = list(todo), {}, {}
        with ThreadPoolExecutor(jobs) as pool:
            while todo or running:
                ready = [name for name, (command, _) in todo.items() if command.after in (None, *found)]
                for name in ready[: jobs - len(running)]:
                    running[pool.submit(self.bits, name, *todo.pop(name))] = name
                for done in wait(running, return_when=FIRST_COMPLETED).done:
                    found[running.pop(done)] = done.result()
        return {key: value for name in order for key, value in found[name].items()} | from_shards(self.root)


def compare(here: Bits, there: Bits) -> Table:
    """What differs, or stands on one side only."""
    table = Table("key", "here", "there", title="what differs")
    for key in sorted(here.keys() | there.keys()):
        a, b = (side.get(key, {"hash": "absent", "about": ""}) for side in (here, there))
        if a["hash"] != b["hash"]:
            table.add_row(key, *(f"{side['hash']} {side['about']}" for side in (a, b)))
    return table


def main() -> None:
    """Run, show, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--project", "--json", "--against", "--pairs"):
        parser.add_argument(name, type=Path, required=name in ("--project", "--json"))
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    project = options.project.resolve()
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        pairs = prepare_pairs(Path(scratch), options.pairs)
        bits = {f"pairs/{name}/{side}": entry(str(image(path).shape), array(image(path)))
                for name, pair in pairs.items() for side, path in pair.items()}  # fmt: skip
        bits |= Project(project, Path(scratch) / "outputs", pairs).all_bits(options.jobs)
    seconds = round(time.perf_counter() - begin)
    revision = subprocess.run(["git", "rev-parse", "HEAD"], cwd=project, capture_output=True, text=True).stdout.strip()
    report = {"revision": revision, "torch": version("torch"), "seconds": seconds, "bits": bits}
    options.json.write_text(json.dumps(report, indent=1) + "\n")
    console, table = Console(width=120), Table("key", "hash", "", title=f"bits of {revision[:8]}, {seconds} s")
    for key, value in bits.items():
        table.add_row(key, value["hash"], value["about"])
    console.print(table)
    different = compare(bits, json.loads(options.against.read_text())["bits"] if options.against else bits)
    if different.row_count:
        console.print(different)
    print(json.dumps({**report, "different": different.row_count}))
    raise SystemExit(1 if different.row_count or FAILED in (value["hash"] for value in bits.values()) else 0)


if __name__ == "__main__":
    main()
