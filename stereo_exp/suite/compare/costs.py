"""What each structure costs: parameters, multiply-accumulates, and the time of its exported float network.

Measured once a structure on this machine, and kept in a file beside the runs.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stereo_exp.base import USUAL_SIZE, Meter, UserError, write_text
from stereo_exp.config import bind_network
from stereo_exp.suite.compare.table import Row

log = logging.getLogger(__name__)
CACHE_FILE = "costs.json"
_WARM_UP, _FRAMES = 2, 9


def add_costs(rows: Sequence[Row], cache: Path, measure: bool) -> None:
    """Fill in `latency_ms`, `parameters` and `gmac` of rows whose network's config is known.

    Args:
        cache: the file of what is known already.
        measure: measure what is not; else it stays unknown, but for what the runs' reports say.
    """
    known = _read(cache)
    missing: dict[str, Mapping[str, Any]] = {}
    keys = {}
    for row in rows:
        if isinstance(model := row.first.config.get("model"), Mapping) and row.epe is not None:
            keys[id(row)] = key = _key(model)
            if key not in known:
                missing[key] = row.first.config
    if measure and missing:
        with Meter("cost of structures", len(missing)) as meter:
            for key, config in missing.items():
                try:
                    known[key] = find_costs(config, cache)
                except (UserError, ModuleNotFoundError) as error:
                    log.warning("a network's cost is not known: %s", error)
                meter.advance()
    for row in rows:
        told = row.first.report.get("num_parameters") or row.first.report.get("parameters")
        found = known.get(keys.get(id(row), ""), {})
        row.parameters = found.get("parameters", told)
        row.latency_ms, row.gmac = found.get("latency_ms"), found.get("gmac")


def find_costs(config: Mapping[str, Any], cache: Path) -> dict[str, Any]:
    """`measure_costs` of a run's network, by the first who asks; of jobs at the same time one measures, one by one.

    Args:
        cache: the file of what is known already, and takes what was measured.

    Raises:
        UserError: a part of the network is not declared here.
    """
    from filelock import FileLock

    key = _key(config["model"])
    cache.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(cache.with_suffix(".lock")):
        known = _read(cache)
        if key not in known:
            known[key] = measure_costs(config)
            write_text(cache, json.dumps(known, indent=1) + "\n")
    return known[key]


def _key(model: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(model, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _read(cache: Path) -> dict[str, dict[str, Any]]:
    try:
        found = json.loads(cache.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def measure_costs(config: Mapping[str, Any]) -> dict[str, Any]:
    """Of a run's network: `parameters`, `gmac` and `latency_ms`, the median for one pair of the usual size of the float
    network's trunk in ONNX Runtime, on all cores that this process may use.

    Raises:
        UserError: a part of it is not declared here.
    """
    import numpy as np
    import onnxruntime

    from stereo_exp.deploy import OLDEST_OPSET, Source, export_trunk_onnx
    from stereo_exp.geometry import round_up_size
    from stereo_exp.model import Checkpoint, profile
    from stereo_exp.quant import export_trunk, fold_batchnorm
    from stereo_exp.suite.build import build_network

    network = build_network(bind_network(config).model).eval()
    size = round_up_size(USUAL_SIZE, network.multiple)
    total = profile(network, *size)["total"]
    source = Source(Checkpoint({}, {}), network, export_trunk(fold_batchnorm(network)))  # type: ignore[arg-type]
    graph = export_trunk_onnx(source, OLDEST_OPSET, size, 1)
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    feed = {each.name: np.zeros((1, 3, *size), np.float32) for each in session.get_inputs()}
    times = []
    for _ in range(_WARM_UP + _FRAMES):
        begin = time.perf_counter()
        session.run(None, feed)
        times.append(1e3 * (time.perf_counter() - begin))
    return {
        "parameters": int(total.parameters),
        "gmac": round(total.macs / 1e9, 3),
        "latency_ms": round(float(np.median(times[_WARM_UP:])), 3),
        "size": list(size),
    }
