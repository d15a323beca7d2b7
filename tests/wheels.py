"""The wheel of this checkout."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent


def build_wheel(work: Path) -> Path:
    """Build it in the folder `work`; skips where git cannot tell what belongs to the checkout."""
    # A copy: building in place would leave build/ behind and could pick up what an earlier build left there.
    source = work / "source"
    source.mkdir()
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("needs git to tell what belongs to the checkout")
    for name in listed.stdout.splitlines():
        if (CHECKOUT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, source / name)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(work)]
    subprocess.run([*build, str(source)], check=True, capture_output=True)
    (wheel,) = work.glob("*.whl")
    return wheel
