"""A user's own folder of models by one command; catalogues as Debian's sweethome3d-furniture has them."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

# ruff: noqa: E402
for wheel in ("embreex", "numba", "trimesh"):
    pytest.importorskip(wheel, reason="extra [render]")

import trimesh
from PIL import Image
from trimesh.exchange.gltf import export_gltf

from data_tools.render import main
from stereo_exp.geometry import read_rgb
from stereo_exp.shapes.meshes.furniture import Source, find_places, read_catalogue
from stereo_exp.shapes.meshes.kinds.furnished import Furnished
from stereo_exp.shapes.meshes.kinds.placing import draw_piece
from stereo_exp.shapes.meshes.models import find_models, read_model


def write_ten(folder: Path) -> None:
    """Ten models as people have them: OBJ and glTF, with colours, a picture, several parts, in folders."""
    (folder / "more").mkdir(parents=True)
    make = trimesh.creation
    plain = {
        "box.obj": make.box((0.4, 0.3, 0.2)),
        "can.obj": make.cylinder(0.05, 0.12),
        "ball.glb": make.icosphere(2, 0.1),
        "cone.glb": make.cone(0.1, 0.3),
        "more/pill.obj": make.capsule(0.2, 0.05),
        "more/ring.glb": make.annulus(0.1, 0.2, 0.05),
    }
    for name, mesh in plain.items():
        mesh.export(folder / name)
    for name, data in export_gltf(trimesh.Scene(make.box((0.5, 1.8, 0.4)))).items():
        (folder / "more" / name.replace("model.gltf", "tall.gltf")).write_bytes(data)
    red = make.box((0.2, 0.2, 0.2))
    red.visual.vertex_colors = (200, 30, 30, 255)
    red.export(folder / "red.glb")
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8))
    panel = make.box((0.6, 0.4, 0.05))
    uv = panel.vertices[:, :2] / [0.6, 0.4] + 0.5
    panel.visual = trimesh.visual.TextureVisuals(uv, material=trimesh.visual.material.SimpleMaterial(image=picture))
    panel.export(folder / "panel.obj")
    table = trimesh.Scene()
    table.add_geometry(make.box((1.0, 0.05, 0.6)), transform=trimesh.transformations.translation_matrix((0, 0.7, 0)))
    for x in (-0.4, 0.4):
        leg = trimesh.transformations.translation_matrix((x, 0.35, 0))
        table.add_geometry(make.box((0.05, 0.7, 0.05)), transform=leg)
    table.export(folder / "table.glb")


def test_ten_models_and_a_bad_file_are_rendered_by_one_command(tmp_path: Path, capsys) -> None:
    write_ten(tmp_path / "mine")
    (tmp_path / "mine" / "broken.glb").write_bytes((tmp_path / "mine" / "ball.glb").read_bytes()[:100])
    small = ["--train", "2", "--test", "0", "--size", "40x80", "--workers", "1", "--scenes", "dense=1"]
    main(["--out", str(tmp_path / "set"), "--models", str(tmp_path / "mine"), *small])
    told = capsys.readouterr()
    summary = json.loads(told.out)
    assert (summary["models"], summary["models_skipped"], summary["rendered"]) == (10, 1, 2)
    assert told.err.count("skipped") == 1
    assert "broken.glb" in told.err
    main(["--out", str(tmp_path / "without"), *small])
    views = [read_rgb(min((tmp_path / name).rglob("left/*.png"))) for name in ("set", "without")]
    assert (views[0] != views[1]).any()


def test_what_ten_models_look_like_is_read(tmp_path: Path) -> None:
    write_ten(tmp_path)
    models = {Path(source.path).name: read_model(source) for source in find_models(tmp_path).sources}
    assert len(models) == 10
    np.testing.assert_allclose(models["box.obj"].thing.size, [0.4, 0.2, 0.3], atol=1e-5)
    assert models["panel.obj"].materials[0].paint is not None
    assert models["red.glb"].materials[0].tint[0] > 3 * models["red.glb"].materials[0].tint[1]
    assert len(models["table.glb"].materials) == 3
    np.testing.assert_allclose(models["table.glb"].thing.size, [1.0, 0.6, 0.725], atol=1e-5)
    assert models["tall.gltf"].thing.places == ("floor", "ground", "air")
    assert models["can.obj"].thing.places == ("surface", "air")


PIECES = [
    {"name": "Wardrobe", "category": "Bedroom", "width": 120, "depth": 60, "height": 200},
    {"name": "Mirror", "category": "Bathroom", "width": 50, "depth": 4, "height": 70, "elevation": 115},
    {"name": "Pendant", "category": "Lights", "width": 40, "depth": 40, "height": 60, "elevation": 190},
    {"name": "Car", "category": "Vehicles", "width": 180, "depth": 420, "height": 150},
    {"name": "Gone", "category": "Office", "width": 10, "depth": 10, "height": 10, "model": "/office/gone.obj"},
    {"name": "Vague", "category": "Office", "width": 10, "depth": 10},
    {"name": "Endless", "category": "Office", "width": "nan", "depth": 10, "height": 10},
    {"name": "Lying", "category": "Office", "width": 30, "depth": 20, "height": 10,
     "modelRotation": "1 0 0 0 0 1 0 -1 0"},
]  # fmt: skip
GOOD = ("Wardrobe", "Mirror", "Pendant", "Car", "Lying")


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    """A catalogue laid out as those of the package: a file of properties, models in folders, other languages."""
    # Its tip at z = 3, which is towards the viewer where y is up.
    mesh = trimesh.creation.cone(1, 3)
    mesh.export(tmp_path / "thing.obj")
    lines = ["# PluginFurnitureCatalog.properties", "id=Test#Models", "license=Public domain  Copyright \xa9 2026", ""]
    path = tmp_path / "furniture" / "Test.sh3f"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        for number, piece in enumerate(PIECES, 1):
            name = str(piece["name"]).lower()
            model = piece.get("model", f"/test/{name}/{name}.obj")
            facts = {
                "id": f"Test#{name}",
                "tags": "",
                "icon": f"/test/{name}.png",
                "movable": "true",
                "model": model,
                **piece,
            }
            lines += [f"{key}#{number}={value}" for key, value in facts.items()] + [""]
            if "model" not in piece:
                archive.write(tmp_path / "thing.obj", str(model).lstrip("/"))
        text = "\r\n".join(lines).encode("latin-1")
        archive.writestr("PluginFurnitureCatalog.properties", text)
        archive.writestr("PluginFurnitureCatalog_de.properties", b"name#1=Schrank\n")
        archive.writestr("LICENSE.TXT", b"")
    return path


def test_a_catalogue_says_what_its_models_are(catalogue: Path) -> None:
    sources, skipped = read_catalogue(catalogue)
    assert [Path(source.member).stem for source in sources] == [name.lower() for name in GOOD]
    assert sources[0].size == pytest.approx((1.2, 0.6, 2.0))
    assert sources[1].elevation == pytest.approx(1.15)
    assert [source.category for source in sources] == ["Bedroom", "Bathroom", "Lights", "Vehicles", "Office"]
    assert [(Path(name).name, reason) for name, reason in skipped] == [
        ("Test.sh3f#5", "office/gone.obj is not in the catalogue"),
        ("Test.sh3f#6", "has no height"),
        ("Test.sh3f#7", "nan is no length"),
    ]


def test_bad_catalogues_and_pieces_are_skipped_and_counted(catalogue: Path) -> None:
    (catalogue.parent / "torn.sh3f").write_bytes(catalogue.read_bytes()[:500])
    with zipfile.ZipFile(catalogue.parent / "empty.sh3f", "w") as archive:
        archive.writestr("readme", b"")
    shelf = find_models(catalogue.parent)
    assert len(shelf.sources) == len(GOOD)
    assert [Path(name).name for name, _ in shelf.skipped] == [
        "Test.sh3f#5", "Test.sh3f#6", "Test.sh3f#7", "empty.sh3f", "torn.sh3f",
    ]  # fmt: skip


def test_models_are_turned_and_scaled_as_the_catalogue_says(catalogue: Path) -> None:
    models = {source.member: read_model(source) for source in find_models(catalogue.parent).sources}
    for name, piece in ((str(each["name"]), each) for each in PIECES if each["name"] in GOOD):
        model = models[f"test/{name.lower()}/{name.lower()}.obj"]
        wanted = [float(piece[key]) / 100 for key in ("width", "depth", "height")]  # type: ignore[arg-type]
        np.testing.assert_allclose(model.thing.size, wanted, atol=1e-5)
    # Modelled with z up, the tip of what is turned is at the top.
    for member, axis, end in (("test/lying/lying.obj", 2, 1), ("test/car/car.obj", 1, 0)):
        mesh = models[member].thing.mesh
        tips = mesh.vertices[np.abs(mesh.vertices[:, axis] - mesh.bounds[end, axis]) < 1e-5]
        assert np.ptp(tips, axis=0).max() < 1e-5, "one point alone"
    pendant = models["test/pendant/pendant.obj"]
    assert pendant.thing.places == ("ceiling",)
    assert pendant.thing.mesh.bounds[:, 2] == pytest.approx([-0.6, 0.0])


@pytest.mark.parametrize(
    ("category", "elevation", "size", "places"),
    [
        ("Living room", 0.0, 1.8, ("floor", "air")),
        ("Kitchen", 1.5, 0.6, ("wall",)),
        ("Miscellaneous", 1.0, 0.3, ("wall", "air")),
        ("Doors and windows", 0.0, 2.1, ("wall",)),
        ("Lights", 2.0, 0.4, ("ceiling",)),
        ("Lights", 1.4, 0.3, ("wall", "air")),
        ("Lights", 0.0, 0.4, ("surface", "air")),
        ("Exterior", 0.0, 5.0, ("ground",)),
        ("Characters", 0.0, 1.8, ("floor", "ground", "air")),
        ("Staircases", 0.0, 3.2, ("floor",)),
        ("", 0.0, 5.0, ("ground",)),
        ("", 0.0, 0.2, ("surface", "air")),
    ],
)
def test_category_and_elevation_say_where_a_model_belongs(category, elevation, size, places) -> None:
    source = Source("some.sh3f", "a.obj", (size,) * 3, elevation, category)
    assert find_places(source, size, size) == places


def test_rooms_keep_to_elevations_and_backs(catalogue: Path) -> None:
    sources = find_models(catalogue.parent).sources
    models = {Path(source.member).stem: read_model(source) for source in sources}
    rng = np.random.default_rng(3)
    seen = dict.fromkeys(("mirror", "pendant", "wardrobe"), 0)
    world = Furnished(rng, sources)
    # One of each at least, whatever was drawn.
    for name, where, pieces in (
        ("mirror", "wall", world._hung),
        ("pendant", "ceiling", world._lamps),
        ("wardrobe", "floor", world._furniture),
    ):
        drawn = (draw_piece(rng, world.dresser, where) for _ in range(40))
        pieces.append(next(piece for piece in drawn if piece.mesh is models[name].thing.mesh))
    for _ in range(2):
        for placed in world.arrange(rng).placed:
            if placed.floats:
                continue
            for name in seen:
                if placed.mesh is not models[name].thing.mesh:
                    continue
                seen[name] += 1
                low, high = placed.mesh.transform(placed.matrix).bounds
                gaps = np.array([world.room.wide, world.room.deep]) / 2 - np.maximum(high, -low)[:2]
                if name == "mirror":
                    assert low[2] == pytest.approx(1.15, abs=1e-4), "at its elevation"
                    assert gaps.min() < 0.01, "flat on the wall"
                elif name == "pendant":
                    assert high[2] == pytest.approx(world.room.high, abs=0.01), "from the ceiling"
                else:
                    assert low[2] == pytest.approx(0, abs=1e-4)
                    assert gaps.min() < 0.1, "its back to a wall"
            assert placed.mesh is not models["car"].thing.mesh, "cars stay outdoors"
    assert min(seen.values()) > 0, seen
