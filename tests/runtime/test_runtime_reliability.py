"""Confidence and expected error of compiled folders: their own table, or that of released weights, which is said."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matcher import ENGINES, shifted_pair

from stereo_exp import weights
from stereo_exp.base.errors import UserError
from stereo_exp.geometry.reliability import LIMITS, Curve, Reliability
from stereo_exp.runtime import StereoModel
from stereo_exp.runtime.manifest import MANIFEST, read_manifest, sha256_of

# Sureness 0 is right with 0.2, 1 with 0.6, within whatever px; errors of 6 and 2 px as seen.
FLAT = Curve((0.0, 1.0), ((0.2,) * len(LIMITS), (0.6,) * len(LIMITS)), (6.0, 2.0))


@pytest.fixture
def own(compiled: Path, tmp_path: Path) -> Path:
    """The matcher with a table of its own."""
    folder = shutil.copytree(compiled, tmp_path / "own")
    manifest = replace(read_manifest(folder), reliability=Reliability(FLAT, None, "two pairs"))
    (folder / MANIFEST).write_text(manifest.to_json())
    return folder


@pytest.mark.parametrize("engine", ENGINES)
def test_a_folders_own_table(own: Path, engine: str, caplog: pytest.LogCaptureFixture) -> None:
    left, right = shifted_pair(64, 128, 6)
    with caplog.at_level(logging.INFO), StereoModel(own, engine, threads=1) as model:
        sureness = model.maps(left, right)[1]
        found = model(left, right, scale=1)
        np.testing.assert_allclose(found.confidence, 0.2 + 0.4 * sureness, atol=2e-5)
        np.testing.assert_allclose(found.expected_error, 6 - 4 * sureness, atol=2e-4)
        # Half a px as seen is one as given.
        small = model(left, right, scale=0.5)
        assert 4 <= small.expected_error.min() <= small.expected_error.max() <= 12
    assert not any("confidence" in record.message for record in caplog.records)


def test_without_a_table_that_of_released_weights_serves_and_is_said(
    compiled: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), StereoModel(compiled, "onnxruntime", threads=1) as model:
        shipped = weights.read_reliability(weights.PUBLISHED, "float")
        assert shipped is not None
        assert model.manifest.reliability == Reliability.from_json(shipped)
    told = "no table comes with these weights, that of release-stereonetplus (float) serves"
    assert sum(told in record.message for record in caplog.records) == 1


def test_a_damaged_table_is_told(own: Path) -> None:
    facts = json.loads((own / MANIFEST).read_text())
    facts["reliability"]["plain"] = ["what"]
    (own / MANIFEST).write_text(json.dumps(facts))
    with pytest.raises(UserError, match="is not a whole manifest"):
        read_manifest(own)


@pytest.mark.parametrize("network", list(weights.RELEASES))
def test_every_released_checkpoint_has_its_table(network: str) -> None:
    for stage, file in weights.RELEASES[network].items():
        facts = weights.read_reliability(network, stage)
        assert facts is not None
        made = "python benchmarks/reliability.py --fit makes it anew"
        assert facts["checkpoint_sha256"] == sha256_of(weights.FOLDER / file), made
        table = Reliability.from_json(facts)
        for refined in (False, True):
            right, error = table.tables(1.0, refined)
            assert right[0] < 0.3 < 0.9 < right[65000]
            assert error[65000] < 1 < error[0]
        assert weights.find_reliability(weights.FOLDER / file) == facts
        if stage == "int_infer":
            assert read_manifest(weights.find_compiled_release(network)).reliability == table


def test_a_table_of_other_weights_is_not_theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = weights.RELEASES[weights.PUBLISHED]["float"]
    assert weights.find_reliability(tmp_path / file) is None
    (tmp_path / file).write_bytes((weights.FOLDER / file).read_bytes())
    assert weights.find_reliability(tmp_path / file) == weights.read_reliability(stage="float"), "a copy is the same"
    (tmp_path / file).write_bytes(b"other weights")
    assert weights.find_reliability(tmp_path / file) is None
    facts = json.loads(weights.RELIABILITY.read_text())
    facts[weights.PUBLISHED]["float"]["checkpoint_sha256"] = "0" * 64
    (tmp_path / "reliability.json").write_text(json.dumps(facts))
    monkeypatch.setattr(weights, "RELIABILITY", tmp_path / "reliability.json")
    assert weights.find_reliability(weights.FOLDER / file) is None
    (tmp_path / "reliability.json").write_text("{")
    with pytest.raises(UserError, match="cannot be read"):
        weights.read_reliability()
    monkeypatch.setattr(weights, "RELIABILITY", tmp_path / "none.json")
    assert weights.read_reliability() is None
