"""What a terminal shows while a run works, and what is left of it: no stale bar, tables of 80 columns."""

from __future__ import annotations

import io
import logging
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stereo_exp.suite.runs.context import RunContext
from stereo_exp.suite.runs.report import finish, start_clock, tell_folder

WORK = """
import logging, sys, time
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
from stereo_exp.base import Meter
logging.info("before")
with Meter("render", 6) as meter:
    for i in range(6):
        meter.advance(1, loss=f"{i}.5")
        time.sleep(0.12)
        if i == 2:
            logging.info("a line meanwhile")
        if i == 4:
            with meter.pause():
                logging.info("a table")
logging.info("after")
"""


def run_on_a_terminal(code: str) -> str:
    """Everything that a script writes to a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"COLUMNS": "80", "LINES": "30", "TERM": "xterm"}
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # the terminal's other end is closed
            break
        if not part:
            break
        written += part
    os.close(ours)
    assert process.wait(30) == 0, written.decode()
    return written.decode()


def show(written: str) -> list[str]:
    """The lines of the screen at the end, by what moves the cursor and what clears a line."""
    lines, row, column = [""], 0, 0
    for token in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+", written):
        if token == "\r":
            column = 0
        elif token == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif token.startswith("\x1b"):
            if token.endswith("A"):
                row = max(0, row - int(token[2:-1] or 1))
            elif token.endswith("K"):
                lines[row] = "" if token == "\x1b[2K" else lines[row][:column]
        else:
            lines[row] = lines[row].ljust(column)[:column] + token + lines[row][column + len(token) :]
            column += len(token)
    return [line.rstrip() for line in lines if line.strip()]


def test_a_bar_leaves_nothing_and_lines_stand_above_it() -> None:
    written = run_on_a_terminal(WORK)
    assert "6/6" in written and "loss 5.5" in written, "the bar was shown"
    assert show(written) == ["before", "a line meanwhile", "a table", "after"]


def test_the_screen_of_this_test_shows_stale_lines() -> None:
    assert show("a\r\nb\r\n\x1b[1A\x1b[2Kc\r\nd") == ["a", "c", "d"]
    assert show("bar 1/2\nlog\r\nbar 2/2") == ["bar 1/2", "log", "bar 2/2"]


def test_the_folder_is_told_once_ahead_of_what_is_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    console, logger = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(console)
    logger.addHandler(handler)
    try:
        tell_folder(tmp_path / "outputs" / "a")
        assert console.getvalue() == ""
        for text in ("network x", "done"):
            logger.warning(text)
    finally:
        logger.removeHandler(handler)
        for each in logger.handlers:
            each.filters.clear()
    assert console.getvalue() == f"run folder: {Path('outputs/a')}\nnetwork x\ndone\n"


REPORT = {
    "epe": 1.23456789,
    "checkpoint": "/a/rather/long/path/that/goes/on/for/longer/than/a/terminal/is/wide/to/some/best.safetensors",
    "sets": {
        name: {"n_images": 4370, "epe": 12.3456, "epe_noc": 11.2345, "d1": 1.0, "bad1": 0.98765, "bad2": 0.5}
        for name in ("a-data-set-with-quite-a-long-name-of-its-own", "eth3d")
    },
    "by_engine": [
        {"engine": "onnxruntime", "integers_equal": 0.9999994, "differing": 123456, "max_px": 0.0123456,
         "first_difference": "aggregation.11.deep.conv1.activation.of.a.network", "mean_px": 1.23456e-05,
         "epe": 12.3456},
    ],
    "layers": [
        {"name": "backbone.stages.2.blocks.5.branch.0.convolution.weight", "snr_db": 31.4159, "own_snr_db": 123.456,
         "low": -123.456, "high": 1234.56, "scale": 0.000244140625},
    ],
}  # fmt: skip


def test_tables_fit_80_columns_and_break_no_number(
    make_context: Callable[..., RunContext], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    finish(make_context("name=a"), dict(REPORT), start_clock())
    lines = capsys.readouterr().out.splitlines()[:-1]
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    for number in ("1.2346 px", "4370", "12.3456", "11.2345", "100.00", "98.77", "99.9999 %", "123456", "0.012346",
                   "1.2346e-05", "12.3456 px", "31.416", "123.46", "-123.46", "1234.6", "0.00024414"):  # fmt: skip
        assert number in text, number
    # Long words go on in the next line, and nothing of them is lost.
    assert "…" not in text
