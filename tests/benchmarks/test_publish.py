"""Publishing is one command: every step runs, none that is done runs again, and one that failed is gone on with."""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import publish
import pytest

from stereo_exp.weights import RELEASES

STEPS = ["weights", "confidence", "align", "accuracy", "reliability", "flicker", "sheet", "speed", "card", "readme"]
OPTIONS = {"sizing": None, "half": False, "limit": None, "rendered": 4, "rounds": 3}
OPTIONS |= {"data": Path("data"), "work": Path("work")}


def steps_of(network: str, **changes) -> dict[str, publish.Step]:
    options = argparse.Namespace(float="F", int_infer="I", network=network, **{**OPTIONS, **changes})
    return {step.name: step for step in publish.list_steps(options)}


@pytest.mark.parametrize("network", RELEASES)
def test_every_step_is_about_its_network(network: str) -> None:
    steps = steps_of(network)
    assert list(steps) == STEPS
    for name in ("confidence", "accuracy", "reliability", "flicker", "sheet"):
        assert ("--network" in steps[name].commands[0]) == (network != "published"), name
    assert steps["weights"].commands[0][-1] == "--compile" and "F" in steps["weights"].commands[0]
    # A compiled run for every release at both stages, and one timing of them all.
    assert len(steps["speed"].commands) == 2 * len(RELEASES) + 1
    assert "{speed_3}" in steps["speed"].commands[-1]
    assert "1.2" in steps_of(network, sizing=[250000, 1.2, 1.5])["weights"].commands[0]
    assert "--half" in steps_of(network, half=True)["weights"].commands[0]


def test_a_part_of_the_pairs_is_written_nowhere() -> None:
    for name, step in steps_of("published", limit=1).items():
        for command in step.commands:
            assert not {"--write", "--json", "--accuracy"} & set(command), name


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--only", "speeed"), "--only=speeed: is no step"),
        ((), "is no file"),
    ],
)
def test_what_cannot_be_published_is_one_line(tmp_path: Path, repository: Path, words: tuple, told: str) -> None:
    command = [sys.executable, "benchmarks/publish.py", "no.safetensors", "no.safetensors", "--work", str(tmp_path)]
    done = subprocess.run([*command, *words], cwd=repository, capture_output=True, text=True)
    assert done.returncode == 2 and told in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.long
def test_a_tiny_network_is_published(tmp_path: Path, repository: Path) -> None:
    """In a copy of the project: what is published goes into the package and its pages."""
    listed = subprocess.run(["git", "ls-files"], cwd=repository, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("the project is no git checkout here")
    copy = tmp_path / "project"
    for name in listed.stdout.splitlines():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(repository / name, copy / name)
    environment = {**os.environ, "PYTHONPATH": str(copy), "OMP_NUM_THREADS": "2"}

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, *words], cwd=copy, env=environment, capture_output=True, text=True)

    sizes = ("model.backbone.width=0.25", "model/backbone=mixvargenet")
    chain = ("-m", "stereo_exp", "-m", "stage=float,calib,int_infer", "experiment=smoke", "tracker=none", *sizes)
    trained = call(*chain, "name=tiny", f"root={tmp_path}/runs", "model.maxdisp=192", "loader.crop=[64,256]")
    assert trained.returncode == 0, trained.stderr[-2000:]
    reports = [json.loads(line) for line in trained.stdout.splitlines() if line.startswith("{")]
    best = {report["stage"]: report["checkpoint"] for report in reports}
    work = tmp_path / "work"
    # Motorcycle alone has truth here; flicker and rooms need folders that only some machines have.
    command = ("benchmarks/publish.py", best["float"], best["int_infer"], "--work", str(work), "--data", str(tmp_path))
    small = ("--rendered", "1", "--rounds", "1", "--limit", "1", "--skip", "flicker", "sheet", "readme")
    first = call(*command, *small)
    assert first.returncode == 0, first.stderr[-2000:]
    done = [name for name in STEPS if name not in ("flicker", "sheet", "readme")]
    assert json.loads(first.stdout.splitlines()[-1])["done"] == done
    card = (copy / "stereo_exp/weights/CARD.md").read_text()
    published = copy / "stereo_exp/weights" / RELEASES["published"]["int_infer"]
    assert publish.sha256_of(published) in card
    assert published.stat().st_size < (repository / "stereo_exp/weights" / published.name).stat().st_size
    again = call(*command, *small)
    assert json.loads(again.stdout.splitlines()[-1])["done"] == [], "what is done is not done again"
    # A step that fails costs nothing that was done before.
    broken = call(*command, *small[:-3], "align", "speed", "sheet", "readme", "--again", "card", "flicker")
    assert broken.returncode == 2 and "step=flicker: failed" in broken.stderr
    state = json.loads((work / publish.STATE).read_text())
    assert "published.accuracy" in state and "published.flicker" not in state
