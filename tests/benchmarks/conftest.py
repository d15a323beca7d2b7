"""The benchmarks' own modules, which no package holds, for their tests."""

import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
if BENCHMARKS.is_dir():
    sys.path.insert(0, str(BENCHMARKS))


def pytest_ignore_collect() -> bool | None:
    """Tests run from an installed wheel have no benchmarks beside them."""
    return None if BENCHMARKS.is_dir() else True


@pytest.fixture(scope="session")
def repository() -> Path:
    return BENCHMARKS.parent
