"""What benchmarks share: the command line that they type, the JSON that they read back, what they refuse beforehand."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
import scenes_comparison
from real.command import run_module
from real.output import check_output_options, read_json

from stereo_exp.base import UserError


def test_what_a_command_says_last_is_its_report(tmp_path: Path) -> None:
    (tmp_path / "says.py").write_text('import sys\nprint("first")\nprint(f\'{{"words": {len(sys.argv) - 1}}}\')\n')
    assert run_module(["a", "b=1"], "says", tmp_path) == {"words": 2}
    (tmp_path / "fails.py").write_text('import sys\nprint("why", file=sys.stderr)\nsys.exit("error: it was to fail")\n')
    with pytest.raises(UserError, match=r"^python -m fails a: failed with exit code 1 \(error: it was to fail\); mend"):
        run_module(["a"], "fails", tmp_path)


@pytest.mark.parametrize(
    ("content", "told"), [(None, r"cannot be read \(No such file"), ("{", "is no JSON"), ("[]", "holds something else")]
)
def test_json_of_something_else_is_one_line(content: str | None, told: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError, match=rf"^--speed=\S+a\.json: {told}.*; measure it$"):
        read_json("--speed", path, "measure it")
    path.write_text('{"ms": 1.5}')
    assert read_json("--speed", path, "measure it") == {"ms": 1.5}


def test_a_page_without_a_place_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    """Also of benchmarks that have no --limit."""
    page = tmp_path / "page.md"
    page.write_text("# A page\n")
    options = argparse.Namespace(write=page, json=None)
    with pytest.raises(UserError, match="<!-- speed -->"):
        check_output_options(options, "speed")
    page.write_text("<!-- speed -->\n<!-- /speed -->\n")
    check_output_options(options, "speed")
    with pytest.raises(UserError, match=r"^--limit=3: "):
        check_output_options(argparse.Namespace(write=None, json=page, limit=3), "speed")


def test_an_arm_of_another_letter_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr("sys.argv", ["scenes_comparison.py", "--root", "nowhere", "--arms", "a,z"])
    with pytest.raises(SystemExit):
        scenes_comparison.main()
    assert "--arms: z is none of a, a2, b, c, d, e" in capsys.readouterr().err
