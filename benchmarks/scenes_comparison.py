"""Whether scenes of meshes teach more than shapes, and what of them does: one network, one budget, other pairs.

    python benchmarks/scenes_comparison.py --root RUNS [--pairs 40000] [--arms a,a2,b]
        [--write docs/data.md --json docs/results/scenes.json --picture docs/images/scenes_comparison.png]

Each arm trains quarternet from the same random weights, for the same steps, under the same augmentation, on

- shapes: the procedural set of `dataset=shapes`; `shapes, seed 2` starts from other weights and tells the noise;
- scenes: the kinds of meshes alone;
- halves: both sets, every other pair;
- flat: scenes without light, the same seeds and cameras (`dataset.lit=false`);
- no floaters: scenes whose furnished rooms have nothing in the air (`dataset.floaters=false`).

An arm renders its 2,400 pairs on first use. It is scored on the real sets that lie in `--data`, and where cameras left
no truth, on what OpenCV's SGBM is certain of. No real pair has a say in which weights are the best: an arm's own 60
held-out pairs have. Interrupted, it goes on where it was: type it again. With `--only` one arm is trained, to be joined
by the others later. The last line is JSON.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from real.budget import NETWORKS, Scores, add_budget_options, budget_words, draw_curves, evaluate, render_scores, train
from real.certain import open_certain
from real.output import add_output_options, check_output_options, page_text, today, write_report
from real.sets import open_sets

from stereo_exp.base import exit_on_user_error
from stereo_exp.config import Shapes

BLOCK = "scenes_comparison"
NETWORK = "quarternet"
NUM_TRAIN, NUM_TEST = 2400, 60
SIZE = (320, 640)
MESHES = {"furnished": 3, "dense": 2, "tabletop": 3, "garden": 2}
CLOSED = Shapes.kinds()
BASE, AGAIN, SCENES = "shapes", "shapes, seed 2", "scenes"
GOAL_SET, GOAL = "Middlebury 2005/2006", 0.8
"""Of the base's bad-2 the best arm wants at most this share, and no more than the noise above it elsewhere."""


@dataclass(frozen=True)
class Arm:
    """A training.

    Attributes:
        letter: of `--only`, and in the run's name.
        words: its data.
        num_train: pairs of its set.
        seed: of weights, order and augmentation.
    """

    letter: str
    words: tuple[str, ...]
    num_train: int = NUM_TRAIN
    seed: int = 1


def _rendered(node: str, more: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Words of one rendered set."""
    sizes = {"num_train": NUM_TRAIN, "num_test": NUM_TEST, "height": SIZE[0], "width": SIZE[1], "render_seed": 41}
    return (*(f"{node}.{key}={value}" for key, value in sizes.items()), *(f"{node}.{word}" for word in more))


_SHAPES = ("scenes.layers=3",)
_MESHES = tuple(f"scenes.{name}={share}" for name, share in {**MESHES, **dict.fromkeys(CLOSED, 0)}.items())
_HALVES = (
    "dataset=mix", "~dataset.parts.sceneflow", "~dataset.weights.sceneflow",
    "+dataset@dataset.parts.scenes=scenes", "+dataset.weights.scenes=1", "dataset.weights.shapes=1",
    *_rendered("dataset.parts.shapes", _SHAPES), *_rendered("dataset.parts.scenes", _MESHES),
)  # fmt: skip
ARMS = {
    BASE: Arm("a", ("dataset=shapes", *_rendered("dataset", _SHAPES))),
    AGAIN: Arm("a2", ("dataset=shapes", *_rendered("dataset", _SHAPES)), seed=2),
    SCENES: Arm("b", ("dataset=scenes", *_rendered("dataset", _MESHES))),
    "halves": Arm("c", _HALVES, 2 * NUM_TRAIN),
    "flat": Arm("d", ("dataset=scenes", *_rendered("dataset", _MESHES), "dataset.lit=false")),
    "no floaters": Arm("e", ("dataset=scenes", *_rendered("dataset", _MESHES), "dataset.floaters=false")),
}
"""By the name that the table has."""


def arm_words(name: str, options: argparse.Namespace) -> list[str]:
    """The command line of an arm, without the entrypoint; the user's own words come last."""
    arm = ARMS[name]
    # Where an arm's sets lie: what two arms share is rendered once.
    nodes = [f"dataset.parts.{part}" for part in ("shapes", "scenes")] if arm.words[0] == "dataset=mix" else ["dataset"]
    roots = [f"{node}.root={options.root}/sets" for node in nodes]
    network = [*NETWORKS[NETWORK].split(), f"seed={arm.seed}"]
    return [*arm.words, *roots, *network, *budget_words(f"arm_{arm.letter}", options, arm.num_train)]


def find_shares(scores: Mapping[str, Scores]) -> dict[str, dict[str, float]]:
    """Arm -> set -> bad-2 over that of the base."""
    base = scores[BASE]
    return {
        name: {each: found[each]["bad2"] / max(base[each]["bad2"], 1e-9) for each in base}
        for name, found in scores.items()
        if name != BASE
    }


def judge(shares: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """The best arm on the goal's set, whether it reaches the goal, and the sets on which it is worse than the noise.

    The noise of a set is how far a second seed of the base is from the first, at least 2 %.
    """
    arms = [name for name in shares if name != AGAIN]
    best = min(arms, key=lambda name: shares[name][GOAL_SET])
    noise = {each: max(abs(share - 1), 0.02) for each, share in shares.get(AGAIN, {}).items()}
    worse = [each for each, share in shares[best].items() if share > 1 + noise.get(each, 0.02)]
    share = shares[best][GOAL_SET]
    return {"best": best, "share": share, "reached": share <= GOAL and not worse, "worse": worse}


def main() -> None:
    """Train, evaluate, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_budget_options(parser, [arm.letter for arm in ARMS.values()], "train this arm")
    parser.add_argument("--arms", help="letters of those to compare, split by commas (default: all)")
    add_output_options(parser, BLOCK)
    options = parser.parse_args()
    letters = options.arms.split(",") if options.arms else [arm.letter for arm in ARMS.values()]
    if unknown := set(letters) - {arm.letter for arm in ARMS.values()}:
        parser.error(f"--arms: {min(unknown)} is none of {', '.join(arm.letter for arm in ARMS.values())}")
    chosen = {name: arm for name, arm in ARMS.items() if arm.letter in letters}
    with exit_on_user_error():
        check_output_options(options, BLOCK)
        if options.only:
            (name,) = [name for name, arm in ARMS.items() if arm.letter == options.only]
            print(train(arm_words(name, options)))
            return
        runs = {name: train(arm_words(name, options)) for name in chosen}
        (sets, absent), (certain, missing) = open_sets(options.data), open_certain(options.data)
        scores = {name: evaluate(run, [*sets, *certain]) for name, run in runs.items()}
        if options.picture:
            draw_curves(options.picture, runs, "EPE on each arm's own held-out pairs, px")
        report: dict[str, Any] = {"pairs": options.pairs, "scores": scores, "absent": {**absent, **missing}, **today()}
        said = ""
        if BASE in scores and len(scores) > 1 and GOAL_SET in scores[BASE] and set(scores) - {BASE, AGAIN}:
            report |= {"shares": find_shares(scores)}
            report |= {"verdict": judge(report["shares"])}
            verdict = report["verdict"]
            said = f"{GOAL_SET}, bad-2: {verdict['best']} has {verdict['share']:.2f} of {BASE}', {GOAL} wanted."
        parts = [render_scores(scores), "\\* no truth there: against what OpenCV's SGBM is certain of"]
        if options.picture and options.write:
            parts.append(f"![EPE over pairs seen]({os.path.relpath(options.picture, options.write.parent)})")
        text = page_text(report, *parts)
        write_report(options, BLOCK, report, text, said)


if __name__ == "__main__":
    main()
