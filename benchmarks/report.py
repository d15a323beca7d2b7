"""How long `task=report` takes over many jobs: `python benchmarks/report.py [--jobs 1000]`.

The jobs' folders are simulated: two backbones, rates and seeds, with curves of forty evaluations; every seventh failed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from stereo_exp import compose


def write_jobs(sweep: Path, count: int) -> None:
    """Folders as the jobs of a sweep leave them."""
    config: dict[str, Any] = compose(["tracker=none", "name=swept"]).config_dict()
    text = OmegaConf.to_yaml(OmegaConf.create(config))
    for number in range(count):
        seed, rate = number % 5, f"{1e-3 * (1 + number // 5):g}"
        folder = sweep / f"{number}_float"
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_text(text.replace("seed: 0", f"seed: {seed}", 1))
        typed = ["name=swept", f"optim.lr={rate}", f"model/backbone={'tiny' if number % 2 else 'mixvargenet'}"]
        facts = {"name": "swept", "task": "train", "stage": "float", "overrides": [*typed, f"seed={seed}"]}
        (folder / "run.json").write_text(json.dumps(facts))
        curve = [{"step": 50 * i, "test/epe": 2 + 10 / (1 + i) + 0.01 * (number % 17)} for i in range(40)]
        (folder / "metrics.jsonl").write_text("".join(f"{json.dumps(record)}\n" for record in curve))
        (folder / "stereo_exp.log").write_text("2026-01-01 00:00:00,000 ERROR stereo_exp: error: it was to fail\n")
        if number % 7:
            report = {"epe": curve[-1]["test/epe"], "d1": 0.1, "num_parameters": 99060 + number, "seconds": 60.0}
            (folder / "report.json").write_text(json.dumps({"task": "train", "stage": "float", **report}))


def main() -> None:
    """Make them, report on them, tell the time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    count: int = parser.parse_args().jobs
    with tempfile.TemporaryDirectory() as place:
        sweep = Path(place) / "swept" / "sweep" / "1"
        write_jobs(sweep, count)
        words = ("task=report", "tracker=none", f"root={place}", f"report.sweep={sweep}", "report.measure=false")
        begin = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "stereo_exp", *words], capture_output=True, text=True, check=True, timeout=600
        )
        seconds = time.monotonic() - begin
        report = json.loads(done.stdout.splitlines()[-1])
        page = Path(report["report_html"])
        size = page.stat().st_size / 1e6
    print("| jobs | rows | s | page, MB |\n| --- | --- | --- | --- |")
    print(f"| {count} | {report['rows']} | {seconds:.1f} | {size:.1f} |")
    result = {"jobs": report["runs"], "rows": report["rows"], "seconds": round(seconds, 2), "page_mb": round(size, 2)}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
