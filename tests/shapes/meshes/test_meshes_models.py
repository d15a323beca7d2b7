"""Models from outside: what is read of OBJ and glTF, what is skipped, what catalogues say."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

# ruff: noqa: E402
for wheel in ("embreex", "numba", "trimesh"):
    pytest.importorskip(wheel, reason="extra [render]")

import trimesh

from data_tools.render import main
from stereo_exp.base import ArgumentError
from stereo_exp.shapes.meshes.kinds.views import sample_views
from stereo_exp.shapes.meshes.models import find_models, read_model
from stereo_exp.shapes.meshes.paints import GAMMA

# A wedge, y up: 2 wide, 1 deep (z), 0.5 high at its back (z = -1), with its picture on the slope.
OBJ = """mtllib wedge.mtl
v 0 0 0
v 2 0 0
v 2 0.5 -1
v 0 0.5 -1
v 0 0 -1
v 2 0 -1
vt 0 0
vt 1 0
vt 1 1
vt 0 1
usemtl skin
f 1/1 2/2 3/3
f 1/1 3/3 4/4
usemtl dull
f 5/1 4/2 3/3
f 5/1 3/3 6/4
"""
MTL = """newmtl skin
Kd 1 1 1
map_Kd skin.png
newmtl dull
Kd 0.25 0.5 1.0
"""


def write_wedge(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "wedge.obj").write_text(OBJ)
    (folder / "wedge.mtl").write_text(MTL)
    picture = np.zeros((8, 16, 3), np.uint8)
    picture[:4] = 255, 0, 0  # the upper half red
    picture[4:] = 0, 0, 255
    Image.fromarray(picture).save(folder / "skin.png")
    return folder / "wedge.obj"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_wedge(tmp_path / "models" / "a")
    for k in range(2):
        trimesh.creation.icosphere(2, 0.1 + 0.1 * k).export(tmp_path / "models" / f"ball{k}.glb")
    (tmp_path / "models" / "bad.obj").write_text("v 1 2\nf 1 2 3\n")
    (tmp_path / "models" / "empty.gltf").write_text("{")
    return tmp_path / "models"


def test_a_bad_file_is_skipped_and_counted(folder: Path) -> None:
    shelf = find_models(folder)
    assert [Path(source.path).name for source in shelf.sources] == ["wedge.obj", "ball0.glb", "ball1.glb"]
    assert sorted(Path(name).name for name, _ in shelf.skipped) == ["bad.obj", "empty.gltf"]
    assert all(reason for _, reason in shelf.skipped)


def test_axes_size_and_picture_of_a_model(folder: Path) -> None:
    model = read_model(find_models(folder).sources[0])
    mesh = model.thing.mesh
    np.testing.assert_allclose(mesh.bounds, [[-1, -0.5, 0], [1, 0.5, 0.5]], atol=1e-6)
    # What was up the slope and away from the viewer still is.
    assert mesh.vertices[mesh.vertices[:, 2] > 0.4][:, 1] == pytest.approx(0.5)
    (slope,) = {int(slot) for slot in mesh.slots if model.materials[slot].paint is not None}
    on_slope = mesh.slots == slope
    tall = mesh.vertices[mesh.faces[on_slope]][..., 2].ravel()
    np.testing.assert_allclose(mesh.uv[on_slope][..., 1].ravel(), (tall > 0.4).astype(float), atol=1e-6)
    paint = model.materials[slope].paint
    assert paint is not None
    assert tuple(paint.tile[0, 0]) == (255, 0, 0)
    assert tuple(paint.tile[-1, 0]) == (0, 0, 255)
    (dull,) = [material for material in model.materials if material.paint is None]
    np.testing.assert_allclose(dull.tint, np.array([0.25, 0.5, 1.0]) ** GAMMA, atol=0.01)


def test_what_is_not_in_metres_is_scaled(tmp_path: Path) -> None:
    for name, size in (("centimetres", 40.0), ("anything", 1e6)):
        trimesh.creation.box((size, size / 2, size / 4)).export(tmp_path / f"{name}.obj")
    sizes = {Path(s.path).stem: read_model(s).thing.size.max() for s in find_models(tmp_path).sources}
    assert sizes["centimetres"] == pytest.approx(0.4)
    assert sizes["anything"] == pytest.approx(0.5)


def test_a_catalogue_knows_sizes_and_elevation(tmp_path: Path) -> None:
    write_wedge(tmp_path / "source")
    catalogue = tmp_path / "catalogue" / "some.sh3f"
    catalogue.parent.mkdir()
    lines = ["id=x", "name#1=Wedge", "model#1=/wedge/wedge.obj", "width#1=80", "depth#1=40", "height#1=20",
             "elevation#1=120", "name#2=Gone", "model#2=/gone.obj", "width#2=1", "depth#2=1", "height#2=1"]  # fmt: skip
    with zipfile.ZipFile(catalogue, "w") as archive:
        archive.writestr("PluginFurnitureCatalog.properties", "\n".join(lines))
        for path in (tmp_path / "source").iterdir():
            archive.write(path, f"wedge/{path.name}")
    (source,) = find_models(catalogue.parent).sources
    model = read_model(source)
    np.testing.assert_allclose(model.thing.size, [0.8, 0.4, 0.2], atol=1e-6)
    assert model.elevation == pytest.approx(1.2)
    assert any(material.paint is not None for material in model.materials)


def test_no_model_at_all_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.obj").write_text("v 1 2\nf 1 2 3\n")
    for wrong in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ArgumentError, match=r"^folder="):
            find_models(wrong)
        with pytest.raises(SystemExit):
            main(["--out", str(tmp_path / "set"), "--models", str(wrong)])
        assert "--models" in capsys.readouterr().err


def test_scenes_show_models(folder: Path) -> None:
    sources = find_models(folder).sources
    (with_models,) = sample_views("tabletop", 1, 40, 80, wanted=(0,), models=sources)
    (without,) = sample_views("tabletop", 1, 40, 80, wanted=(0,))
    assert (with_models.pair.left != without.pair.left).any()


def test_switches_of_the_command_line_are_recorded(tmp_path: Path, capsys) -> None:
    from stereo_exp.shapes.meshes.kinds import MESH_WEIGHTS

    small = ["--train", "1", "--test", "0", "--size", "40x80", "--workers", "1", "--seed", "3"]
    main(["--out", str(tmp_path / "set"), *small, "--flat"])
    path = tmp_path / "set" / "shapes.json"
    record = json.loads(path.read_text())
    assert (record["lit"], record["floaters"]) == (False, True)
    assert record["scenes"] == dict(sorted(MESH_WEIGHTS.items())), "a switch alone asks for scenes of meshes"
    # Records from before the switches are of sets that were lit.
    del record["lit"]
    path.write_text(json.dumps(record))
    for wrong in (["--flat"], ["--no-floaters"], ["--flat", "--scenes", "room=1"]):
        with pytest.raises(SystemExit):
            main(["--out", str(tmp_path / "set"), *small, *wrong])
        assert "lit" in capsys.readouterr().err or wrong == ["--no-floaters"]


def test_one_command_renders_with_a_folder_of_models(folder, tmp_path: Path, capsys) -> None:
    main(["--out", str(tmp_path / "set"), "--models", str(folder), "--train", "2", "--test", "1", "--size", "40x80",
          "--scenes", "dense=1", "--workers", "1"])  # fmt: skip
    out = capsys.readouterr()
    summary = json.loads(out.out)
    assert (summary["models"], summary["models_skipped"], summary["rendered"]) == (3, 2, 3)
    assert out.err.count("skipped") == 2
    record = json.loads((tmp_path / "set" / "shapes.json").read_text())
    assert record["dataset"] == "scenes"
    assert len(record["models"]) == 8
    with pytest.raises(SystemExit):
        main(["--out", str(tmp_path / "set"), "--train", "2", "--test", "1", "--size", "40x80", "--scenes", "dense=1"])
    assert "models" in capsys.readouterr().err
