"""Folders as jobs of a sweep leave them, without the jobs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from composing import composed
from omegaconf import OmegaConf


def write_job(
    sweep: Path,
    number: int,
    *overrides: str,
    report: dict[str, Any] | None = None,
    curve: tuple[float, ...] = (),
    log: str = "",
) -> Path:
    """One job: its config as Hydra composes it, and what it is said to have found."""
    plain = OmegaConf.to_container(composed("tracker=none", "name=swept", *overrides), resolve=True)
    assert isinstance(plain, dict)
    folder = sweep / f"{number}_{plain['stage']}"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(plain))
    facts = {"name": "swept", "task": "train", "stage": plain["stage"], "overrides": ["name=swept", *overrides]}
    (folder / "run.json").write_text(json.dumps(facts))
    lines = [json.dumps({"step": 10 * i, "test/epe": epe}) for i, epe in enumerate(curve)]
    (folder / "metrics.jsonl").write_text("".join(f"{line}\n" for line in lines))
    (folder / "stereo_exp.log").write_text(log)
    if report is not None:
        told = {"task": "train", "stage": plain["stage"], "name": "swept", "seconds": 2.0, **report}
        (folder / "report.json").write_text(json.dumps(told))
    return folder
