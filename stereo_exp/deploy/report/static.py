"""`model.json` and `model.html`: the static report's numbers, and a page that shows them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import onnx

from stereo_exp.atomic import write_text
from stereo_exp.config.deploy import Device
from stereo_exp.deploy.report.layers import Layer, layers
from stereo_exp.deploy.report.page import page
from stereo_exp.deploy.report.roofline import Figures, figures_of, seconds

JSON_FILE, PAGE_FILE = "model.json", "model.html"


def write_report(
    model: onnx.ModelProto, folder: Path, facts: dict[str, Any], size: tuple[int, int], device: Device
) -> dict[str, Any]:
    """Count a `full` form at one size and leave `model.json` and `model.html`; returns the totals.

    Args:
        facts: what the page's head says about the model.
    """
    figures = figures_of(device)
    report = summarise(layers(model, size), figures, {**facts, "size": list(size)})
    write_text(folder / JSON_FILE, json.dumps(report, indent=1) + "\n")
    write_text(folder / PAGE_FILE, page(report))
    return report["totals"]


def summarise(found: Sequence[Layer], figures: Figures, facts: dict[str, Any]) -> dict[str, Any]:
    """`model`, `device`, `totals`, `parts` and `layers`, as JSON takes them. Times in ms, estimated."""
    rows = []
    for layer in found:
        compute, memory = (1e3 * s for s in seconds(layer, figures))
        rows.append(
            {
                **asdict(layer),
                "bytes_moved": layer.bytes_moved,
                "compute_ms": compute,
                "memory_ms": memory,
                "ms": max(compute, memory),
                "bound": "compute" if compute >= memory else "memory",
            }
        )
    parts = {}
    for name in dict.fromkeys(row["part"] for row in rows):
        parts[name] = _totals([row for row in rows if row["part"] == name])
    return {
        "model": facts,
        "device": asdict(figures),
        "totals": _totals(rows),
        "parts": parts,
        "layers": rows,
    }


def _totals(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "layers": len(rows),
        "macs": sum(row["macs"] for row in rows),
        "parameters": sum(row["parameters"] for row in rows),
        "bytes_moved": sum(row["bytes_moved"] for row in rows),
        "integer_macs": sum(row["macs"] for row in rows if row["bits_in"] <= 8),
        "ms": sum(row["ms"] for row in rows),
    }
