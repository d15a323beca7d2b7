"""A compiled folder for all tests of the runtime."""

from pathlib import Path

import pytest
from matcher import write_matcher


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_matcher(tmp_path_factory.mktemp("compiled"))
