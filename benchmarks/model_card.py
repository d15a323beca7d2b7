"""What the model card says in figures: facts from the released files, and what the other benchmarks measured.

    python benchmarks/accuracy.py --json accuracy.json && python benchmarks/model_card.py --accuracy accuracy.json
    python benchmarks/engines.py ... --json speed.json && python benchmarks/model_card.py --speed speed.json

Facts are written every time. A table of accuracy goes to the weights that it was measured with, published or slim; one
of weights that are not in the package is refused, and one in the card that no longer belongs to them is taken out. The
last line is JSON.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from real.markdown import block, table, write_block
from real.methods import AS_GIVEN, FLOAT, INT8, REFINED, SGBM, STAGES
from real.output import name_block, read_json

from stereo_exp.base import UserError, exit_on_user_error
from stereo_exp.model import read_meta
from stereo_exp.runtime import sha256_of
from stereo_exp.weights import FOLDER, PUBLISHED, RELEASES

CARD = FOLDER / "CARD.md"
_AGAIN = "measure again: python benchmarks/accuracy.py --json FILE"
NOT_MEASURED = "Not measured yet with these weights."
_SHOWN = ("epe", "bad1", "bad2", "bad3", "d1")


def main() -> None:
    """Read, write, say what was written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accuracy", type=Path, metavar="FILE", help="JSON of benchmarks/accuracy.py")
    parser.add_argument("--speed", type=Path, metavar="FILE", help="JSON of benchmarks/engines.py")
    parser.add_argument("--card", type=Path, default=CARD, metavar="PAGE", help="default: the package's own")
    options = parser.parse_args()
    with exit_on_user_error():
        accuracy, speed = (_read(key, getattr(options, key)) for key in ("accuracy", "speed"))
        blocks = write_card(options.card, accuracy, speed)
    print(json.dumps({"card": str(options.card), "measured": blocks}))


def write_card(
    card: Path, accuracy: Mapping[str, Any] | None, speed: Mapping[str, Any] | None, folder: Path = FOLDER
) -> dict[str, bool]:
    """Bring the card's blocks up to date; returns which of the measured ones hold figures.

    Args:
        accuracy, speed: what the benchmarks left; None keeps what stands there, as far as it is of these weights.
        folder: of the released files.

    Raises:
        UserError: `accuracy` was measured with other weights, or the card has no place for a block.
    """
    measured = None if accuracy is None else _network_of(accuracy, folder)
    for network in RELEASES:
        write_block(card, name_block("facts", network), facts(network, folder))
        if accuracy is not None and network == measured:
            write_block(card, name_block("accuracy", network), accuracy_table(accuracy, network, folder))
        elif name_weights(network, folder) not in (block(card, name_block("accuracy", network)) or ""):
            write_block(card, name_block("accuracy", network), NOT_MEASURED)
    if speed is not None:
        write_block(card, "speed", speed_table(speed))
    elif not block(card, "speed"):
        write_block(card, "speed", NOT_MEASURED)
    blocks = [*(name_block("accuracy", network) for network in RELEASES), "speed"]
    return {name: block(card, name) != NOT_MEASURED for name in blocks}


def _network_of(report: Mapping[str, Any], folder: Path) -> str:
    """Which released weights a report of benchmarks/accuracy.py is about."""
    measured = {name: report["checkpoints"][name]["sha256"] for name in (FLOAT, INT8)}
    there = {network: _hashes(network, folder) for network in RELEASES}
    for network, hashes in there.items():
        if hashes == measured:
            return network
    # The message is about the network of which at least one file is meant.
    near = next((n for n, hashes in there.items() if hashes.items() & measured.items()), PUBLISHED)
    other = next(name for name, value in measured.items() if there[near][name] != value)
    rule = f"was measured with other {other} weights than {folder / RELEASES[near][STAGES[other]]}"
    raise UserError("--accuracy", None, rule, _AGAIN)


def _hashes(network: str, folder: Path) -> dict[str, str]:
    return {name: sha256_of(folder / RELEASES[network][STAGES[name]]) for name in (FLOAT, INT8)}


def facts(network: str, folder: Path) -> str:
    """Files, recipe and history, from the headers."""
    paths = {stage: folder / name for stage, name in RELEASES[network].items()}
    metas = {stage: read_meta(path) for stage, path in paths.items()}
    files = [
        [f"`{path.name}`", stage, f"{path.stat().st_size / 1e6:.2f} MB", f"`{sha256_of(path)}`"]
        for stage, path in paths.items()
    ]
    recipe = _recipe(metas["float"])
    rows = [["float", _history(metas["float"])], ["int8", _history(metas["int_infer"])], *map(list, recipe.items())]
    history = "Steps of the best weights, and EPE on the test split of the data trained on:"
    return "\n\n".join(
        [table(["file", "stage", "size", "SHA-256"], files, "---"), history, table(["", "recipe"], rows, "---")]
    )


def _history(meta: Mapping[str, Any]) -> str:
    links = [*meta["history"], {"stage": meta["stage"], "step": meta["step"], "epe": meta["scores"]["epe"]}]
    # A run that was cut short before it evaluated leaves no figure.
    return " → ".join(f"{link['stage']} ({link['step']}, {_epe(link['epe'])})" for link in links)


def _epe(value: float | None) -> str:
    return "not evaluated" if value is None else f"{value:.3f} px"


def _recipe(meta: Mapping[str, Any]) -> dict[str, str]:
    """Of the float network; the stages behind it scale it."""
    config = meta["config"]
    data, loader, optim = config["dataset"], config["loader"], config["optim"]
    size = f", {data['num_train']} pairs of {data['height']}×{data['width']}" if data["name"] == "shapes" else ""
    return {
        "data": data["name"] + size,
        "scenes": ", ".join(f"{k} {v:g}" for k, v in data.get("scenes", {}).items()) or "layers only",
        "pairs a step, crop": f"{loader['batch_size']}, {'×'.join(map(str, loader['crop']))}",
        "augmentation": ", ".join(config["augment"]) or "none",
        "loss": config["loss"]["name"],
        "optimiser": f"{optim['name']}, {optim['lr'] * optim['lr_scale']:g}, EMA {optim['ema_decay']:g}",
        "seed": str(config["seed"]),
        "version, torch, commit": f"{meta['version']}, {meta['torch']}, {(meta['commit'] or 'unknown')[:12]}",
    }


def accuracy_table(report: Mapping[str, Any], network: str, folder: Path) -> str:
    """A row for each set and method.

    Raises:
        UserError: it lacks a method.
    """
    rows = []
    for title, scores in report["sets"].items():
        for name in (FLOAT, INT8, AS_GIVEN, REFINED, SGBM):
            if name not in scores:
                raise UserError("--accuracy", None, f"lacks {name}", _AGAIN)
            found = scores[name]
            shares = [f"{100 * found[key]:.1f}" for key in _SHOWN[1:]]
            count = f"{scores['pairs']} pair{'s' * (scores['pairs'] != 1)}"
            rows.append([f"{title}, {count}", name, f"{found['epe']:.3f}", *shares])
    head = ["set", "", "EPE, px", "bad-1, %", "bad-2, %", "bad-3, %", "D1, %"]
    return f"{table(head, rows)}\n\n{name_weights(network, folder)}"


def name_weights(network: str, folder: Path) -> str:
    """The line that says which weights a table is about."""
    short = {name: value[:12] for name, value in _hashes(network, folder).items()}
    return f"Weights: float `{short[FLOAT]}`, int8 `{short[INT8]}` (beginning of the SHA-256)."


def speed_table(report: Mapping[str, Any]) -> str:
    """A row for each engine, and the machine."""
    rows = [[name, f"{ms:.1f}"] for name, ms in report["ms"].items()]
    size = "×".join(map(str, report["size"]))
    machine = ", ".join(str(report[key]) for key in ("device", "system") if key in report)
    return f"{table(['', 'ms'], rows)}\n\n{size}, {report['threads']} threads, {machine}."


def _read(key: str, path: Path | None) -> Any:
    return None if path is None else read_json(f"--{key}", path, "give the benchmark's file")


if __name__ == "__main__":
    main()
