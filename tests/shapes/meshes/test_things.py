"""Every kind of thing, several of each: closed parts, true sizes, paint to scale, few triangles, no two alike."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from bodies import count_open_edges, measure_areas, measure_scale, measure_volumes

from stereo_exp.base import ArgumentError
from stereo_exp.shapes.meshes.thing import PLACES, Thing
from stereo_exp.shapes.meshes.things.catalogue import MODULES, THINGS, build_thing, choose_maker, list_makers
from stereo_exp.shapes.meshes.things.kit import Kit
from stereo_exp.shapes.meshes.things.maker import register

SEEDS = range(3)
MOST_TRIANGLES = 21_000
LARGEST = {"surface": 0.85, "floor": 3.2, "wall": 2.7, "ceiling": 1.6, "ground": 11.0, "air": 3.2}
"""The longest side that a thing of a place may have, metres."""
SIZES = {
    "armchair": ((0.6, 1.1), (0.6, 1.2), (0.7, 1.1)), "bed": ((0.9, 1.9), (1.9, 2.3), (0.4, 1.3)),
    "bicycle": ((1.3, 2.0), (0.35, 0.75), (0.75, 1.1)), "bicycle_wheel": ((0.2, 0.75), (0.02, 0.75), (0.35, 0.75)),
    "book": ((0.03, 0.5), (0.1, 0.45), (0.005, 0.4)), "bookcase": ((0.35, 2.1), (0.2, 0.45), (0.5, 3.0)),
    "bottle": ((0.02, 0.2), (0.02, 0.2), (0.09, 0.4)), "bush": ((0.2, 2.4), (0.2, 2.4), (0.2, 1.8)),
    "car": ((3.3, 5.4), (1.6, 2.3), (1.3, 2.2)), "chair": ((0.35, 0.65), (0.35, 0.75), (0.7, 1.2)),
    "cup": ((0.05, 0.2), (0.05, 0.2), (0.05, 0.15)), "curtain": ((0.8, 2.4), (0.08, 0.2), (1.1, 2.6)),
    "desk": ((0.85, 1.8), (0.45, 0.9), (0.65, 1.2)), "door": ((0.8, 1.3), (0.02, 1.1), (1.95, 2.3)),
    "facade": ((2.9, 10.8), (0.4, 1.4), (2.8, 10.5)), "floor_lamp": ((0.2, 1.3), (0.2, 0.75), (1.2, 2.1)),
    "flowers": ((0.08, 0.7), (0.08, 0.7), (0.2, 0.9)), "fruit": ((0.03, 0.4), (0.03, 0.4), (0.03, 0.3)),
    "keyboard": ((0.25, 0.5), (0.08, 0.2), (0.01, 0.06)), "monitor": ((0.2, 0.8), (0.15, 0.3), (0.2, 1.0)),
    "picture": ((0.1, 1.3), (0.005, 0.06), (0.1, 1.3)), "plate": ((0.11, 0.35), (0.11, 0.35), (0.005, 0.1)),
    "rug": ((0.55, 2.5), (0.45, 1.7), (0.005, 0.5)), "sofa": ((1.2, 3.1), (0.7, 1.1), (0.6, 1.1)),
    "stool": ((0.2, 0.6), (0.2, 0.6), (0.28, 0.85)), "table": ((0.35, 2.2), (0.18, 2.2), (0.28, 0.82)),
    "teapot": ((0.12, 0.4), (0.1, 0.25), (0.1, 0.35)), "toy_car": ((0.03, 0.45), (0.03, 0.45), (0.02, 0.2)),
    "tree": ((0.6, 5.0), (0.6, 5.0), (1.2, 6.5)), "vase": ((0.03, 0.5), (0.03, 0.5), (0.07, 0.5)),
}  # fmt: skip
"""Width, depth and height that things of a kind may have, least and most, metres."""


@cache
def make(name: str, seed: int) -> Thing:
    return THINGS[name](np.random.default_rng(seed))


@pytest.mark.parametrize("name", THINGS)
def test_every_part_is_a_closed_body_that_looks_outwards(name: str) -> None:
    for seed in SEEDS:
        mesh = make(name, seed).mesh
        assert np.isfinite(mesh.vertices).all() and np.isfinite(mesh.uv).all()
        assert count_open_edges(mesh) == 0
        assert (measure_volumes(mesh) > 0).all()


@pytest.mark.parametrize("name", THINGS)
def test_it_stands_hangs_or_leans_where_it_belongs(name: str) -> None:
    places = THINGS[name].places
    for seed in SEEDS:
        thing = make(name, seed)
        low, high = thing.mesh.bounds
        assert thing.name == name and thing.places == places
        assert (high if "ceiling" in places else low)[2] == pytest.approx(0, abs=1e-5)
        assert low[0] == pytest.approx(-high[0], abs=1e-4)
        if "wall" in places:
            assert high[1] == pytest.approx(0, abs=1e-5)
        else:
            assert low[1] == pytest.approx(-high[1], abs=1e-4)


@pytest.mark.parametrize("name", THINGS)
def test_its_size_is_true(name: str) -> None:
    for seed in SEEDS:
        size = make(name, seed).size
        # None so thin that float32 cannot tell its sides apart.
        assert size.min() > 5e-4 and size.max() > 0.01
        assert size.max() <= min(LARGEST[place] for place in THINGS[name].places if place != "air" or size.max() > 3.2)
        for value, (least, most) in zip(size, SIZES.get(name, ()), strict=False):
            assert least <= value <= most, f"seed {seed}: {size}"


@pytest.mark.parametrize("name", THINGS)
def test_its_paint_is_in_metres(name: str) -> None:
    for seed in SEEDS:
        assert 0.72 < measure_scale(make(name, seed).mesh) < 1.3, f"seed {seed}"


@pytest.mark.parametrize("name", THINGS)
def test_its_triangles_are_few_and_have_areas(name: str) -> None:
    for seed in SEEDS:
        mesh = make(name, seed).mesh
        assert 12 <= len(mesh.faces) <= MOST_TRIANGLES
        assert (measure_areas(mesh) < 1e-11).mean() < 0.01


@pytest.mark.parametrize("name", THINGS)
def test_one_seed_is_one_thing_and_another_seed_another(name: str) -> None:
    one, again = make(name, 0).mesh, THINGS[name](np.random.default_rng(0)).mesh
    for key in ("vertices", "faces", "uv", "slots"):
        assert getattr(one, key).tobytes() == getattr(again, key).tobytes()
    drawn = {make(name, seed).mesh.vertices.tobytes() for seed in SEEDS}
    assert len(drawn) == len(SEEDS)


@pytest.mark.parametrize("name", THINGS)
def test_every_material_is_used(name: str) -> None:
    for seed in SEEDS:
        thing = make(name, seed)
        assert np.unique(thing.mesh.slots).tolist() == list(range(len(thing.stuffs)))


def test_there_are_kinds_for_every_place() -> None:
    number = {place: len(list_makers(place)) for place in PLACES}
    least = {"surface": 40, "floor": 30, "wall": 12, "ceiling": 4, "ground": 25, "air": 50}
    assert {place: count for place, count in number.items() if count < least[place]} == {}
    assert len(THINGS) == sum(
        len([m for m in THINGS.values() if m.draft.__module__ == each.__name__]) for each in MODULES
    )


def test_a_place_gets_what_belongs_there_by_the_shares() -> None:
    rng = np.random.default_rng(0)
    for place in PLACES:
        assert place in build_thing(rng, place).places
    drawn = [choose_maker(rng, "wall").name for _ in range(3000)]
    shares = {maker.name: maker.share for maker in list_makers("wall")}
    for name in ("picture", "coat_hanger"):
        assert drawn.count(name) / len(drawn) == pytest.approx(shares[name] / sum(shares.values()), abs=0.03)


def test_thin_things_have_wires_of_millimetres() -> None:
    """Spokes, strands, twigs: the thinnest bodies of a bicycle wheel are 2-3 mm thick."""
    for seed in SEEDS:
        mesh = make("bicycle_wheel", seed).mesh
        spokes = int((np.bincount(mesh.slots) > 0).sum())
        assert spokes >= 3
        volumes = np.sort(measure_volumes(mesh))
        length = float(make("bicycle_wheel", seed).size[2]) / 2
        assert 2 * np.sqrt(volumes[0] / (2 * length)) < 0.004


def test_an_unknown_place_and_a_taken_name_are_refused() -> None:
    with pytest.raises(ArgumentError, match="place"):
        list_makers("cellar")
    with pytest.raises(ArgumentError, match="places"):
        register("cellar")

    def build_chair(kit: Kit) -> None:
        """Another chair."""

    with pytest.raises(ArgumentError, match="chair"):
        register("floor")(build_chair)
