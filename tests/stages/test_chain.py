"""The chain of stages through the entrypoint: figures, lineage, pictures; each stage found by name or by path."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import cv2
import pytest
from entrypoint import Chain, stage

from stereo_exp.model.checkpoint import load_checkpoint
from stereo_exp.suite.stages.int_infer import compare_with_float

STAGES = ["float", "calib", "qat", "int_infer"]
SCORES = ("epe", "epe_px", "d1", "bad1", "bad2", "bad3", "n_images", "n_skipped")


def test_closing_table_shows_the_epe_of_every_stage(chain: Chain) -> None:
    assert list(chain.reports) == STAGES
    last = chain.reports["int_infer"]
    assert [link["stage"] for link in last["chain"]] == STAGES
    _, _, table = chain.out.partition("from float to integers")
    for link in last["chain"]:
        assert link["epe"] == chain.reports[link["stage"]]["epe"]
        assert link["dataset"] == "shapes"
        assert link["against_float"] == pytest.approx(link["epe"] / chain.reports["float"]["epe"])
        row = next(line for line in table.splitlines() if re.match(rf"\W+{link['stage']}\b", line) and "px" in line)
        assert f"{link['epe']:.4f} px" in row
    assert json.loads(chain.out.splitlines()[-1]) == last


def test_qat_and_integers_have_the_same_figures(chain: Chain) -> None:
    """To the last bit: the fake-quantised network and the integer one compute the same numbers."""
    qat, integers = chain.reports["qat"], chain.reports["int_infer"]
    assert {k: qat[k] for k in SCORES} == {k: integers[k] for k in SCORES}
    assert integers["integers_equal"] == 1
    assert integers["first_difference"] is None
    assert integers["integers_compared"] > 100_000
    assert integers["verified_pairs"] == 1


def test_the_stages_differ_and_stay_close(chain: Chain) -> None:
    epe = {name: report["epe"] for name, report in chain.reports.items()}
    assert epe["calib"] != epe["float"]
    assert epe["qat"] != epe["calib"]
    assert epe["calib"] < 1.3 * epe["float"]
    assert epe["qat"] < 1.3 * epe["float"]


def test_no_checkerboard(chain: Chain) -> None:
    """Of integers minus float next to nothing repeats every eight pixels."""
    assert 0 < chain.reports["int_infer"]["checkerboard"] < 0.1


def test_each_stage_starts_from_the_one_before(chain: Chain) -> None:
    for before, after in pairwise(STAGES):
        assert chain.reports[after]["init_from"] == chain.reports[before]["checkpoint"]
        assert Path(chain.reports[after]["checkpoint"]).is_file()
    for name in STAGES[1:]:
        assert chain.reports[name]["run_dir"].endswith(f"_{name}")


def test_mlflow_keeps_the_lineage(chain: Chain) -> None:
    tracking = pytest.importorskip("mlflow.tracking")
    client = tracking.MlflowClient(tracking_uri=f"sqlite:///{chain.root}/mlflow.db")
    (experiment,) = [e for e in client.search_experiments() if e.name != "Default"]
    runs = {r.data.tags["stereo_exp.stage"]: r for r in client.search_runs([experiment.experiment_id])}
    assert set(runs) == set(STAGES)
    for before, after in pairwise(STAGES):
        tags = runs[after].data.tags
        assert tags["stereo_exp.parent_run"] == runs[before].info.run_id
        assert tags["stereo_exp.init_from"] == chain.reports[before]["checkpoint"]
    for name, run in runs.items():
        assert run.info.status == "FINISHED"
        assert run.data.metrics["final/epe"] == pytest.approx(chain.reports[name]["epe"])
        artifacts = {a.path for a in client.list_artifacts(run.info.run_id)}
        assert any(path.endswith(".png") or path == "pictures" for path in artifacts)


def test_the_end_of_the_chain_is_a_registered_model(chain: Chain) -> None:
    tracking = pytest.importorskip("mlflow.tracking")
    client = tracking.MlflowClient(tracking_uri=f"sqlite:///{chain.root}/mlflow.db")
    (version,) = client.search_model_versions()
    last = chain.reports["int_infer"]
    assert (version.name, version.tags["stage"]) == (last["name"], "int_infer")
    assert float(version.tags["epe"]) == pytest.approx(last["epe"])
    assert client.get_run(version.run_id).data.tags["stereo_exp.run_dir"] == last["run_dir"]


def test_calibration_reports_every_tensor_worst_first(chain: Chain) -> None:
    layers = chain.reports["calib"]["layers"]
    assert len(layers) > 50
    assert [r["snr_db"] for r in layers] == sorted(r["snr_db"] for r in layers)
    for record in layers:
        assert record["low"] <= 0 <= record["high"]
        assert record["scale"] > 0
        assert record["bits"] == 8
    names = [r["name"] for r in layers]
    assert len(set(names)) == len(names)
    inputs = [r for r in layers if r["name"] in ("left", "right")]
    assert [r["own_snr_db"] for r in inputs] == [200.0, 200.0], "the input lies on its grid: nothing is lost"
    assert "worst tensors, quantised against float" in chain.out
    assert json.loads((Path(chain.reports["calib"]["run_dir"]) / "report.json").read_text())["layers"] == layers


@pytest.mark.parametrize(
    ("name", "picture"), [("calib", "layer_noise.png"), ("int_infer", "int_against_float.png"), ("qat", "00_")]
)
def test_pictures_are_pictures(chain: Chain, name: str, picture: str) -> None:
    files = [Path(p) for p in chain.reports[name]["pictures"]]
    wanted = next(f for f in files if f.name.startswith(picture))
    image = cv2.imread(str(wanted))
    assert min(image.shape[:2]) > 100
    assert float(image.std()) > 5, "an empty picture"


@pytest.mark.parametrize("name", STAGES[1:])
def test_a_stage_alone_finds_the_one_before(chain: Chain, name: str) -> None:
    """By name; the same weights give the same figures again."""
    extra = ["optim.steps=30", "train.eval_every=0"] if name == "qat" else []
    # Pictures are the chain's own affair: see test_pictures_are_pictures.
    report = stage(chain.root, name, "eval.pictures=0", *extra).report
    before = STAGES[STAGES.index(name) - 1]
    assert Path(report["init_from"]).parts[-3].endswith(before) or Path(report["init_from"]).parts[-4] == before
    if name == "calib":
        assert report["init_from"] == chain.reports["float"]["checkpoint"]
        assert report["layers"] == chain.reports["calib"]["layers"]
        assert report["epe"] == chain.reports["calib"]["epe"]


def test_integers_from_a_calibration_alone(chain: Chain, tmp_path: Path) -> None:
    """`init_from=`: any file of a stage that it may start from; int_infer takes a calibration, too."""
    start = chain.reports["calib"]["checkpoint"]
    report = stage(chain.root, "int_infer", f"init_from={start}", "name=elsewhere", "eval.pictures=0").report
    assert report["init_from"] == start
    assert report["epe"] == chain.reports["calib"]["epe"]
    assert report["integers_equal"] == 1
    assert [link["stage"] for link in report["chain"]] == ["float", "calib", "int_infer"]


@pytest.mark.parametrize("name", STAGES)
def test_evaluating_a_stage_gives_its_own_figures(chain: Chain, name: str) -> None:
    checkpoint = chain.reports[name]["checkpoint"]
    report = stage(chain.root, name, "task=eval", "eval.scale=1", f"checkpoint={checkpoint}").report
    assert {k: report[k] for k in SCORES} == {k: chain.reports[name][k] for k in SCORES}


def test_an_integer_checkpoint_is_a_fraction_of_the_float_one(chain: Chain) -> None:
    sizes = {name: Path(chain.reports[name]["checkpoint"]).stat().st_size for name in STAGES}
    assert sizes["int_infer"] < 0.75 * sizes["qat"]


def test_integers_are_compared_with_the_float_network_that_was_quantised() -> None:
    """Not with one that it went on from."""
    links = [{"stage": s, "dataset": "shapes", "epe": e} for s, e in (("float", 3.0), ("qat", 2.5), ("float", 2.0))]
    links.append({"stage": "int_infer", "dataset": "shapes", "epe": 2.02})
    assert [link["against_float"] for link in compare_with_float(links)] == [1.5, 1.25, 1.0, 1.01]


def test_what_was_measured_on_other_data_is_not_compared_with_float() -> None:
    """As when `init_from=release` begins a chain on pairs of one's own."""
    epe = {("float", "shapes"): 3.0, ("calib", "pairs"): 2.0, ("int_infer", "shapes"): 6.0}
    links = [{"stage": stage, "dataset": data, "epe": value} for (stage, data), value in epe.items()]
    assert [link["against_float"] for link in compare_with_float(links)] == [1.0, None, 2.0]


@pytest.mark.parametrize("frozen", [True, False])
def test_from_integers_back_to_float(chain: Chain, frozen: bool) -> None:
    """What QAT taught the weights serves the float network; its statistics stay where they are to."""
    start = chain.reports["qat"]["checkpoint"]
    steps = ("optim.steps=2", "optim.warmup_steps=0", "optim.ema_decay=0", "train.eval_every=0.25", "optim.lr=1e-6")
    report = stage(chain.root, "float", f"init_from={start}", "name=back", f"train.freeze_norm={frozen}", *steps).report
    assert report["init_from"] == start
    assert report["epe"] == pytest.approx(chain.reports["qat"]["epe"], rel=0.1 if frozen else 0.5)
    checkpoint = load_checkpoint(Path(report["checkpoint"]))
    assert [link["stage"] for link in checkpoint.meta["lineage"]] == ["float", "calib", "qat"]
    counts = [int(v) for k, v in checkpoint.part("model").items() if k.endswith("num_batches_tracked")]
    # The best of two steps and one evaluation after each: which, depends on how the processor rounds.
    assert counts and set(counts) == {0 if frozen else checkpoint.meta["step"]}
