"""From a trained chain to everything that is published of it, by one command that goes on where it was.

    python benchmarks/publish.py FLOAT INT [--network NAME] [--sizing PIXELS LEAST MOST] --work DIR

FLOAT and INT are best.safetensors of the float run and of the int_infer run. In turn: the released files, what engines
run, confidence (its tables, then its figures), alignment, accuracy, flicker, contact sheet, speed, card, README's
table.
Each step is a command of the project that can be typed alone; `--list` prints them. What a step was done with, the
bytes of the weights and its own words, is noted in DIR/published.json: typed again, the command does what is not done
yet, or was done with other weights. `--only` and `--again` name steps. Time is measured best on a quiet machine: leave
`speed` for later with `--skip speed`. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from real.output import read_json
from real.sets import default_root

from stereo_exp.base import UserError, exit_on_user_error, write_text
from stereo_exp.runtime import sha256_of
from stereo_exp.weights import FOLDER, PUBLISHED, RELEASES, find_name

STATE = "published.json"
SIZE = "compile.size=[544,960]"
RESULTS = "docs/results"


@dataclass(frozen=True)
class Step:
    """What is done in one go.

    Attributes:
        name: of `--only`, `--skip` and `--again`.
        commands: run one after the other, each the words behind `python`. Of `-m stereo_exp` the report is kept; later
            commands name its folder as `{STEP_NUMBER}`.
        shared: it says something about all releases, and is done again for each.
    """

    name: str
    commands: tuple[tuple[str, ...], ...]
    shared: bool = False


def list_steps(options: argparse.Namespace) -> list[Step]:
    """All of them, in order."""
    network, name = options.network, find_name(options.network)
    is_first = network == PUBLISHED
    suffix = "" if is_first else f"_{network}"
    of = () if is_first else ("--network", network)
    data = ("--data", str(options.data))
    half = ("--half",) if options.half else ()
    sizing = () if options.sizing is None else ("--sizing", *map(str, options.sizing))
    limit = () if options.limit is None else ("--limit", str(options.limit))

    def page(script: str, file: str, *more: str) -> tuple[str, ...]:
        # A part of the pairs is never written anywhere.
        left = limit or ("--write", f"{RESULTS}/{file}.md", "--json", f"{RESULTS}/{file}{suffix}.json")
        return (f"benchmarks/{script}.py", *of, *more, *left)

    def compiled(stage: str, release: str) -> tuple[str, ...]:
        words = ("task=compile", f"stage={stage}", f"checkpoint={release}", SIZE, "tracker=none")
        return ("-m", "stereo_exp", *words, f"root={options.work}/runs")

    # Time is one table of all releases, measured in one run.
    speed = [compiled(stage, find_name(each)) for each in RELEASES for stage in ("float", "int_infer")]
    prefixes = ["" if each == PUBLISHED else f"{each}-" for each in RELEASES]
    timed = ["benchmarks/engines.py", "--rounds", str(options.rounds)]
    for number, (prefix, kind) in enumerate(product(prefixes, ("float", "int8"))):
        timed += [f"--{prefix}{kind}", f"{{speed_{number}}}"]
    timed += [] if limit else ["--write", f"{RESULTS}/speed.md", "--json", f"{RESULTS}/speed.json"]
    align = ("-m", "stereo_exp", "task=align", "stage=int_infer", f"checkpoint={name}", "tracker=none")
    card = () if limit else ("--accuracy", f"{RESULTS}/accuracy{suffix}.json", "--speed", f"{RESULTS}/speed.json")
    weights = ("-m", "stereo_exp.suite.publish", str(options.float), str(options.int_infer), "--network", network)
    return [
        Step("weights", ((*weights, *sizing, *half, "--compile"),)),
        Step("confidence", (("benchmarks/reliability.py", "--fit", *of, "--pairs", str(options.rendered)),)),
        Step("align", ((*align, f"root={options.work}/runs"),)),
        Step("accuracy", (page("accuracy", "accuracy", *data),)),
        Step("reliability", (page("reliability", "confidence", *data, "--pairs", str(options.rendered)),)),
        Step("flicker", (page("stability", "flicker", *data),)),
        Step("sheet", (("benchmarks/contact_sheet.py", *of, *data),)),
        Step("speed", (*speed, tuple(timed)), shared=True),
        Step("card", (("benchmarks/model_card.py", *card),), shared=True),
        Step("readme", (("benchmarks/readme.py",),), shared=True),
    ]  # fmt: skip


def main() -> None:
    """Do what is not done yet."""
    options = _options()
    with exit_on_user_error():
        steps = list_steps(options)
        names = [step.name for step in steps]
        for key in ("only", "skip", "again"):
            if unknown := [name for name in getattr(options, key) if name not in names]:
                raise UserError(f"--{key}", unknown[0], "is no step", f"give some of {', '.join(names)}")
        if options.list:
            for step in steps:
                for command in step.commands:
                    print(f"{step.name}: python {' '.join(command)}")
            return
        for path in (options.float, options.int_infer):
            if not path.is_file():
                raise UserError("FLOAT and INT", path, "is no file", "give best.safetensors of the two runs")
        done = _run(steps, options)
    print(json.dumps({"network": options.network, "done": done, "state": str(options.work / STATE)}))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("float", type=Path, help="best.safetensors of the float run")
    parser.add_argument("int_infer", type=Path, metavar="int", help="best.safetensors of the int_infer run")
    parser.add_argument("--network", choices=RELEASES, default=PUBLISHED, help="which of the released ones they become")
    parser.add_argument("--sizing", type=float, nargs=3, metavar=("PIXELS", "LEAST", "MOST"), help="the size at which "
                        "these weights see pairs best; default: what the checkpoints say")  # fmt: skip
    parser.add_argument("--half", action="store_true", help="store the float network's kernels in 16 bits")
    parser.add_argument("--work", type=Path, required=True, metavar="DIR", help="keeps what is done, and compiled runs")
    parser.add_argument("--only", nargs="+", default=[], metavar="STEP", help="do these alone")
    parser.add_argument("--skip", nargs="+", default=[], metavar="STEP", help="leave these for later")
    parser.add_argument("--again", nargs="+", default=[], metavar="STEP", help="do these although they are done")
    parser.add_argument("--list", action="store_true", help="print the commands, and stop")
    parser.add_argument("--rendered", type=int, default=32, metavar="N", help="rendered pairs of each size, on which "
                        "confidence is counted")  # fmt: skip
    parser.add_argument("--rounds", type=int, default=11, help="of the timing")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N pairs of each set, for trying "
                        "in a copy of the project: weights are written, figures of sets are only printed")  # fmt: skip
    parser.add_argument("--data", type=Path, default=default_root(), metavar="DIR", help="of the real sets")
    options = parser.parse_args()
    # Commands run in the checkout, wherever this one was typed.
    for name in ("float", "int_infer", "work", "data"):
        setattr(options, name, getattr(options, name).resolve())
    return options


def _run(steps: Sequence[Step], options: argparse.Namespace) -> list[str]:
    """The steps that were run now, each noted as soon as it is through.

    Raises:
        UserError: one failed.
    """
    path = options.work / STATE
    state = _read(path)
    hashes = [sha256_of(each) for each in (options.float, options.int_infer)]
    done = []
    for step in steps:
        folders = state.get("folders", {})
        mark = {"weights": hashes, "commands": [list(command) for command in step.commands]}
        key = step.name if step.shared else f"{options.network}.{step.name}"
        is_chosen = step.name in (options.only or [step.name]) and step.name not in options.skip
        if not is_chosen or (state.get(key, {}).get("of") == mark and step.name not in options.again):
            told = "done before" if is_chosen else "left out"
            print(f"{step.name}: {told}", file=sys.stderr)
            continue
        begin, log = time.monotonic(), options.work / f"{step.name}.log"
        log.unlink(missing_ok=True)
        for number, command in enumerate(step.commands):
            words = [word.format_map(folders) for word in command]
            print(f"{step.name}: python {' '.join(words)}", file=sys.stderr, flush=True)
            folders[f"{step.name}_{number}"] = _call(step, words, log)
        state |= {key: {"of": mark, "seconds": round(time.monotonic() - begin, 1)}, "folders": folders}
        write_text(path, json.dumps(state, indent=1) + "\n", durable=True)
        done.append(step.name)
    return done


def _call(step: Step, words: Sequence[str], log: Path) -> str:
    """Run it; its output is added to `log`. Returns the folder of a run, or nothing.

    Raises:
        UserError: it failed.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run([sys.executable, *words], cwd=FOLDER.parents[1], stdout=subprocess.PIPE, text=True)
    with log.open("a") as kept:
        kept.write(done.stdout)
    lines = done.stdout.splitlines()
    if done.returncode:
        rule = f"failed with exit code {done.returncode}"
        raise UserError("step", step.name, rule, f"see above and {log}, mend it, and type the same command again")
    is_run = list(words[:2]) == ["-m", "stereo_exp"]
    return str(json.loads(lines[-1])["run_dir"]) if is_run else ""


def _read(path: Path) -> dict[str, dict[str, object]]:
    if not path.exists():
        return {}
    found: dict[str, dict[str, object]] = read_json("--work", path, "delete the file to begin anew")
    return found


if __name__ == "__main__":
    main()
