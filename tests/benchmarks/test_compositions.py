"""The full product of backbones and heads through the chain."""

from __future__ import annotations

from pathlib import Path

import pytest
from compositions import list_compositions, pass_through, render


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compositions")


@pytest.mark.long
@pytest.mark.parametrize(("backbone", "head"), list_compositions())
def test_every_composition_ends_in_the_same_integers_everywhere(root: Path, backbone: str, head: str) -> None:
    row = pass_through(root, backbone, head)
    assert row["equal"] == 1 and row["integers"] > 100_000
    assert set(row["differing"]) == {"onnxruntime", "openvino"}
    assert not any(row["differing"].values())
    assert all(share == 1 for share in row["logits_equal"].values())
    assert f"| `{backbone}` | `{head}` |" in render({f"{backbone}-{head}": row})
