"""A phase of the campaign within minutes, on a machine that is lent for a quarter of an hour.

    python benchmarks/short_phase.py --out DIR [--init FILE] [--seconds 480] [--pairs 16000] [--meshes 1600] [WORDS]

Renders shapes with all cores (and scenes of meshes with the extra [render]), takes a few steps to learn how many pairs
a second the machine trains, then trains `quarternet` for as many steps as the seconds hold, at 384×768, its rate
falling to 0 at the end. Training begins at `--init` (the weights that an earlier phase left) or at random weights.
DIR gets what is worth taking home: `weights.safetensors` (kernels in 16 bits), `report.json`, `metrics.jsonl` and
`stereo_exp.log`.
The seconds count from the start, rendering included. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml
from real.command import run_module
from real.output import today

from stereo_exp.base import UserError, exit_on_user_error, write_text
from stereo_exp.config import Shapes
from stereo_exp.suite import commit_here, publish_weights, read_metrics

BATCH, PROBE = 16, 30
"""Pairs and number of steps from which the speed is learned."""
RESERVE = 45
"""Seconds for the last evaluation and what is written."""
SIZE, CROP = (416, 832), (384, 768)
RECIPE = (
    f"model=quarternet augment=realworld loader.batch_size={BATCH} loader.crop=[{CROP[0]},{CROP[1]}] optim=adamw "
    "optim.lr=1e-3 optim.grad_clip=10 optim.ema_decay=0.998 loss=distribution loss.weight=4 loss.volumes=1 "
    "tracker=none eval.pictures=4 train.eval_every=0 train.save_every=1000"
)


def list_words(options: argparse.Namespace) -> list[str]:
    """The command line of a training, but for its name and length; what the user typed comes last."""
    sizes = {"num_test": 16, "height": SIZE[0], "width": SIZE[1], "render_seed": 91}
    nodes = {"shapes": options.pairs} | ({"scenes": options.meshes} if options.meshes else {})
    words = ["dataset=mix", "~dataset.parts.sceneflow", "~dataset.weights.sceneflow"]
    if options.meshes:
        words += ["+dataset@dataset.parts.scenes=scenes", "+dataset.weights.scenes=1", "dataset.weights.shapes=1"]
        words += [f"dataset.parts.scenes.scenes.{kind}=0" for kind in Shapes.kinds()]
    for node, pairs in nodes.items():
        given = {**sizes, "num_train": pairs, "root": f"{options.work}/sets"}
        words += [f"dataset.parts.{node}.{key}={value}" for key, value in given.items()]
    words += [] if options.init is None else [f"init_from={options.init}"]
    return [*words, *RECIPE.split(), f"root={options.work}", *options.words]


def train(words: Sequence[str], name: str, steps: int) -> dict[str, Any]:
    """The report of a run of so many steps.

    Raises:
        UserError: it failed.
    """
    return run_module([*words, f"name={name}", f"optim.steps={steps}"], is_shown=True)


def count_steps(run: Path, seconds: float) -> int:
    """How many steps of what a run did fit into so many seconds; the second half of them counts, when all is warm.

    Raises:
        UserError: none do.
    """
    records = [record for record in read_metrics(run) if "train/pairs_per_s" in record]
    batch = yaml.safe_load((run / "config.yaml").read_text())["loader"]["batch_size"]
    # Pairs over pairs a second are the seconds since the start.
    times = {int(r["step"]): batch * r["step"] / r["train/pairs_per_s"] for r in records}
    first, last = sorted(times)[len(times) // 2 - 1], max(times)
    steps = int(seconds * (last - first) / (times[last] - times[first]))
    if steps < 1:
        rule = "are over before training begins"
        raise UserError("--seconds", f"{seconds:.0f} left", rule, "give more of them, or fewer pairs to render")
    return steps


def main() -> None:
    """Render, learn the speed, train, keep."""
    begin = time.monotonic()
    options = _options()
    with exit_on_user_error():
        if options.meshes and find_spec("embreex") is None:
            print("scenes of meshes need the extra [render]: shapes alone are trained on", file=sys.stderr)
            options.meshes = 0
        options.out.mkdir(parents=True, exist_ok=True)
        words = list_words(options)
        probe = Path(train([*words, "train.log_every=5"], "probe", options.probe)["run_dir"])
        left = options.seconds - RESERVE - (time.monotonic() - begin)
        steps = options.steps or count_steps(probe, left)
        print(f"{steps} steps in {left:.0f} s", file=sys.stderr)
        report = train(words, "phase", steps)
        publish_weights(Path(report["checkpoint"]), commit_here(), options.out / "weights.safetensors")
        for name in ("metrics.jsonl", "stereo_exp.log"):
            shutil.copy2(Path(report["run_dir"]) / name, options.out / name)
        told = {"steps": steps, "epe": report["epe"], "seconds": round(time.monotonic() - begin, 1), "words": words}
        told |= {"meshes": options.meshes, **today()}
        write_text(options.out / "report.json", json.dumps(told, indent=1) + "\n")
        print(json.dumps(told))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="what is worth taking home")
    parser.add_argument("--work", type=Path, default=Path("/tmp/short_phase"), metavar="DIR", help="runs and pairs")
    parser.add_argument("--init", type=Path, metavar="FILE", help="weights to begin at (default: random ones)")
    parser.add_argument("--seconds", type=float, default=480, help="from the start to the end (default: %(default)s)")
    parser.add_argument("--pairs", type=int, default=16000, help="shapes to render (default: %(default)s)")
    parser.add_argument("--meshes", type=int, default=1600, help="scenes of meshes to render (default: %(default)s)")
    parser.add_argument("--probe", type=int, default=PROBE, help="steps that tell the speed (default: %(default)s)")
    parser.add_argument("--steps", type=int, help="train so many, whatever the seconds: for trying")
    parser.add_argument("words", nargs="*", metavar="KEY=VALUE", help="for the training, e.g. optim.lr=2e-3")
    options = parser.parse_args()
    for name in ("out", "work", "init"):
        if (path := getattr(options, name)) is not None:
            setattr(options, name, path.resolve())
    return options


if __name__ == "__main__":
    main()
