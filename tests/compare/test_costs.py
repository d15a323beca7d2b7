"""What structures cost is measured once for each, and kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from job_folders import write_job

from stereo_exp import create_network
from stereo_exp.suite.compare import costs
from stereo_exp.suite.compare.records import read_sweep
from stereo_exp.suite.compare.table import Table, tabulate


@pytest.fixture
def table(tmp_path: Path) -> Table:
    """Three rates of one structure, and another structure."""
    for number in range(3):
        words = f"optim.lr=0.00{number + 1}", "model/backbone=tiny"
        write_job(tmp_path, number, *words, report={"epe": 2.0 + number, "num_parameters": 7})
    write_job(tmp_path, 3, "model/backbone=mobilenetv2", report={"epe": 9.0})
    return tabulate(read_sweep(tmp_path))


def test_each_structure_is_measured_once(table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def measure(config: dict) -> dict:
        asked.append(config["model"]["backbone"]["name"])
        return {"parameters": 100, "gmac": 1.5, "latency_ms": 3.0}

    monkeypatch.setattr(costs, "measure_costs", measure)
    cache = tmp_path / costs.CACHE_FILE
    costs.add_costs(table.rows, cache, measure=False)
    assert [(row.parameters, row.latency_ms) for row in table.rows][:3] == [(7, None)] * 3
    costs.add_costs(table.rows, cache, measure=True)
    assert len(asked) == len(set(asked)) == 2
    assert {(row.parameters, row.gmac, row.latency_ms) for row in table.rows} == {(100, 1.5, 3.0)}
    costs.add_costs(table.rows, cache, measure=True)
    assert len(asked) == 2
    cache.write_text("{")
    costs.add_costs(table.rows, cache, measure=False)
    assert table.rows[0].latency_ms is None


@pytest.mark.long
def test_a_network_is_exported_and_clocked(table: Table) -> None:
    found = costs.measure_costs(table.rows[0].first.config)
    assert found["size"] == [544, 960]
    network = create_network("stereonetplus", overrides=["model/backbone=tiny"])
    assert found["parameters"] == sum(each.numel() for each in network.parameters())
    assert found["latency_ms"] > 0.1
    assert found["gmac"] > 0.1
