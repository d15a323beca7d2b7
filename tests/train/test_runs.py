"""Whole runs through the entrypoint: train, evaluate, kill, resume."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from in_process import run_in_process

SMOKE = ("experiment=smoke", "tracker=none", "eval.pictures=0")
KEPT = Path(__file__).resolve().parents[1] / "checkpoints"
TRAINED = ("name=trained", "optim.steps=3")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One root for all runs of this file, so that shapes are rendered once."""
    return tmp_path_factory.mktemp("outputs")


@pytest.fixture(scope="module")
def trained(root: Path) -> dict:
    """The report of three steps under name=trained, for all tests that only look at what a run left."""
    return run(root, *TRAINED)


def start(root: Path, *overrides: str) -> subprocess.Popen:
    """A process of its own: to be killed, to end in an error, or to start others."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "STEREO_EXP_ROOT": str(root)}
    environment.pop("HYDRA_FULL_ERROR", None)
    command = [sys.executable, "-m", "stereo_exp", *SMOKE, *overrides]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(root: Path, *overrides: str) -> dict:
    """A run that goes well, in this process (torch is imported once) unless it has several; its report."""
    if not any(word.startswith("machine.processes=") for word in overrides):
        return run_in_process(*SMOKE, f"root={root}", "machine.threads=1", *overrides).report
    process = start(root, *overrides)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return json.loads(out.splitlines()[-1])


def metrics(run_dir: str | Path, key: str) -> dict[int, float]:
    records = [json.loads(line) for line in (Path(run_dir) / "metrics.jsonl").read_text().splitlines()]
    return {r["step"]: r[key] for r in records if key in r}


def losses(run_dir: str | Path) -> dict[int, float]:
    return metrics(run_dir, "train/loss")


# Reading in this process differs from reading in workers by nothing that a kill could touch.
@pytest.mark.parametrize("workers", [pytest.param(0, marks=pytest.mark.long), 2])
def test_kill_and_resume_equals_the_unbroken_run(root: Path, workers: int) -> None:
    overrides = (
        f"name=killed{workers}", "optim.steps=14", "train.log_every=1", "train.save_every=3", "train.eval_every=1",
        f"loader.workers={workers}", "augment=photometric", "optim.ema_decay=0.9", "machine.threads=1",
    )  # fmt: skip
    whole = run(root, *overrides)
    process = start(root, *overrides)
    folder = root / f"killed{workers}" / "float"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        killed = [p for p in folder.iterdir() if str(p) != whole["run_dir"]]
        if killed and (killed[0] / "metrics.jsonl").is_file() and len(losses(killed[0])) >= 7:
            break
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.communicate()
    assert (killed[0] / "checkpoints" / "last.safetensors").is_file()
    assert not (killed[0] / "report.json").exists()
    resumed = run(root, *overrides, "train.resume=auto")
    assert resumed["resumed_from"] == str(killed[0] / "checkpoints" / "last.safetensors")
    # Equal to the last bit: same order, crops, moments, average and statistics.
    assert losses(resumed["run_dir"]) == losses(whole["run_dir"])
    assert sorted(losses(resumed["run_dir"])) == list(range(1, 15))
    assert resumed["epe"] == whole["epe"]
    assert resumed["num_steps"] == 14


def test_resuming_a_finished_run_starts_afresh(root: Path, trained: dict) -> None:
    second = run(root, *TRAINED, "train.resume=auto")
    assert "resumed_from" not in second
    assert second["run_dir"] != trained["run_dir"]
    assert second["epe"] == trained["epe"]


def test_evaluation_does_not_depend_on_workers(root: Path, trained: dict) -> None:
    scores = []
    for workers in (0, 2):
        # As training evaluates: pairs as they are.
        report = run(
            root, "task=eval", "eval.scale=1", f"loader.workers={workers}", f"checkpoint={trained['checkpoint']}"
        )
        scores.append({k: report[k] for k in ("epe", "epe_px", "d1", "bad1", "bad2", "bad3", "n_images", "n_skipped")})
    assert scores[0] == scores[1]
    assert scores[0]["n_images"] == 4
    # The trainer's own evaluation of its best weights is the same number.
    assert scores[0]["epe"] == pytest.approx(trained["epe"], rel=1e-6)
    assert (trained["eval_scale"], report["eval_scale"]) == (1, 1)
    enlarged = run(root, "task=eval", f"checkpoint={trained['checkpoint']}")
    assert (enlarged["eval_scale"], enlarged["n_images"]) == (None, 4)
    assert enlarged["epe"] != trained["epe"]


def test_two_processes_train_and_evaluate_every_pair_once(root: Path, trained: dict) -> None:
    two = run(root, "name=ranks", "optim.steps=3", "machine.processes=2", "loader.batch_size=2", "loader.workers=1")
    assert two["n_images"] == trained["n_images"] == 4
    assert two["num_steps"] == 3
    assert Path(two["checkpoint"]).is_file()
    evaluated = run(
        root, "name=ranks", "task=eval", "eval.scale=1", "machine.processes=2", f"checkpoint={two['checkpoint']}"
    )
    assert evaluated["n_images"] == 4
    assert evaluated["epe"] == pytest.approx(two["epe"], rel=1e-5)


def test_a_user_error_in_a_worker_process_is_one_line(root: Path, tmp_path: Path) -> None:
    process = start(root, "machine.processes=2", f"init_from={tmp_path / 'none.safetensors'}")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert out == ""
    assert err.splitlines()[-1].startswith("error: ")
    assert "none.safetensors" in err.splitlines()[-1]
    assert "Traceback" not in err


def test_training_starts_from_the_given_weights(root: Path) -> None:
    # So many steps that they beat the random weights of the beginning, which may stay the best.
    first = run(root, "name=first", "optim.steps=20")
    assert first["best_step"] == 20
    # A learning rate of next to nothing keeps what it started from.
    again = run(root, "name=again", "optim.steps=1", "optim.lr=1e-12", f"init_from={first['checkpoint']}",
                "optim.ema_decay=0.999")  # fmt: skip
    fresh = run(root, "name=fresh", "optim.steps=1", "optim.lr=1e-12")
    assert abs(again["epe"] - first["epe"]) < abs(fresh["epe"] - first["epe"])


def test_the_start_is_evaluated_first_and_training_does_not_notice(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from stereo_exp.suite.train.loop import Trainer

    words = ("optim.steps=6", "train.log_every=1", "train.eval_every=0.25", "augment=photometric")
    found = run(root, "name=begun", *words)
    epe = metrics(found["run_dir"], "test/epe")
    assert min(epe) == 0
    assert max(epe) == 6
    assert found["epe"] == min(epe.values())
    assert epe[found["best_step"]] == found["epe"]
    evaluate = Trainer._evaluate
    monkeypatch.setattr(Trainer, "_evaluate", lambda self: self.progress.step and evaluate(self))
    without = run(root, "name=unbegun", *words)
    assert 0 not in metrics(without["run_dir"], "test/epe")
    assert losses(found["run_dir"]) == losses(without["run_dir"])


def test_a_fine_tuning_that_never_beats_its_start_says_so(root: Path) -> None:
    """From weights that are kept: a start drawn at random may be so bad that any other is better."""
    from stereo_exp.model.checkpoint import load_checkpoint

    start = KEPT / "float.safetensors"
    network = json.loads((KEPT / "expected.json").read_text())["network"].split()
    trained = run(root, "task=eval", "eval.scale=1", f"checkpoint={start}", *network)
    words = (f"init_from={start}", "optim.steps=3", "optim.ema_decay=0", "optim.warmup_epochs=0", "optim.lr=0.5")
    outcome = run_in_process(*SMOKE, f"root={root}", "machine.threads=1", *network, "name=spoilt", *words)
    report = outcome.report
    assert report["best_step"] == 0
    epe = metrics(report["run_dir"], "test/epe")
    assert report["epe"] == epe[0] == pytest.approx(trained["epe"], rel=1e-6)
    assert epe[3] > epe[0]
    (line,) = [line for line in outcome.err.splitlines() if "beat the start's" in line]
    assert "in 3 steps" in line
    kept, given = load_checkpoint(Path(report["checkpoint"])), load_checkpoint(Path(start))
    assert all((kept.tensors[name] == given.tensors[name]).all() for name in given.tensors)


@pytest.mark.long
def test_a_compiled_network_learns_the_same(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`train.compile=true` fuses kernels; what is learned differs by rounding."""
    import torch

    compiling, calls = torch.compile, []
    monkeypatch.setattr(torch, "compile", lambda module: calls.append(module) or compiling(module))
    steps = ("optim.steps=4", "train.log_every=1", "train.eval_every=0", "machine.precision=fp32")
    plain = run(root, "name=plain", *steps)
    assert not calls
    compiled = run(root, "name=compiled", "train.compile=true", *steps)
    assert len(calls) == 1
    found, wanted = losses(compiled["run_dir"]), losses(plain["run_dir"])
    assert found[1] == pytest.approx(wanted[1], rel=1e-4)
    # Adam's first steps go by the gradients' signs, which rounding turns where they are near 0.
    assert found == pytest.approx(wanted, rel=0.1)
    assert compiled["epe"] == pytest.approx(plain["epe"], rel=0.2)
    # Its checkpoint is one like any other.
    evaluated = run(root, "task=eval", "eval.scale=1", f"checkpoint={compiled['checkpoint']}")
    assert evaluated["epe"] == pytest.approx(compiled["epe"], rel=1e-6)


def test_divergence_is_told_in_one_line(root: Path) -> None:
    process = start(root, "name=diverged", "optim.lr=1e30", "optim.grad_clip=null", "optim.warmup_epochs=0",
                    "optim.steps=60", "train.max_bad_steps=3", "train.eval_every=0")  # fmt: skip
    out, err = process.communicate(timeout=120)
    assert process.returncode == 2, err
    assert out == ""
    assert err.splitlines()[-1].startswith("error: optim.lr=1e+30: training diverged")


def test_sweep_runs_every_job_in_order(root: Path) -> None:
    process = start(root, "name=swept", "model.maxdisp=32,64", "optim.steps=2", "-m")
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    reports = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    assert len(reports) == 2
    folders = sorted((root / "swept" / "sweep").glob("*/*_float"))
    assert [str(f) for f in folders] == [r["run_dir"] for r in reports]
    assert json.loads(out.splitlines()[-1]) == reports[-1]


def test_infer_writes_four_panels_and_files(root: Path, trained: dict, tmp_path: Path) -> None:
    import cv2
    import numpy as np

    from stereo_exp.geometry.formats.image import encode_png
    from stereo_exp.geometry.formats.pfm import read_pfm

    rng = np.random.default_rng(0)
    for view in ("left", "right"):
        (tmp_path / f"{view}.png").write_bytes(encode_png(rng.integers(0, 255, (70, 101, 3), dtype=np.uint8)))
    views = (
        f"infer.left={tmp_path / 'left.png'}",
        f"infer.right={tmp_path / 'right.png'}",
        "name=trained",
        "task=infer",
    )
    plain = run(root, *views, f"infer.out={tmp_path / 'plain'}")
    assert sorted(p.name for p in (tmp_path / "plain").iterdir()) == [
        "confidence.png",
        "disparity.pfm",
        "disparity.png",
        "panels.png",
    ]
    assert "depth_median" not in plain
    disparity = read_pfm(tmp_path / "plain" / "disparity.pfm")
    assert disparity.shape == (70, 101)
    coded = cv2.imread(str(tmp_path / "plain" / "disparity.png"), cv2.IMREAD_UNCHANGED)
    assert coded.dtype == np.uint16
    np.testing.assert_allclose(coded / 256, disparity, atol=1 / 512 + 1e-6)
    assert cv2.imread(str(tmp_path / "plain" / "panels.png")).shape[0] > 300
    run(
        root,
        *views,
        f"infer.out={tmp_path / 'deep'}",
        "infer.focal=500",
        "infer.baseline=0.1",
        "infer.doffs=2",
    )
    depth = np.load(tmp_path / "deep" / "depth.npy")
    np.testing.assert_allclose(depth, 500 * 0.1 / (disparity + 2), rtol=1e-5)
    millimetres = cv2.imread(str(tmp_path / "deep" / "depth_mm.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_allclose(millimetres, np.minimum(depth * 1000, 65535), atol=0.51)


def test_infer_on_a_sequence(root: Path, trained: dict, tmp_path: Path) -> None:
    import cv2
    import numpy as np

    from stereo_exp.geometry.formats.image import encode_png

    rng = np.random.default_rng(0)
    for view in ("left", "right"):
        (tmp_path / view).mkdir()
        for i in range(3):
            frame = encode_png(rng.integers(0, 255, (64, 96, 3), dtype=np.uint8))
            (tmp_path / view / f"{i}.png").write_bytes(frame)
    (tmp_path / "calib.json").write_text('{"fx": 500, "baseline_m": 0.1}')
    report = run(
        root,
        "name=trained",
        "task=infer",
        f"infer.left={tmp_path / 'left'}",
        f"infer.right={tmp_path / 'right'}",
        f"infer.calib={tmp_path / 'calib.json'}",
        f"infer.out={tmp_path / 'out'}",
        "infer.max_frames=2",
        "infer.points=true",
        "infer.left_right=true",
        "infer.refine=true",
        "temporal.filter=true",
    )
    assert (report["num_pairs"], report["stability"]["n_changes"]) == (2, 1)
    assert 0 <= report["trusted"] <= 1
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        *(f"{i}_{what}" for i in range(2) for what in ("depth_mm.png", "disparity.png", "points.ply")),
        "camera.json",
        "disparity.mp4",
        "first",
    ]
    film = cv2.VideoCapture(str(tmp_path / "out" / "disparity.mp4"))
    assert film.get(cv2.CAP_PROP_FRAME_COUNT) == 2
    assert film.get(cv2.CAP_PROP_FRAME_HEIGHT) == 128


def test_eval_tells_the_stability_of_a_sequence(root: Path, trained: dict) -> None:
    report = run(root, "name=trained", "task=eval", "eval.stability=true", "eval.pictures=0")
    assert report["stability"]["plain"]["n_changes"] == report["n_images"] - 1
    assert report["stability"]["filtered"]["n_changes"] == report["n_images"] - 1


def test_eval_tells_where_the_error_lies(root: Path, trained: dict) -> None:
    report = run(root, "name=trained", "task=eval", "eval.places=true", "eval.pictures=0")
    assert set(report["places"]) == {"border", "occluded", "edge", "bare", "other"}
    mean = sum(of["pixels_share"] * of["epe"] for of in report["places"].values() if of["pixels_share"])
    assert mean == pytest.approx(report["epe_px"])


def test_infer_on_the_example_and_eval_on_the_real_pair(root: Path, trained: dict) -> None:
    # Found by name: the newest of those that other tests left, all of the same weights.
    inferred = run(root, "name=trained", "task=infer")
    assert inferred["pair"] == "example"
    assert (inferred["height"], inferred["width"]) == (544, 960)
    assert "depth_median" in inferred
    evaluated = run(root, "name=trained", "task=eval", "dataset=motorcycle")
    assert evaluated["n_images"] == 1
    assert 0 < evaluated["epe"] < 64
