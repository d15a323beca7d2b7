"""The entrypoint itself: help, cheap imports, the same from anywhere and under both names."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from command_line import command
from omegaconf import OmegaConf

from stereo_exp.config import conf_dir

MODULE = (sys.executable, "-m", "stereo_exp")
SCRIPT = (str(Path(sys.executable).with_name("stereo-exp")),)
# Heavy packages that nothing before the task itself may import.
HEAVY = ("torch", "mlflow", "matplotlib", "cv2", "safetensors", "skimage")
_PROBE = f"""
import sys
from stereo_exp.__main__ import main
try:
    main()
finally:
    print("imported:", [name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
"""


@pytest.mark.parametrize("arguments", ["--help", "--cfg job", "model.maxdisp=100", "stage=nope", "task=nope"])
def test_nothing_heavy_is_imported(arguments: str, tmp_path: Path) -> None:
    outcome = command(sys.executable, "-c", _PROBE, *arguments.split(), cwd=tmp_path)
    assert outcome.code == (0 if arguments.startswith("--") else 2)
    assert outcome.err.splitlines()[-1] == "imported: []"


def test_help_shows_every_group_and_option(tmp_path: Path) -> None:
    outcome = command(*MODULE, "--help", cwd=tmp_path)
    assert (outcome.code, outcome.err) == (0, "")
    lines = dict(line.split(maxsplit=1) for line in outcome.out.splitlines() if line.startswith("  "))
    assert "float*" in lines["stage"], "the default is marked"
    for folder in {f.parent for f in conf_dir().rglob("*.yaml")} - {conf_dir()}:
        group = folder.relative_to(conf_dir()).as_posix()
        if not group.startswith(("hydra", "local")):
            assert lines[group].replace("*", "").split(", ") == sorted(f.stem for f in folder.glob("*.yaml")), group
    assert not list(tmp_path.iterdir()), "help leaves nothing behind"


def test_help_shows_options_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "mine" / "dataset").mkdir(parents=True)
    (tmp_path / "mine" / "dataset" / "ours.yaml").write_text("defaults: [shapes]\n")
    outcome = command(*MODULE, "--config-dir", str(tmp_path / "mine"), "--help", cwd=tmp_path)
    assert "ours, pairs" in outcome.out


@pytest.mark.parametrize("program", [MODULE, SCRIPT], ids=["python -m", "stereo-exp"])
def test_same_from_a_foreign_folder(program: tuple[str, ...], tmp_path: Path) -> None:
    """A folder with packages and files of our names in it must not get in the way."""
    for name in ("conf", "config"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").write_text("stage: somebody else's\n")
    shown = command(*program, "--cfg", "job", "experiment=smoke", cwd=tmp_path)
    assert (shown.code, shown.err) == (0, "")
    config = OmegaConf.create(shown.out)
    assert (config.task, config.stage, config.name, config.model.maxdisp) == ("train", "float", "smoke", 64)
    assert list(config) == list(OmegaConf.create(command(*MODULE, "--cfg", "job", cwd=tmp_path).out))
    refused = command(*program, "model.maxdisp=100", cwd=tmp_path)
    assert refused.err == refused.error_line + "\n"
    assert "model.maxdisp=100" in refused.error_line


@pytest.mark.long
def test_a_run_leaves_what_the_interface_promises(tmp_path: Path) -> None:
    """Through a pipe: the last line of standard output is the report, people's log is on standard error."""
    arguments = [
        "experiment=smoke",
        "tracker=none",
        "optim.steps=2",
        "train.eval_every=0",
        "machine.threads=1",
    ]
    outcome = command(*MODULE, *arguments, cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    report = json.loads(outcome.out.splitlines()[-1])
    promised = {"task", "stage", "name", "run_dir", "seconds", "checkpoint"}
    promised |= {"epe", "epe_px", "d1", "bad1", "bad2", "bad3", "n_images", "n_skipped"}
    assert promised <= report.keys()
    run = Path(report["run_dir"])
    assert run.parent == tmp_path / "outputs" / "smoke" / "float"
    assert json.loads((run / "report.json").read_text()) == report
    assert Path(report["checkpoint"]).is_file()
    for name in ("config.yaml", "stereo_exp.log", "metrics.jsonl", "pictures"):
        assert (run / name).exists(), name
    assert "\x1b" not in outcome.out + outcome.err, "no colours or bars into a pipe"
    assert not (tmp_path / "outputs" / "mlflow.db").exists()
