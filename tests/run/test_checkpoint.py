"""Checkpoints: tensors and JSON come back as they were, writes are all or nothing, nothing in them is run."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from composing import composed
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

from stereo_exp.base.errors import CheckpointError
from stereo_exp.config import bind
from stereo_exp.config.marks import first_difference
from stereo_exp.geometry.reliability import LIMITS, Curve, Reliability
from stereo_exp.geometry.sizing import Sizing
from stereo_exp.model.checkpoint import (
    FORMAT,
    load_checkpoint,
    load_weights,
    optimizer_tensors,
    read_meta,
    reliability_entry,
    reliability_of,
    restore_optimizer,
    save_checkpoint,
    sizing_entry,
    sizing_of,
)
from stereo_exp.suite.build import build_network
from stereo_exp.suite.restore import check_same_network, network_of

META = {
    "stage": "float",
    "step": 3,
    "num_steps": 9,
    "run_id": None,
    "config": {"model": {"maxdisp": 64, "lr": 1e-05, "none": None, "list": [1, 2.5]}},
}


def _parts(seed: int = 0) -> dict[str, dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    return {
        "model": {
            "weight": torch.randn(2, 3, 4, 5, generator=generator).to(memory_format=torch.channels_last),
            "counts": torch.arange(5),
            "half": torch.randn(3, generator=generator).bfloat16(),
            "scalar": torch.tensor(2.5),
            "view": torch.arange(12.0).reshape(3, 4).T,
        },
        "rng": {"cpu": torch.get_rng_state()},
    }


def test_the_size_that_weights_like_travels_with_them(tmp_path: Path) -> None:
    path, figures = tmp_path / "c.safetensors", {"pixels": 250_000, "least": 1.2, "most": 1.5}
    save_checkpoint(path, {**META, "sizing": figures}, _parts())
    assert sizing_of(load_checkpoint(path)) == Sizing(250_000, 1.2, 1.5)
    assert sizing_entry(load_checkpoint(path)) == {"sizing": figures}
    # What checkpoints mean that do not say: older ones, and those of a network nobody has looked at.
    save_checkpoint(path, META, _parts())
    assert sizing_of(load_checkpoint(path)) == Sizing()
    assert sizing_entry(load_checkpoint(path)) == sizing_entry(None) == {}


@pytest.mark.parametrize("wrong", [{"pixels": -1}, {"pixels": "many"}, {"wide": 3}, [1, 2], 7])
def test_a_size_that_is_none_is_told(tmp_path: Path, wrong: Any) -> None:
    path = tmp_path / "c.safetensors"
    save_checkpoint(path, {**META, "sizing": wrong}, _parts())
    with pytest.raises(CheckpointError, match="no sizing"):
        sizing_of(load_checkpoint(path))


def test_what_confidence_is_worth_travels_with_the_weights(tmp_path: Path) -> None:
    path, row = tmp_path / "c.safetensors", (0.5,) * len(LIMITS)
    table = Reliability(Curve((0.25, 0.75), (row, row), (3.0, 1.0)), None, "two pairs")
    save_checkpoint(path, {**META, "reliability": table.to_json()}, _parts())
    assert reliability_of(load_checkpoint(path)) == table
    assert reliability_entry(load_checkpoint(path)) == {"reliability": table.to_json()}
    save_checkpoint(path, META, _parts())
    assert reliability_of(load_checkpoint(path)) is None
    assert reliability_entry(load_checkpoint(path)) == reliability_entry(None) == {}


@pytest.mark.parametrize("wrong", [{}, {"plain": 3}, [1, 2], 7, "x"])
def test_a_table_of_confidence_that_is_none_is_told(tmp_path: Path, wrong: Any) -> None:
    path = tmp_path / "c.safetensors"
    save_checkpoint(path, {**META, "reliability": wrong}, _parts())
    with pytest.raises(CheckpointError, match="its reliability is damaged"):
        reliability_of(load_checkpoint(path))


def test_round_trip(tmp_path: Path) -> None:
    path, parts = tmp_path / "new" / "folder" / "c.safetensors", _parts()
    save_checkpoint(path, META, parts)
    checkpoint = load_checkpoint(path)
    assert checkpoint.meta == {"format": FORMAT, **META} == read_meta(path)
    for prefix, part in parts.items():
        loaded = checkpoint.part(prefix)
        assert loaded.keys() == part.keys()
        for name, tensor in part.items():
            assert loaded[name].dtype == tensor.dtype
            assert torch.equal(loaded[name], tensor), name


def test_part_does_not_take_a_longer_prefix(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "c", META, {"model": {"w": torch.ones(1)}, "model_b": {"w": torch.zeros(1)}})
    assert load_checkpoint(tmp_path / "c").part("model")["w"] == 1


@pytest.mark.parametrize("function", ["write_bytes", "replace"])
def test_failure_while_writing_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    path = tmp_path / "c.safetensors"
    save_checkpoint(path, META, _parts(0))
    before = path.read_bytes()

    def disk_full(self: Path, argument: Any) -> None:
        if function == "write_bytes":
            with self.open("wb") as file:
                file.write(argument[: len(argument) // 2])
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr(Path, function, disk_full)
        with pytest.raises(OSError, match="No space left"):
            save_checkpoint(path, {**META, "step": 4}, _parts(1))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path], "nothing half-written is left behind"


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("read", [load_checkpoint, read_meta])
def test_truncated(tmp_path: Path, read: Callable[[Path], Any], share: float) -> None:
    path = tmp_path / "c.safetensors"
    save_checkpoint(path, META, _parts())
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(CheckpointError, match="not a whole safetensors file") as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_safetensors_of_somebody_else(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"weight": torch.ones(2)}, path)
    with pytest.raises(CheckpointError, match="not a checkpoint of ours"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    "header",
    [{}, {"json": "{cut"}, {"json": "3"}, {"json": '{"step": 3}'}],
    ids=["no json", "broken json", "no object", "keys missing"],
)
def test_our_format_without_our_json(tmp_path: Path, header: dict[str, str]) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"weight": torch.ones(2)}, path, metadata={"format": FORMAT, **header})
    with pytest.raises(CheckpointError):
        load_checkpoint(path)


class _Trap:
    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple:
        return open, (self.path, "w")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("read", [load_checkpoint, read_meta])
def test_pickle_is_not_opened(tmp_path: Path, read: Callable[[Path], Any], protocol: int) -> None:
    path, sprung = tmp_path / "c.safetensors", tmp_path / "sprung"
    path.write_bytes(pickle.dumps(_Trap(sprung), protocol=protocol))
    with pytest.raises(CheckpointError):
        read(path)
    assert not sprung.exists()
    pickle.loads(path.read_bytes()).close()
    assert sprung.exists(), "the trap works"


@pytest.mark.parametrize("kind", ["torch zip", "torch legacy"])
def test_torch_file_is_told_apart(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "c.pt"
    torch.save({"w": torch.ones(1)}, path, _use_new_zipfile_serialization=kind == "torch zip")
    with pytest.raises(CheckpointError, match="can carry code and is not opened"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (nn.Linear(3, 4), "size mismatch"),
        (nn.Sequential(nn.Linear(3, 2)), "weight"),
        (nn.Linear(3, 2, bias=False), "bias"),
    ],
)
def test_weights_that_do_not_fit(tmp_path: Path, other: nn.Module, told: str) -> None:
    save_checkpoint(tmp_path / "c", META, {"model": nn.Linear(3, 2).state_dict()})
    with pytest.raises(CheckpointError, match="does not fit the network") as caught:
        load_weights(other, load_checkpoint(tmp_path / "c"))
    assert told in str(caught.value)


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.AdamW])
def test_optimiser_goes_on_as_if_it_had_not_stopped(tmp_path: Path, kind: Any) -> None:
    def model_and_optimiser() -> tuple[nn.Module, torch.optim.Optimizer]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).to(memory_format=torch.channels_last)
        return model, kind(model.parameters(), 0.1)

    def steps(model: nn.Module, optimiser: torch.optim.Optimizer, seeds: range) -> None:
        for seed in seeds:
            optimiser.zero_grad()
            x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
            model(x).square().mean().backward()
            optimiser.step()

    whole, optimiser = model_and_optimiser()
    steps(whole, optimiser, range(6))
    first, optimiser = model_and_optimiser()
    steps(first, optimiser, range(3))
    parts = {"model": first.state_dict(), "optim": optimizer_tensors(optimiser, first)}
    save_checkpoint(tmp_path / "c", META, parts)
    checkpoint = load_checkpoint(tmp_path / "c")
    second, optimiser = model_and_optimiser()
    load_weights(second, checkpoint)
    restore_optimizer(optimiser, second, checkpoint.part("optim"))
    steps(second, optimiser, range(3, 6))
    for name, value in whole.state_dict().items():
        assert torch.equal(second.state_dict()[name], value), name


_LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
_CONFIGS = st.dictionaries(
    st.text("abc", min_size=1, max_size=2),
    st.recursive(
        _LEAVES | st.lists(st.integers(), max_size=3),
        lambda inner: st.dictionaries(st.text("abc", min_size=1, max_size=2), inner, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
)


def _at(config: Any, key: str) -> Any:
    for name in key.split(".")[1:]:
        config = config.get(name) if isinstance(config, dict) else None
    return config


@given(_CONFIGS, _CONFIGS)
def test_first_difference(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert first_difference(a, a, "model") is None
    there, back = first_difference(a, b, "model"), first_difference(b, a, "model")
    if there is None:
        assert back is None
        return
    key, in_a, in_b = there
    assert back == (key, in_b, in_a), "the same key whichever way round"
    assert in_a != in_b
    assert (_at(a, key), _at(b, key)) == (in_a, in_b)


@given(_CONFIGS, st.text("abc", min_size=1, max_size=2), st.integers(1, 9))
def test_a_changed_value_is_found(a: dict[str, Any], key: str, value: int) -> None:
    changed = {**a, key: ["changed", value]}
    found = first_difference(a, changed, "model")
    assert found is not None
    assert found[0] == f"model.{key}"


def test_another_network_is_refused_with_the_key_to_set(tmp_path: Path) -> None:
    here, theirs = (bind(composed("experiment=smoke", f"model.maxdisp={n}")) for n in (96, 64))
    there = {"stage": "float", "config": asdict(theirs)}
    with pytest.raises(CheckpointError, match=r"model\.maxdisp=96: .* has 64; add model\.maxdisp=64"):
        check_same_network(there, here.model, here.quant, tmp_path / "c")
    check_same_network(there, theirs.model, theirs.quant, None)


def test_a_checkpoint_from_before_expansion_is_of_the_network_that_has_the_default(tmp_path: Path) -> None:
    """Its header lacks the key; the network that it was trained as had what is the default now."""
    path, config = tmp_path / "c.safetensors", bind(composed("experiment=smoke"))
    older = asdict(config)
    del older["model"]["backbone"]["expansion"]
    model = build_network(config.model)
    save_checkpoint(path, {**META, "config": older}, {"model": model.state_dict()})
    checkpoint = load_checkpoint(path)
    check_same_network(checkpoint.meta, config.model, config.quant, path)
    theirs = network_of(checkpoint.meta)
    assert theirs.model == config.model
    load_weights(build_network(theirs.model), checkpoint)
    narrower = bind(composed("experiment=smoke", "model.backbone.expansion=[1,2,2,1,1]"))
    told = r"model\.backbone\.expansion=\[1.*\]: .* has \[2.*\]; add model\.backbone\.expansion=\[2"
    with pytest.raises(CheckpointError, match=told):
        check_same_network(checkpoint.meta, narrower.model, narrower.quant, path)
