"""The line of an engine: what is counted, and how it is told."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import engine_lines
import pytest

from stereo_exp.runtime import file_entry


def line(engine: str, **changes: Any) -> dict[str, Any]:
    made = {
        "engine": engine, "version": "1.2", "size": [544, 960], "equal": 1.0, "max_px": 3e-5, "ms": 41.6,
        "bytes": 2_700_000, "load": 0.5, "date": "2026-01-01", "device": "a processor",
    }  # fmt: skip
    return made | changes


def test_a_table_keeps_the_order_and_rounds_no_difference_away() -> None:
    text = engine_lines.render({"litert": line("litert", equal=0.999999), "openvino": line("openvino")})
    rows = text.splitlines()
    assert rows[2] == "| openvino | 1.2 | all | 3.0e-05 | 42 | 2.7 | 0.5 |"
    assert rows[3].startswith("| litert | 1.2 | 99.99 % |")
    assert rows[-1] == "Measured 2026-01-01: a processor, 544×960."
    text = engine_lines.render({"litert": line("litert", load=3.0)})
    assert text.endswith("544×960. Other programs ran on the same machine.")


def test_both_files_of_a_form_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(b"12345")
    (tmp_path / "a.bin").write_bytes(b"123")
    assert engine_lines.count_bytes(tmp_path, file_entry(tmp_path, "a.xml", "a.bin")) == 8
    assert engine_lines.count_bytes(tmp_path, file_entry(tmp_path, "a.xml")) == 5


def test_waiting_is_not_work(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def run() -> None:
        calls.append(1)
        time.sleep(0.02)

    assert engine_lines.time_frames(run, 3) < 15
    assert len(calls) == 4
